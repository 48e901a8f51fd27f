"""Run folders and files of judgements read side by side and written as one, line for line.

Streams: holds one pair of each run. Lines are copied as they are, so that a merged run equals,
byte for byte, one that was never parted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Final, Self

from parrot.adapters.begun import about_of, refuse_foreign
from parrot.adapters.disk import explained, json_text, object_of, read_object
from parrot.adapters.entries import FILE_OF, OUTCOMES
from parrot.adapters.judgements import (
    about_judgements,
    judged_before,
    refuse_fewer,
    write_about,
)
from parrot.core.errors import ConfigError, RecordError
from parrot.core.funnel import Funnel, Stage
from parrot.core.merging import Entry, about_merged, check_alike, merged, shards_of
from parrot.core.outcomes import End
from parrot.core.records.failures import failure_from_record
from parrot.core.records.verdicts import verdict_from_record

_KEPT: Final = "the runs that were to be merged are as they were"


def merge_runs(folders: Sequence[Path], out: Path) -> tuple[dict[str, Any], Funnel]:
    """Writes the whole of run folders to `out`; returns its `run.json` and its funnel.

    Raises ConfigError for runs of different settings or pairs and where `out` holds another run or
    one of more, RecordError for a broken line, and StoreError where nothing can be written; then
    `out` is as it was.
    """
    abouts = {str(folder): about_of(folder) for folder in folders}
    marginal = {name: _is_marginal(Path(name)) for name in abouts}
    check_alike({name: {**about, "marginal": marginal[name]} for name, about in abouts.items()})
    about = about_merged(list(abouts.values()))
    if (out / "run.json").exists():
        earlier = about_of(out)
        check_alike({str(out): earlier, "what is merged": about})
        _refuse_less(out, earlier, about)
    refuse_foreign(out)
    streams = [_entries(folder) for folder in folders]
    funnel = write_run(streams, about, out, marginal=any(marginal.values()))
    _copy_images(folders, out)
    return about, funnel


def write_run(
    streams: Sequence[Iterable[Entry]], about: Mapping[str, Any], out: Path, *, marginal: bool
) -> Funnel:
    """Writes what parts of a run brought, each in input order, as one run; returns its funnel.

    about: its `run.json`. Raises as `merge_runs`.
    """
    stages = {name: Stage() for name in about.get("filters") or ()}
    funnel = Funnel(marginal=marginal, stages=stages)
    with explained(out, _KEPT):
        out.mkdir(parents=True, exist_ok=True)
    names = [*FILE_OF.values(), OUTCOMES]
    with _Replaced(out, (*names, "funnel.json", "run.json")) as files:
        for entry in merged(streams):
            for end, name in FILE_OF.items():
                files.write(name, b"".join(entry.lines.get(end, ())))
            files.write(OUTCOMES, entry.outcome)
            _count(funnel, entry)
        files.write("funnel.json", _shown(funnel.to_dict()))
        files.write("run.json", _shown(about))
    return funnel


def merge_judgements(files: Sequence[Path], out: Path) -> tuple[dict[str, Any], int]:
    """Writes the whole of files of judgements to `out`; returns what is said beside it, and its pairs.

    Raises ConfigError for files of different settings or pairs or of a version that told neither
    them nor places, and where `out` holds something else or judgements of more.
    """
    abouts = {str(file): about_judgements(file) for file in files}
    check_alike(abouts)
    # A file of judgements is there when it is done: what an earlier merge lacked may be here now.
    about, pairs = about_merged([{**one, "status": "done"} for one in abouts.values()]), 0
    if judged_before(out, about):
        refuse_fewer(out, (entry.pair_id for entry in merged([_judged(file) for file in files])))
    with explained(out, _KEPT):
        out.parent.mkdir(parents=True, exist_ok=True)
    with _Replaced(out.parent, (out.name,)) as written:
        for entry in merged([_judged(file) for file in files]):
            written.write(out.name, b"".join(entry.lines[entry.end]))
            pairs += 1
    write_about(out, about)
    return about, pairs


def _refuse_less(out: Path, earlier: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Raises ConfigError where what is to take a whole's place covers less of the input than it."""
    was, now = shards_of(earlier), shards_of(about)
    if now is not None and (was is None or not was <= now):
        held = f"shard {', '.join(map(str, sorted(was)))}" if was else "the whole input"
        raise ConfigError(f"{out} holds {held}, of which some would be lost; choose another --out")


class _Replaced:
    """Files of a folder, written beside what they replace and put in its place at the end."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Self:
        with explained(self._folder, _KEPT):
            for name in self._names:
                handle = self._partial(name).open("wb")
                self._files[name] = self._stack.enter_context(handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with explained(self._folder, _KEPT):
            try:
                self._stack.close()
                for name in () if kind else self._names:
                    self._partial(name).replace(self._folder / name)
            finally:
                for name in self._names:
                    self._partial(name).unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        with explained(self._folder / name, _KEPT):
            self._files[name].write(data)

    def _partial(self, name: str) -> Path:
        return self._folder / f"{name}.partial"


def _entries(folder: Path) -> Iterator[Entry]:
    """What a run wrote of each pair; the counts in its outcomes say whose each line is."""
    absent = [name for name in (*FILE_OF.values(), OUTCOMES) if not (folder / name).is_file()]
    if absent:
        raise ConfigError(f"{folder} is no whole run: it has no {absent[0]}")
    with ExitStack() as stack:
        rest = {end: stack.enter_context((folder / n).open("rb")) for end, n in FILE_OF.items()}
        outcomes = stack.enter_context((folder / OUTCOMES).open("rb"))
        for number, line in enumerate(outcomes):
            told = object_of(line, folder / OUTCOMES, number + 1)
            try:
                counts = told["rationales"]
                lines = {end: tuple(islice(rest[end], counts.get(end.value, 0))) for end in FILE_OF}
                # A run of a version that told no places was one of the whole input.
                place = int(told.get("place", number))
                if any(len(lines[end]) < counts.get(end.value, 0) for end in FILE_OF):
                    raise ValueError("a file of the run lacks lines that it promises")
                yield Entry(place, str(told["id"]), End(told["outcome"]), lines, line)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise RecordError(
                    f"is no outcome of a pair: {error}",
                    file=str(folder / OUTCOMES),
                    line=number + 1,
                ) from None


def _judged(file: Path) -> Iterator[Entry]:
    for (place, pair_id), group in groupby(_numbered(file), key=lambda one: one[:2]):
        lines = [(line, won) for _, _, line, won in group]
        end = End.KEPT if all(won for _, won in lines) else End.FAILED
        told = {end: tuple(line for line, _ in lines)}
        yield Entry(place, pair_id, end, told, b"", won=sum(won for _, won in lines))


def _numbered(file: Path) -> Iterator[tuple[int, str, bytes, bool]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            told = object_of(line, file, number)
            place = told.get("place")
            if not isinstance(place, int):
                raise ConfigError(
                    f"{file} does not say where in the input its pairs stood: run the command that"
                    " wrote it again, which asks nothing twice"
                )
            yield place, str(told.get("pair_id")), line, told.get("failure") is None


def _count(funnel: Funnel, entry: Entry) -> None:
    try:
        judged: list[tuple[End, Mapping[str, str], Mapping[str, Any]]] = [
            (end, _place(record), _verdicts(record))
            for end in (End.KEPT, End.DROPPED)
            for record in map(json.loads, entry.lines.get(end, ()))
        ]
        failures = [json.loads(line) for line in entry.lines.get(End.FAILED, ())]
        judged += [(End.FAILED, {}, _verdicts(one)) for one in failures if one.get("verdicts")]
        lost = [failure_from_record(one).failure for one in failures if not one.get("verdicts")]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"a record of pair {entry.pair_id!r} is broken: {error!r}") from None
    funnel.add_told(entry.end, judged, lost)


def _place(record: Mapping[str, Any]) -> dict[str, str]:
    made = record["provenance"]
    return {
        "pair_id": record["pair_id"],
        "order": made.get("order", "AB"),
        "sample": str(made.get("sample", 0)),
    }


def _verdicts(record: Mapping[str, Any]) -> dict[str, Any]:
    return {n: verdict_from_record(v, n) for n, v in (record.get("verdicts") or {}).items()}


def _is_marginal(folder: Path) -> bool:
    return bool(read_object(folder / "funnel.json").get("marginal"))


def _shown(data: Mapping[str, Any]) -> bytes:
    return (json_text(data, indent=2) + "\n").encode()


def _copy_images(folders: Sequence[Path], out: Path) -> None:
    # Named by their content: which run one comes from does not matter.
    for folder in folders:
        for image in sorted((folder / "images").glob("*")):
            place = out / "images" / image.name
            with explained(place, _KEPT):
                if not place.exists():
                    place.parent.mkdir(exist_ok=True)
                    shutil.copyfile(image, place)
