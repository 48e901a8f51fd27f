"""A run's state on disk: one file that is whole or is not there, so that a kill at any time is safe.

Everything random depends on seed and step alone, so weights, their average, the optimizer and the
step are all of it: a run that went on has the weights of one that never stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from parrot.backends.diffusers.tune.policy import Policy
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError

STATE: Final = "state.safetensors"
LOG: Final = "log.jsonl"
SCHEMA: Final = 1


def save(
    folder: Path,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    facts: Mapping[str, Any],
) -> None:
    """Writes the state after `step` steps. facts: what a run that goes on must agree with."""
    from safetensors.torch import save as to_bytes

    tensors = {f"trained/{k}": v.detach() for k, v in policy.weights.items()}
    tensors |= {f"drawing/{k}": v for k, v in policy.drawing.items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{slot}": torch.as_tensor(v) for slot, v in slots.items()}
    plain = {name: one.cpu().contiguous() for name, one in tensors.items()}
    told = {"schema": str(SCHEMA), "step": str(step), "facts": json.dumps(facts, sort_keys=True)}
    partial = folder / f"{STATE}.partial"
    with partial.open("wb") as file:
        file.write(to_bytes(plain, metadata=told))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / STATE)


def resume(
    folder: Path,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    *,
    facts: Mapping[str, Any],
) -> int:
    """Takes up a saved state and returns its step; 0 where there is none.

    Raises ConfigError for a damaged one, and where the facts are others.
    """
    place = folder / STATE
    if not place.exists():
        return 0
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(place, framework="pt") as file:  # type: ignore[no-untyped-call]
            told = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        step, known = int(told["step"]), json.loads(told["facts"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{place} is no state of a run: {error}") from error
    refuse_another(place.parent, known, facts)
    policy.load(_under("trained/", tensors), _under("drawing/", tensors))
    slots: dict[int, dict[str, Any]] = {}
    for name, value in _under("adam/", tensors).items():
        index, _, slot = name.partition("/")
        slots.setdefault(int(index), {})[slot] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    return step


def shorten_log(folder: Path, step: int) -> None:
    """Takes off lines of steps that come again."""
    place = folder / LOG
    if not place.exists():
        return
    lines = place.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _step(line) is not None and (_step(line) or 0) < step]
    place.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _step(line: str) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None  # cut by a kill


def _under(head: str, held: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(head): v for k, v in held.items() if k.startswith(head)}
