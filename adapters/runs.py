"""The run folder: what a run was, what it kept, what it dropped and why, in input order.

`run.json` (versions, specs, seeds, digests, flags), `store.sqlite`, `rationales.jsonl`,
`dropped.jsonl`, `failed.jsonl`, `outcomes.jsonl` (each pair once, with its end) and `funnel.json`.
Files are written under another name and take their own when the run ends, so that a reader never
sees half a run. Knows files, not models.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import lru_cache
from itertools import count, groupby
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from parrot.adapters.begun import FILES, KEPT, about_of, pairs_before, refuse_no_run, told
from parrot.adapters.databases import locked
from parrot.adapters.disk import explained, object_of, write_object
from parrot.adapters.entries import FILE_OF, IN_RUN, OUTCOMES, Encoder, stored_failures
from parrot.backends.images import image_from_path
from parrot.core.candidates import Candidate, Order
from parrot.core.errors import ConfigError, RecordError, RunStopped, StoreError
from parrot.core.funnel import Funnel, Stage
from parrot.core.outcomes import Fate, PairOutcome
from parrot.core.records.failures import StoredFailure, failure_from_record
from parrot.core.records.pairs import ImageRef, pair_from_record
from parrot.core.records.rationales import StoredRationale, stored_from_record
from parrot.core.rubric import Rubric, rubric_for, rubric_from_dict
from parrot.core.sharding import Share
from parrot.core.values import Image, PreferencePair


class RunWriter:
    """Writes a run folder; on leaving, its files take their names, also when the run was stopped.

    Results of an earlier run that came further than one that is stopped stay, and so do all of them
    on any other error. images_root: the folder that image paths are written relative to. place_of:
    where in the input a pair stands, from its id; pairs are numbered as they come where None. Raises
    ConfigError on entering where the folder holds another run, StoreBusyError where another process
    writes it, StoreFullError when no space is left, StoreError where nothing can be written; what the
    store committed is safe.
    """

    def __init__(
        self,
        folder: Path,
        *,
        images_root: Path,
        about: Mapping[str, Any],
        place_of: Callable[[str], int] | None = None,
    ) -> None:
        numbers = count()
        self._place_of = place_of or (lambda _: next(numbers))
        self.folder, self.images_root = folder, images_root.resolve()
        self.about = told(about, self.images_root)
        # A filter that nothing came to has its row too.
        self.funnel = Funnel(stages={name: Stage() for name in about.get("filters") or ()})
        self.first_failure: StoredFailure | None = None
        self._before = 0
        self._stack = ExitStack()
        self._encoder = Encoder(folder, self.images_root)
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Self:
        self._before = pairs_before(self.folder, self.about)
        self._lock = locked(self.folder / "run")
        try:
            self._open()
        except BaseException:
            self._discard()
            self._lock.close()
            raise
        return self

    def _open(self) -> None:
        with explained(self.folder, KEPT):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                handle = (self.folder / f"{name}.partial").open("wb")
                self._files[name] = self._stack.enter_context(handle)
        if not self._before:
            self._write_about("running")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with closing(self._lock):
            if kind is None:
                self._finish("done")
            elif isinstance(error, RunStopped) and self.funnel.pairs.total() >= self._before:
                self._finish(f"stopped: {error}")
            else:
                self._discard()

    def _finish(self, status: str) -> None:
        """Gives the files their names; `status` is "done", or why the run ended early."""
        try:
            with explained(self.folder, KEPT):
                self._stack.close()
                for name in FILES:
                    (self.folder / f"{name}.partial").replace(self.folder / name)
            write_object(self.folder / "funnel.json", self.funnel.to_dict(), kept=KEPT)
            self._write_about(status)
        except StoreError:
            self._discard()
            raise

    def _discard(self) -> None:
        # Closing writes what is buffered, which a full disk refuses; the error that led here counts.
        with suppress(OSError):
            self._stack.close()
        for name in FILES:
            with suppress(OSError):
                (self.folder / f"{name}.partial").unlink(missing_ok=True)

    def add(self, outcome: PairOutcome) -> None:
        """Writes one pair: a record for each of its rationales, and its end."""
        self.funnel.add(outcome)
        entry = self._encoder.entry(outcome, self._place_of(outcome.pair.id))
        if self.first_failure is None:
            self.first_failure = next(stored_failures(outcome), None)
        for end, lines in entry.lines.items():
            self._write(FILE_OF[end], b"".join(lines))
        self._write(OUTCOMES, entry.outcome)

    def _write(self, name: str, lines: bytes) -> None:
        with explained(self.folder / name, KEPT):
            self._files[name].write(lines)

    def _write_about(self, status: str) -> None:
        write_object(self.folder / "run.json", {**self.about, "status": status}, kept=KEPT)


class RunFolder:
    """A finished run folder, for reading. Raises ConfigError where the folder is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        refuse_no_run(folder)
        self.about = about_of(folder)
        if not (folder / "rationales.jsonl").exists():
            raise ConfigError(
                f"{folder} has no rationales.jsonl: its run has not ended; run it again"
            )

    @property
    def images_root(self) -> Path:
        return Path(self.about.get("images_root") or self.folder)

    def rubric_of(self, pair: PreferencePair) -> Rubric:
        """The rubric the run judged a pair by."""
        own = self.about.get("rubric")
        return _rubric(json.dumps(own)) if own else rubric_for(pair.request)

    def open_image(self, ref: ImageRef) -> Image:
        """An image that a record names. Raises ImageError."""
        if isinstance(ref, str) and ref.startswith("absent:"):
            return Image(ref.partition(":")[2], "application/octet-stream", b"")
        if isinstance(ref, str) and ref.startswith(IN_RUN):
            return image_from_path(ref.removeprefix(IN_RUN), root=self.folder)
        if not isinstance(ref, str):
            raise RecordError("an image of a run is a path", field="pair")
        # As it was written: `..` undoes a name, whether or not a folder of that name is there now.
        return image_from_path(os.path.normpath(self.images_root / ref))

    def records(self, name: str = "rationales.jsonl") -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and record, in file order. Raises RecordError for a broken line."""
        place = self.folder / name
        with place.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield number, object_of(line, place, number)

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
            yield stored.id, self._candidate(stored, name)

    def _candidate(self, stored: StoredRationale, name: str = "rationales.jsonl") -> Candidate:
        if stored.pair is None:
            raise RecordError("has no pair", file=str(self.folder / name), field="pair")
        pair = pair_from_record(stored.pair, self.open_image)
        source = stored.rationale.provenance
        seen = pair if source.order is Order.AB else pair.mirrored()
        return Candidate(seen, self.rubric_of(pair), stored.rationale)

    def places(self) -> Iterator[tuple[str, int]]:
        """Each pair's id and its place in the input, in the order of the run; none where untold."""
        if not (self.folder / "outcomes.jsonl").exists():
            return
        for number, record in self.records("outcomes.jsonl"):
            place = record.get("place", number - 1)
            if not isinstance(place, int):
                file = str(self.folder / "outcomes.jsonl")
                raise RecordError("must be a number", file=file, line=number, field="place")
            yield str(record.get("id")), place

    def outcomes(self, share: Share | None = None) -> Iterator[PairOutcome]:
        """Kept rationales grouped by pair, as pipelines take them; pairs are those of the input.

        share: only its pairs, whose places in the run's own input it is told.
        """
        places = self.places()
        grouped = groupby(self.stored(), key=lambda one: one.rationale.pair_id)
        for number, (pair_id, group) in enumerate(grouped):
            place = next((at for name, at in places if name == pair_id), number)
            if share is None or share.takes(place, pair_id):
                yield _outcome([self._candidate(one) for one in group])


def _outcome(members: Sequence[Candidate]) -> PairOutcome:
    first = members[0]
    turned = first.rationale.provenance.order is Order.BA
    pair = first.pair.mirrored() if turned else first.pair
    return PairOutcome(pair, tuple(Fate(c) for c in members))


@lru_cache(maxsize=8)
def _rubric(text: str) -> Rubric:
    return rubric_from_dict(json.loads(text))
