"""The folder of a refinement run: every draft at once, its image before its row, and how each ended.

`run.json` (versions, specs, policy, seed, digests), `store.sqlite` (the critic's replies), `images/`
by digest, `trace.jsonl` (a row a draft, in the order in which they were made; what resumes a run)
and `results.jsonl` (a row a request, in input order). Knows files, not models.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from attrs import evolve

from parrot.adapters.databases import locked
from parrot.adapters.disk import explained, object_of, read_object, write_object
from parrot.backends.images import image_from_path, original_bytes
from parrot.core.asks import Failed, FailureKind
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError, ImageError, RecordError
from parrot.core.records.drafts import draft_from_record, draft_to_record, request_from_record
from parrot.core.records.pairs import ImageRef
from parrot.core.refine.drafts import Draft, Draw, Trace
from parrot.core.values import Image, Request

TRACE_SCHEMA: Final = 1
TRACE, RESULTS = "trace.jsonl", "results.jsonl"
_SUFFIX: Final = {"image/jpeg": ".jpg"}
_KEPT: Final = "every draft before is kept"
_AGAIN: Final = (
    FailureKind.THROTTLED,
    FailureKind.TRANSIENT,
    FailureKind.TIMEOUT,
    FailureKind.CUT,  # a longer limit may help; under the same one the reply is in the store
)
_SAME: Final = (
    "command",
    "requests",
    "generator",
    "critic",
    "verifier",
    "policy",
    "seed",
    "how",
    "rubric",
)


class TraceFolder:
    """Writes a run of refinement and goes on with it. `known` has what an earlier run has made.

    Raises ConfigError on entering where the folder holds another run, StoreBusyError where another
    process writes it, StoreFullError and StoreError where nothing can be written. A last line that a
    kill has cut is made again.
    """

    def __init__(self, folder: Path, *, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.about = {"schema": TRACE_SCHEMA, **about}
        self._rows: dict[str, dict[int, dict[str, Any]]] = {}
        self._trace: IO[str] | None = None
        self._results: IO[str] | None = None

    def __enter__(self) -> Self:
        _refuse_another(self.folder, self.about)
        self._lock = locked(self.folder / "run")
        try:
            self._begin()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _begin(self) -> None:
        with explained(self.folder, _KEPT):
            (self.folder / "images").mkdir(parents=True, exist_ok=True)
            self._rows = self._read()
            self._trace = (self.folder / TRACE).open("a", encoding="utf-8", newline="\n")
            partial = self.folder / f"{RESULTS}.partial"
            self._results = partial.open("w", encoding="utf-8", newline="\n")
            self._about("running")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with closing(self._lock):
            self._end("done" if kind is None else f"stopped: {error}", whole=kind is None)

    def _end(self, status: str, *, whole: bool) -> None:
        for handle in (self._trace, self._results):
            if handle is not None:
                with explained(self.folder, _KEPT):
                    handle.close()
        partial = self.folder / f"{RESULTS}.partial"
        with explained(self.folder, _KEPT):
            if whole:
                partial.replace(self.folder / RESULTS)
            else:
                partial.unlink(missing_ok=True)
            self._about(status)

    def known(self, run: str, request: Request) -> dict[int, Draft]:
        """The drafts that an earlier run has made for a request.

        Without those whose image is gone, or that failed in a way that may pass: they are made
        again. Raises RecordError for a row that cannot be read.
        """
        found: dict[int, Draft] = {}
        for number, row in self._rows.get(run, {}).items():
            with suppress(ImageError):
                draft = draft_from_record(row, request, self._open)[1]
                failure = getattr(draft.outcome, "failure", None)
                if failure is None or failure.kind not in _AGAIN:
                    found[number] = draft
        return found

    def keep(self, run: str, draft: Draft) -> Draft:
        """Writes the image, then the row; the draft comes back with its image on disk."""
        image = draft.image
        settled = evolve(draft, image=self._kept(image)) if isinstance(image, Image) else draft
        row = draft_to_record(run, settled, image_ref=self._ref)
        assert self._trace is not None
        with explained(self.folder / TRACE, _KEPT):
            self._trace.write(json.dumps(row, ensure_ascii=True) + "\n")
            self._trace.flush()
        return settled

    def end(self, run: str, trace: Trace) -> dict[str, Any]:
        """Writes how a request ended; the row as plain data."""
        row = result_of(run, trace, self._ref) | {"sources": self._sources(trace)}
        assert self._results is not None
        with explained(self.folder / RESULTS, _KEPT):
            self._results.write(json.dumps(row, ensure_ascii=True) + "\n")
        return row

    def _sources(self, trace: Trace) -> list[ImageRef]:
        """The request's source images, put beside the drawings; without those that are gone."""
        found: list[ImageRef] = []
        for image in trace.history.request.sources:
            with suppress(ImageError):  # nothing could be drawn from it, and the drafts say so
                found.append(self._ref(self._kept(evolve(image, source=original_bytes(image)))))
        return found

    def _kept(self, image: Image) -> Image:
        suffix = _SUFFIX.get(image.media_type, "." + image.media_type.partition("/")[2])
        place = self.folder / "images" / f"{image.sha256[:32]}{suffix}"
        if isinstance(image.source, bytes) and not place.exists():
            with explained(place, _KEPT):
                fresh = place.with_suffix(f".{os.getpid()}.partial")
                fresh.write_bytes(image.source)
                fresh.replace(place)
        return Image(image.sha256, image.media_type, str(place))

    def _ref(self, image: Image) -> ImageRef:
        return f"images/{Path(str(image.source)).name}"

    def _open(self, ref: ImageRef) -> Image:
        if not isinstance(ref, str):
            raise RecordError("an image of a trace is a path", field="image")
        return image_from_path(ref, root=self.folder)

    def _read(self) -> dict[str, dict[int, dict[str, Any]]]:
        place = self.folder / TRACE
        if not place.exists():
            return {}
        data = place.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # a kill cut the last row
            place.write_bytes(whole)
        rows: dict[str, dict[int, dict[str, Any]]] = {}
        for number, row in _objects(whole, place):
            try:
                rows.setdefault(str(row["id"]), {})[int(row["draft"])] = row
            except (KeyError, TypeError, ValueError):
                raise RecordError("is no draft", file=str(place), line=number) from None
        return rows

    def _about(self, status: str) -> None:
        about = {**self.about, "status": status}
        write_object(self.folder / "run.json", about, kept=_KEPT)


def result_of(run: str, trace: Trace, image_ref: Any) -> dict[str, Any]:
    """How a request ended, as plain data: the winner, the decisions, the notes, the cost."""
    winner, first, spent = trace.winner, trace.history.drafts[0], trace.history.spent
    image = winner.image if winner else None
    return {
        "schema": TRACE_SCHEMA,
        "id": run,
        "prompt": trace.history.request.prompt,
        "winner": winner and winner.id,
        "reason": trace.stop.reason.value,
        "image": image_ref(image) if isinstance(image, Image) else None,
        "drawn_from": winner and winner.made.request.prompt,
        "reward": winner and winner.total,
        "first_reward": first.total,
        "dimensions": dict(winner.outcome.dimensions) if winner else {},
        "decisions": [_decision(one) for one in trace.decisions],
        "notes": list(trace.notes),
        "failed": sum(isinstance(draft.image, Failed) for draft in trace.history.drafts),
        "spent": {
            "drafts": spent.drafts,
            "seconds": round(spent.seconds, 3),
            "tokens": spent.tokens,
            "money": spent.money,
        },
    }


def _decision(decision: Any) -> dict[str, Any]:
    if isinstance(decision, Draw):
        tries = [
            {"prompt": one.request.prompt, "seed": one.seed, "start": one.start}
            for one in decision.tries
        ]
        return {"draw": tries}
    return {"stop": decision.draft, "reason": decision.reason.value}


def requests_in(place: Path) -> Iterator[tuple[str, Request]]:
    """The requests of a JSONL file, images relative to its folder; a line's number names it where
    it has no id. Raises RecordError with file and line, also for an id that comes twice.
    """
    seen: set[str] = set()

    def opened(ref: ImageRef) -> Image:
        if not isinstance(ref, str):
            raise RecordError("an image of a request is a path", field="sources")
        return image_from_path(place.parent / ref)

    for number, row in _objects(_bytes(place), place):
        try:
            id_, request = request_from_record(row, opened, id_=str(number))
            if id_ in seen:
                raise RecordError(f"{id_!r} has come before", field="id")
        except RecordError as error:
            raise error.at(file=str(place), line=number) from None
        except ImageError as error:
            raise RecordError(str(error), file=str(place), line=number, field="sources") from None
        seen.add(id_)
        yield id_, request


def _bytes(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise ConfigError(f"{place} cannot be read: {error.strerror}") from None


def _objects(data: bytes, place: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            yield number, object_of(line, place, number)


def _refuse_another(folder: Path, about: Mapping[str, Any]) -> None:
    place = folder / "run.json"
    if place.exists():
        refuse_another(folder, read_object(place), about, names=_SAME)
