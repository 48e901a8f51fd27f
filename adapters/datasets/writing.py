"""Pairs to disk in the plain form: `pairs.jsonl` beside content-addressed `images/`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import frozen

from parrot.backends.images import original_bytes
from parrot.core.errors import ConfigError, RecordError
from parrot.core.records.pairs import pair_to_record
from parrot.core.values import Image, PreferencePair, Unloadable

PAIRS: Final = "pairs.jsonl"
UNLOADABLE: Final = "unloadable.jsonl"
_SUFFIX = {"image/jpeg": "jpg"}


@frozen(slots=True)
class Written:
    """What was written: counts of pairs and of those left out, and where."""

    pairs: int
    unloadable: int
    file: Path


def write_pairs(pairs: Iterable[PreferencePair | Unloadable], out: Path) -> Written:
    """Writes the pairs in their order; those without images go to `unloadable.jsonl`.

    The file takes its name when all is written. The same pairs give the same bytes. Raises
    ConfigError where `out` already has pairs, RecordError where no pair is left.
    """
    place = out / PAIRS
    if place.exists():
        raise ConfigError(f"{place} exists already")
    out.mkdir(parents=True, exist_ok=True)
    unfinished = out / f"{PAIRS}.partial"
    try:
        written, lost = _write(pairs, unfinished, out)
        _write_lost(lost, out)
        if not written:
            raise RecordError(f"no pair could be loaded; {out / UNLOADABLE} says why")
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
    return Written(written, len(lost), place)


def _write(
    pairs: Iterable[PreferencePair | Unloadable], place: Path, out: Path
) -> tuple[int, list[Unloadable]]:
    count, lost = 0, []
    with place.open("w", encoding="utf-8", newline="\n") as file:
        for pair in pairs:
            if isinstance(pair, Unloadable):
                lost.append(pair)
                continue
            record = pair_to_record(pair, image_ref=lambda image: save_image(image, out))
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count, lost


def _write_lost(lost: Iterable[Unloadable], out: Path) -> None:
    lines = [json.dumps({"id": one.id, "reason": one.reason}, ensure_ascii=False) for one in lost]
    if lines:
        (out / UNLOADABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_image(image: Image, out: Path) -> str:
    """The image's path from `out`, under its digest; written there unless it is there already."""
    suffix = _SUFFIX.get(image.media_type, image.media_type.partition("/")[2])
    name = f"images/{image.sha256[:2]}/{image.sha256}.{suffix}"
    place = out / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(".partial")
        part.write_bytes(original_bytes(image))
        part.replace(place)
    return name
