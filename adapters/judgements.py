"""A file of judgements on disk, and `FILE.run.json` beside it: of which part of which pairs, and how.

The lines cannot say it: a file may have none, and lines of parts are those of the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.begun import read_about
from parrot.adapters.disk import object_of, write_object
from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError, RecordError

_KIND: Final = ("form", "expected")
"""What makes judgements of one model other judgements."""


def about_judgements(file: Path) -> dict[str, Any]:
    """What lies beside a file of judgements. Raises ConfigError where nothing does, or broken."""
    place = _beside(file)
    if not place.is_file():
        raise ConfigError(
            f"{file} has no {place.name} beside it, which says of what it is: run the command that"
            " wrote it again; what a model answered is not asked twice, a head computes anew"
        )
    return read_about(place)


def write_about(file: Path, about: Mapping[str, Any]) -> None:
    """Says beside a file of judgements, which is there, of what it is. Raises StoreError."""
    write_object(_beside(file), about, kept="the judgements are written")


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.run.json")


def judged_before(out: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the judgements of an earlier call; empty where there are none.

    about: of those that are to take their place. Raises ConfigError where the file holds something
    else than judgements of the same model, form and probe.
    """
    if out.is_dir():
        raise ConfigError(f"--out is a file of judgements; {out} is a folder")
    if not out.exists() or not out.stat().st_size:
        return {}
    first = _first(out)
    if (first.get("model"), first.get("probe")) != (about.get("model"), about.get("probe")):
        shown = f" under --probe {first['probe']}" if first.get("probe") else ""
        what = f"judgements of {first['model']}{shown}" if first.get("model") else "no judgements"
        raise ConfigError(f"{out} holds {what}, which would be lost; choose another --out")
    # A file of a version that wrote nothing beside it is of a form that nobody knows.
    said = read_about(_beside(out)) if _beside(out).is_file() else {}
    names = [name for name in _KIND if name in said]
    refuse_another(out, said, about, names=names, what="set of judgements")
    return {**first, **said}


def _first(file: Path) -> dict[str, Any]:
    """The first judgement of a file; empty where its first line is none."""
    try:
        with file.open("rb") as lines:
            said = object_of(next(lines), file, 1)
    except RecordError:
        return {}
    return said if "pair_id" in said else {}


def refuse_fewer(
    out: Path, pairs: Iterable[str], places: Collection[tuple[str, int]] | None = None
) -> None:
    """Raises ConfigError for the first judgement of a file that is not to be written again.

    pairs: the ids of those that are, in input order; places: each one's orders and samples, any
    where None. Holds one line.
    """
    coming, last = iter(pairs), None
    for pair_id, place in _judged(out):
        there = pair_id == last or any(one == pair_id for one in coming)
        last = pair_id
        if not there or (places is not None and place not in places):
            raise ConfigError(
                f"{out} holds a judgement of pair {pair_id!r} in order {place[0]}, sample {place[1]},"
                " which is not among what is written now and would be lost; choose another --out"
            )


def _judged(file: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            told = object_of(line, file, number)
            yield str(told.get("pair_id")), (told.get("order", "AB"), told.get("sample", 0))
