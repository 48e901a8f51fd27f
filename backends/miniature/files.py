"""Pairs on disk: `pairs.jsonl` in the plain form, `images/` beside it, the truth in its own file.

Files appear whole or not at all. Knows nothing of how pairs come about.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, frozen

from parrot.backends.miniature.pairs import (
    WORLD,
    checked_split,
    checked_task,
    stream,
    truth_to_dict,
)
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError
from parrot.core.records.pairs import pair_to_record
from parrot.core.values import Image, PreferencePair

PAIRS: Final = "pairs.jsonl"
TRUTH: Final = "truth.jsonl"
PARAMETERS: Final = "miniature.json"
IMAGES: Final = "images"

Progress = Callable[[int, int], None]
"""Called with how many pairs are written, of how many."""


@frozen(slots=True)
class Parameters:
    """What decides every byte of the files."""

    n: int
    seed: int
    task: str
    split: str
    dimension_labels: bool
    world: int = WORLD


@frozen(slots=True)
class Written:
    """Where the pairs lie. again: they were there already, and were left as they are."""

    pairs: Path
    truth: Path
    n: int
    again: bool


def image_path(image: Image) -> str:
    """An image's path from the folder of `pairs.jsonl`."""
    return f"{IMAGES}/{image.sha256[:16]}.png"


def _keep(folder: Path, image: Image) -> str:
    assert isinstance(image.source, bytes)
    name = image_path(image)
    path = folder / name
    try:
        whole = path.stat().st_size == len(image.source)
    except FileNotFoundError:
        whole = False
    if not whole:
        path.write_bytes(image.source)
    return name


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def _claim(folder: Path, wanted: Parameters) -> bool:
    """Whether the folder holds these very pairs. Raises ConfigError where it holds others."""
    noted = folder / PARAMETERS
    if noted.exists():
        try:
            held = json.loads(noted.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"{noted} cannot be read: {error}") from error
        refuse_another(folder, held, asdict(wanted), what="set of pairs")
        return (folder / PAIRS).exists() and (folder / TRUTH).exists()
    if (folder / PAIRS).exists():
        raise ConfigError(
            f"{folder} holds pairs that are not the miniature's; choose another folder"
        )
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    _whole(noted, json.dumps(asdict(wanted), indent=1) + "\n")
    return False


def _whole(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _record(pair: PreferencePair, folder: Path, *, dimension_labels: bool) -> dict[str, Any]:
    kept = pair if dimension_labels else evolve(pair, dimension_labels={})
    return pair_to_record(kept, image_ref=lambda image: _keep(folder, image))


def write_pairs(
    out_dir: str | Path,
    n: int,
    *,
    seed: int = 0,
    task: str = "both",
    split: str = "train",
    dimension_labels: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Writes `n` pairs with their images and truth; the same parameters again change nothing.

    Raises ConfigError where the folder holds other pairs, or a parameter makes no sense.
    """
    if n < 1:
        raise ConfigError(f"the number of pairs must be at least 1, not {n}")
    made = stream(n, seed=seed, task=checked_task(task), split=checked_split(split))
    folder = Path(out_dir)
    result = Written(folder / PAIRS, folder / TRUTH, n, again=False)
    if _claim(folder, Parameters(n, seed, task, split, dimension_labels)):
        return evolve(result, again=True)
    partial = [path.with_name(path.name + ".partial") for path in (result.pairs, result.truth)]
    with ExitStack() as files:
        pairs, truths = (files.enter_context(p.open("w", encoding="utf-8")) for p in partial)
        for done, (pair, truth) in enumerate(made, start=1):
            pairs.write(_line(_record(pair, folder, dimension_labels=dimension_labels)))
            truths.write(_line(truth_to_dict(truth)))
            if progress and (done % 256 == 0 or done == n):
                progress(done, n)
    partial[1].replace(result.truth)
    partial[0].replace(result.pairs)
    return result
