"""`parrot report`: a run as one HTML page to look at, to keep, to send."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parrot.adapters.disk import begins, refuse_input, refuse_taken
from parrot.core.errors import ConfigError

if TYPE_CHECKING:
    from parrot.core.judgements import Judged
    from parrot.core.values import PreferencePair, Unloadable

_DATA = ("rationalize", "filter", "project")


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run folder of rationalize, filter, project or refine, or a file of judgements.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="The page, a file of HTML.")] = Path(
        "report.html"
    ),
    pairs: Annotated[
        Path | None,
        typer.Option(help="Of judgements: the pairs, to show requests and images."),
    ] = None,
    schema: Annotated[str, typer.Option("--from", help="The pairs' schema by name.")] = "plain",
    images_root: Annotated[
        Path | None, typer.Option(help="Folder that the pairs' image paths are relative to.")
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="Of judgements: a development split to fit thresholds and slopes on."),
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=1, help="Of judgements: bootstrap resamples of an interval.")
    ] = 2000,
) -> None:
    """Writes one page of a run: funnel and examples, agreement and errors, or drafts side by side.

    The kind is found out from RUN. The page holds its pictures, needs no network, runs no script.
    """
    if not out.parent.is_dir():
        raise ConfigError(f"--out is in {str(out.parent)!r}, which is no folder; make it first")
    refuse_input(out, run, pairs, dev)
    refuse_taken(out, _is_page, holds="what is no page of parrot report")
    if run.is_dir() or not run.exists():
        if pairs or dev:
            raise ConfigError(f"--pairs and --dev go with a file of judgements; {run} is none")
        text = _of_folder(run)
    else:
        shown = _pairs(pairs, schema, images_root)
        text = _of_judgements(run, dev, shown, resamples)
    _write(out, text)
    print(f"report: {out}")


def _is_page(place: Path) -> bool:
    from parrot.adapters.report.page import PAGE

    return begins(place, PAGE)


def _of_folder(run: Path) -> str:
    from parrot.adapters.disk import read_object
    from parrot.adapters.report import data_page, refinement_page
    from parrot.adapters.runs import RunFolder

    if not (run / "run.json").is_file():
        there = "has no run.json" if run.is_dir() else "is not there"
        raise ConfigError(f"{run} {there}: give a run folder, or a file of judgements")
    command = read_object(run / "run.json").get("command")
    if command == "refine":
        return refinement_page(run)
    if command in _DATA:
        return data_page(RunFolder(run))
    raise ConfigError(f"{run} holds a run of {command!r}, of which there is no report")


def _of_judgements(
    file: Path, dev: Path | None, pairs: Iterable[PreferencePair | Unloadable], resamples: int
) -> str:
    from parrot.adapters.report import Judgements, judgement_page

    rows, probes = _judged(file)
    split, _ = _judged(dev) if dev else ([], [])
    given = Judgements(file.name, rows, split, probes)
    return judgement_page(given, pairs=pairs, resamples=resamples)


def _judged(file: Path) -> tuple[list[Judged], list[str]]:
    """The judgements of a file, and the probes that its rows name."""
    from parrot.adapters.datasets.rows import placed_rows
    from parrot.core.records.judgements import read_judgements

    if not file.is_file():
        raise ConfigError(f"there is no file {str(file)!r}")
    probes: set[str] = set()

    def rows() -> Iterable[tuple[int, dict[str, object]]]:
        for place, row in placed_rows(file):
            if row.get("probe"):
                probes.add(str(row["probe"]))
            yield place.line, dict(row)

    return list(read_judgements(rows(), file=str(file))), sorted(probes)


def _pairs(
    pairs: Path | None, schema: str, images_root: Path | None
) -> Iterable[PreferencePair | Unloadable]:
    from parrot.adapters.datasets.reading import check_pairs, read_pairs

    if pairs is None:
        return ()
    check_pairs(pairs, schema=schema, images_root=images_root)
    return read_pairs(pairs, schema=schema, images_root=images_root)


def _write(out: Path, text: str) -> None:
    fresh = out.with_name(out.name + ".partial")
    try:
        fresh.write_text(text, encoding="utf-8", errors="replace")
        fresh.replace(out)
    except OSError as error:
        raise ConfigError(f"cannot write {str(out)!r}: {error.strerror}") from None
