"""Named tensors and plain facts in a folder of small safetensors shards, replaced whole or not at all.

Knows nothing of training. New shards are written under new names, then the index that names them
takes the old one's place in one step, then the shards that no index names go: a kill at any moment
leaves the previous contents complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import torch
from attrs import frozen
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from parrot.core.errors import ConfigError

INDEX: Final = "index.json"
SCHEMA: Final = 1
SHARD_BYTES: Final = 14 * 2**20
"""Most bytes of tensors in one shard; with its header a file stays below 15 MB."""


@frozen(slots=True)
class Contents:
    """What a folder holds. facts: plain JSON data."""

    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]


def write(
    folder: str | Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]
) -> tuple[Path, ...]:
    """Puts tensors and facts in the place of what the folder held; returns the shards' paths."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    shards: dict[str, list[str]] = {}
    for parts in _packed(tensors):
        data = to_bytes(parts)
        name = f"{sha256(data).hexdigest()[:24]}.safetensors"
        if name not in shards:
            _put(home / name, data)
        shards[name] = list(parts)
    index = {"schema": SCHEMA, "facts": dict(facts), "shapes": shapes, "shards": shards}
    _put(home / INDEX, (json.dumps(index, separators=(",", ":")) + "\n").encode())
    _sweep(home, keep=frozenset(shards))
    return tuple(home / name for name in shards)


def load(folder: str | Path) -> Contents | None:
    """What the folder holds; None where it holds nothing yet.

    Raises ConfigError where the index or a shard is unreadable, absent or altered.
    """
    home = Path(folder)
    if not (home / INDEX).exists():
        return None
    try:
        index = json.loads((home / INDEX).read_text(encoding="utf-8"))
        shards, shapes, facts = index["shards"], index["shapes"], index["facts"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{home / INDEX} is no index of shards: {error!r}") from error
    if index.get("schema") != SCHEMA:
        raise ConfigError(f"{home / INDEX} has schema {index.get('schema')!r}, not {SCHEMA}")
    parts: dict[str, torch.Tensor] = {}
    for name in shards:
        parts |= _read(home / name)
    return Contents(_joined(parts, shapes), facts)


def _packed(tensors: Mapping[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
    """Flat parts of the tensors, as many to a shard as its size allows."""
    held: dict[str, torch.Tensor] = {}
    room = SHARD_BYTES
    for name, tensor in tensors.items():
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        most = SHARD_BYTES // flat.element_size()
        for k, part in enumerate(flat.split(most) if flat.numel() else (flat,)):
            size = part.numel() * part.element_size()
            if size > room and held:
                yield held
                held, room = {}, SHARD_BYTES
            held[f"{name}#{k}"] = part.clone()
            room -= size
    if held:
        yield held


def _joined(
    parts: Mapping[str, torch.Tensor], shapes: Mapping[str, list[int]]
) -> dict[str, torch.Tensor]:
    by_name: dict[str, list[tuple[int, torch.Tensor]]] = {name: [] for name in shapes}
    for key, part in parts.items():
        name, _, place = key.rpartition("#")
        by_name[name].append((int(place), part))
    return {
        name: torch.cat([part for _, part in sorted(held, key=lambda one: one[0])]).reshape(
            shapes[name]
        )
        for name, held in by_name.items()
    }


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the shard {path} cannot be read: {error}") from error
    if sha256(data).hexdigest()[:24] != path.stem:
        raise ConfigError(f"the shard {path} is not what was written")
    held: dict[str, torch.Tensor] = from_bytes(data)
    return held


def _put(path: Path, data: bytes) -> None:
    """The file with these bytes, on the disk before it has its name."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _sweep(home: Path, *, keep: frozenset[str]) -> None:
    for path in (*home.glob("*.safetensors"), *home.glob("*.partial")):
        if path.name not in keep:
            path.unlink(missing_ok=True)
