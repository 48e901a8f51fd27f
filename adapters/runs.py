"""The run folder: what a run was, what it kept, what it dropped and why, in input order.

`run.json` (versions, specs, seeds, digests, flags), `store.sqlite`, `rationales.jsonl`,
`dropped.jsonl`, `failed.jsonl`, `outcomes.jsonl` (each pair once, with its end) and `funnel.json`.
Files are written under another name and take their own when the run ends, so that a reader never
sees half a run. Knows files, not models.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from parrot.backends.images import image_from_path
from parrot.core.candidates import Candidate, Drop, Order, Undecided
from parrot.core.errors import ConfigError, RecordError, StoreFullError
from parrot.core.funnel import Funnel
from parrot.core.outcomes import End, Fate, Lost, PairOutcome
from parrot.core.records.failures import StoredFailure, failure_from_record, failure_to_record
from parrot.core.records.pairs import ImageRef, pair_from_record, pair_to_record
from parrot.core.records.rationales import (
    StoredRationale,
    rationale_to_record,
    stored_from_record,
)
from parrot.core.rubric import Rubric, rubric_for, rubric_from_dict
from parrot.core.values import Image, PreferencePair, Unloadable

RUN_SCHEMA = 1
IN_RUN = "run:"
FILES = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "outcomes.jsonl")
_SUFFIX = {"image/jpeg": ".jpg"}


class RunWriter:
    """Writes a run folder; on leaving without an error its files take their names.

    images_root: the folder that image paths are written relative to. Raises StoreFullError when no
    space is left; what the store committed is safe.
    """

    def __init__(self, folder: Path, *, images_root: Path, about: Mapping[str, Any]) -> None:
        self.folder, self.images_root = folder, images_root.resolve()
        self.about = {"schema": RUN_SCHEMA, **about, "images_root": str(self.images_root)}
        self.funnel = Funnel()
        self._stack = ExitStack()
        self._files: dict[str, IO[str]] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_json("run.json", {**self.about, "status": "running"})
        for name in FILES:
            handle = (self.folder / f"{name}.partial").open("w", encoding="utf-8", newline="\n")
            self._files[name] = self._stack.enter_context(handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if kind is None:
            self.finish("done")

    def finish(self, status: str) -> None:
        """Gives the files their names; `status` is "done", or why the run ended early."""
        self._stack.close()
        for name in self._files:
            (self.folder / f"{name}.partial").replace(self.folder / name)
        self._files = {}
        self._write_json("funnel.json", self.funnel.to_dict())
        self._write_json("run.json", {**self.about, "status": status})

    def add(self, outcome: PairOutcome) -> None:
        """Writes one pair: a record for each of its rationales, and its end."""
        self.funnel.add(outcome)
        pair = outcome.pair
        record = None if isinstance(pair, Unloadable) else self._pair_record(pair)
        for fate in outcome.fates:
            self._add_fate(fate, record)
        for lost in outcome.lost:
            stage = f"project-{lost.side}" if lost.side else "ask"
            self._fail(lost.pair_id, stage, lost)
        ends = [f.end.value for f in outcome.fates] + [End.FAILED.value] * len(outcome.lost)
        counts = {end.value: ends.count(end.value) for end in End if end.value in ends}
        self._line(
            "outcomes.jsonl",
            {"schema": 1, "id": pair.id, "outcome": outcome.end.value, "rationales": counts},
        )

    def _add_fate(self, fate: Fate, pair: Mapping[str, Any] | None) -> None:
        rationale, verdict = fate.candidate.rationale, fate.verdict
        source = rationale.provenance
        if isinstance(verdict, Undecided):
            lost = Lost(rationale.pair_id, verdict.failure, source.order, source.sample)
            self._fail(rationale.pair_id, fate.by or "filter", lost)
            return
        record = rationale_to_record(rationale, pair=pair, verdicts=fate.verdicts)
        if isinstance(verdict, Drop):
            reason = {"filter": fate.by, "reason": verdict.reason, "detail": verdict.detail}
            self._line("dropped.jsonl", {**record, "_dropped": reason})
        else:
            self._line("rationales.jsonl", record)

    def _fail(self, pair_id: str, stage: str, lost: Lost) -> None:
        stored = StoredFailure(pair_id, stage, lost.failure, lost.order, lost.sample)
        self._line("failed.jsonl", failure_to_record(stored))

    def _pair_record(self, pair: PreferencePair) -> dict[str, Any]:
        return pair_to_record(pair, image_ref=self._image_ref)

    def _image_ref(self, image: Image) -> ImageRef:
        if isinstance(image.source, str):
            return os.path.relpath(image.source, self.images_root)
        if not image.source:
            return f"absent:{image.sha256}"
        suffix = _SUFFIX.get(image.media_type, "." + image.media_type.partition("/")[2])
        name = f"images/{image.sha256[:32]}{suffix}"
        place = self.folder / name
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(image.source)
        return f"{IN_RUN}{name}"

    def _line(self, name: str, record: Mapping[str, Any]) -> None:
        try:
            self._files[name].write(json.dumps(record, ensure_ascii=False) + "\n")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFullError(f"no space left to write {self.folder / name}") from None
            raise

    def _write_json(self, name: str, data: Mapping[str, Any]) -> None:
        place = self.folder / f"{name}.partial"
        place.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        place.replace(self.folder / name)


class RunFolder:
    """A finished run folder, for reading. Raises ConfigError where the folder is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"{folder} is no run folder: it has no run.json") from None
        except ValueError as error:
            raise ConfigError(f"{folder / 'run.json'} is broken: {error}") from None
        if self.about.get("schema", 1) > RUN_SCHEMA:
            raise ConfigError(f"{folder} was written by a later version of this library; upgrade")
        if not (folder / "rationales.jsonl").exists():
            raise ConfigError(
                f"{folder} has no rationales.jsonl: its run has not ended; run it again"
            )

    @property
    def images_root(self) -> Path:
        return Path(self.about.get("images_root", self.folder))

    def rubric_of(self, pair: PreferencePair) -> Rubric:
        """The rubric the run judged a pair by."""
        own = self.about.get("rubric")
        return _rubric(json.dumps(own)) if own else rubric_for(pair.request)

    def open_image(self, ref: ImageRef) -> Image:
        """An image that a record names. Raises ImageError."""
        if isinstance(ref, str) and ref.startswith("absent:"):
            return Image(ref.partition(":")[2], "application/octet-stream", b"")
        if isinstance(ref, str) and ref.startswith(IN_RUN):
            return image_from_path(self.folder / ref.removeprefix(IN_RUN), root=self.folder)
        if not isinstance(ref, str):
            raise RecordError("an image of a run is a path", field="pair")
        return image_from_path(self.images_root / ref)

    def records(self, name: str = "rationales.jsonl") -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and record, in file order. Raises RecordError for a broken line."""
        place = self.folder / name
        with place.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield number, json.loads(line)
                except ValueError as error:
                    raise RecordError(
                        f"broken JSON: {error}", file=str(place), line=number
                    ) from None

    def stored(self, name: str = "rationales.jsonl") -> Iterator[StoredRationale]:
        """The rationales of a file."""
        for number, record in self.records(name):
            try:
                yield stored_from_record({k: v for k, v in record.items() if k[0] != "_"})
            except RecordError as error:
                raise error.at(file=str(self.folder / name), line=number) from None

    def failures(self) -> Iterator[StoredFailure]:
        """The failures of the run."""
        for _, record in self.records("failed.jsonl"):
            yield failure_from_record(record)

    def candidates(self, name: str = "rationales.jsonl") -> Iterator[tuple[str, Candidate]]:
        """Each rationale with its pair as its teacher saw it, and the rationale's id."""
        for stored in self.stored(name):
            if stored.pair is None:
                raise RecordError("has no pair", file=str(self.folder / name), field="pair")
            pair = pair_from_record(stored.pair, self.open_image)
            source = stored.rationale.provenance
            seen = pair if source.order is Order.AB else pair.mirrored()
            yield stored.id, Candidate(seen, self.rubric_of(pair), stored.rationale)

    def outcomes(self) -> Iterator[PairOutcome]:
        """Kept rationales grouped by pair, as pipelines take them; pairs are those of the input."""
        for _, group in groupby(self.candidates(), key=lambda one: one[1].pair.id):
            members = [candidate for _, candidate in group]
            first = members[0]
            turned = first.rationale.provenance.order is Order.BA
            pair = first.pair.mirrored() if turned else first.pair
            yield PairOutcome(pair, tuple(Fate(c) for c in members))


@lru_cache(maxsize=8)
def _rubric(text: str) -> Rubric:
    return rubric_from_dict(json.loads(text))
