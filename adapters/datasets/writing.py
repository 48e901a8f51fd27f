"""Pairs to disk in the plain form: `pairs.jsonl` beside content-addressed `images/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from attrs import frozen

from parrot.adapters.datasets.rows import PAIRS
from parrot.adapters.disk import json_text
from parrot.backends.images import original_bytes
from parrot.core.errors import ConfigError, RecordError
from parrot.core.records.pairs import pair_to_record
from parrot.core.values import Image, PreferencePair, Unloadable

UNLOADABLE: Final = "unloadable.jsonl"
_SUFFIX = {"image/jpeg": "jpg"}


@frozen(slots=True)
class Written:
    """What was written: counts of pairs and of those left out, and where."""

    pairs: int
    unloadable: int
    file: Path


class PairWriter:
    """Writes pairs of one file in the order they come; a context manager.

    The file takes its name on leaving without an error; otherwise nothing of it is left. Raises
    ConfigError on entering where it exists already.
    """

    def __init__(self, out: Path, name: str = PAIRS) -> None:
        self.out, self.file, self.count = out, out / name, 0
        self._partial = out / f"{name}.partial"

    def __enter__(self) -> Self:
        if self.file.exists():
            raise ConfigError(f"{self.file} exists already")
        self.out.mkdir(parents=True, exist_ok=True)
        self._handle = self._partial.open("w", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()
        if kind is None:
            self._partial.replace(self.file)
        else:
            self._partial.unlink()

    def add(self, pair: PreferencePair) -> None:
        """Writes a pair; its images go beside the file. Raises ImageError."""
        record = pair_to_record(pair, image_ref=lambda image: save_image(image, self.out))
        self._handle.write(json_text(record) + "\n")
        self.count += 1


def write_pairs(pairs: Iterable[PreferencePair | Unloadable], out: Path) -> Written:
    """Writes the pairs in their order; those without images go to `unloadable.jsonl`.

    The same pairs give the same bytes. Raises ConfigError where `out` already has pairs,
    RecordError where no pair is left.
    """
    with PairWriter(out) as writer:
        lost = []
        for pair in pairs:
            if isinstance(pair, Unloadable):
                lost.append(pair)
            else:
                writer.add(pair)
        write_unloadable(lost, out)
        if not writer.count:
            raise RecordError(f"no pair could be loaded; {out / UNLOADABLE} says why")
    return Written(writer.count, len(lost), writer.file)


def write_unloadable(lost: Iterable[Unloadable], out: Path) -> None:
    """Writes what could not be loaded, and why; no file where all could."""
    lines = [json_text({"id": one.id, "reason": one.reason}) for one in lost]
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
