"""What a run writes of each pair: its lines, by the file that they go to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.disk import explained, json_text
from parrot.core.candidates import Drop, Undecided
from parrot.core.merging import Entry
from parrot.core.outcomes import End, Fate, PairOutcome
from parrot.core.records.failures import StoredFailure, failure_to_record
from parrot.core.records.pairs import ImageRef, pair_to_record
from parrot.core.records.rationales import rationale_to_record
from parrot.core.values import Image, Unloadable

FILE_OF: Final = {
    End.KEPT: "rationales.jsonl",
    End.DROPPED: "dropped.jsonl",
    End.FAILED: "failed.jsonl",
}
OUTCOMES: Final = "outcomes.jsonl"
IN_RUN: Final = "run:"
_SUFFIX: Final = {"image/jpeg": ".jpg"}
_KEPT: Final = "everything answered before is stored"


class Encoder:
    """Outcomes to lines of JSON. Images that are in no file are written into the run's folder.

    images_root: absolute; image paths are written relative to it. Several processes may encode for
    one folder. Raises StoreFullError and StoreError.
    """

    def __init__(self, folder: Path, images_root: Path) -> None:
        self._folder, self._root = folder, images_root

    def entry(self, outcome: PairOutcome, place: int) -> Entry:
        """All that a run writes of one pair. place: where in the input it stood, from 0."""
        pair, lines = outcome.pair, self._lines(outcome)
        record = {
            "schema": 1,
            "id": pair.id,
            "place": place,
            "outcome": outcome.end.value,
            "rationales": {end.value: len(told) for end, told in lines.items()},
        }
        return Entry(place, pair.id, outcome.end, lines, _line(record))

    def _lines(self, outcome: PairOutcome) -> Mapping[End, tuple[bytes, ...]]:
        pair = outcome.pair
        shown = None if isinstance(pair, Unloadable) else pair_to_record(pair, image_ref=self._ref)
        lines: dict[End, tuple[bytes, ...]] = {}
        for fate in outcome.fates:
            if not isinstance(fate.verdict, Undecided):
                lines[fate.end] = (*lines.get(fate.end, ()), _line(_told(fate, shown)))
        failed = tuple(_line(failure_to_record(one)) for one in stored_failures(outcome))
        found = {**lines, End.FAILED: failed}
        return {end: found[end] for end in End if found.get(end)}

    def _ref(self, image: Image) -> ImageRef:
        if isinstance(image.source, str):
            return os.path.relpath(image.source, self._root)
        if not image.source:
            return f"absent:{image.sha256}"
        suffix = _SUFFIX.get(image.media_type, "." + image.media_type.partition("/")[2])
        name = f"images/{image.sha256[:32]}{suffix}"
        self._keep(self._folder / name, image.source)
        return f"{IN_RUN}{name}"

    def _keep(self, place: Path, data: bytes) -> None:
        with explained(place, _KEPT):
            if not place.exists():
                place.parent.mkdir(exist_ok=True, parents=True)
                # Under its name only when it is whole: others write here, and anyone may be killed.
                partial = place.with_name(f".{place.name}.{os.getpid()}")
                partial.write_bytes(data)
                partial.replace(place)


def stored_failures(outcome: PairOutcome) -> Iterator[StoredFailure]:
    """Why what a pair lacks was lost: rationales that no filter could judge, then asks."""
    for fate in outcome.fates:
        rationale, verdict = fate.candidate.rationale, fate.verdict
        if isinstance(verdict, Undecided):
            made, stage = rationale.provenance, fate.by or "filter"
            failure = verdict.failure
            yield StoredFailure(
                rationale.pair_id, stage, failure, made.order, made.sample, fate.verdicts
            )
    for lost in outcome.lost:
        stage = f"project-{lost.side}" if lost.side else "ask"
        yield StoredFailure(lost.pair_id, stage, lost.failure, lost.order, lost.sample)


def _told(fate: Fate, pair: Mapping[str, Any] | None) -> Mapping[str, Any]:
    record = rationale_to_record(fate.candidate.rationale, pair=pair, verdicts=fate.verdicts)
    verdict = fate.verdict
    if not isinstance(verdict, Drop):
        return record
    reason = {"filter": fate.by, "reason": verdict.reason, "detail": verdict.detail}
    return {**record, "_dropped": reason}


def _line(record: Mapping[str, Any]) -> bytes:
    return (json_text(record) + "\n").encode()
