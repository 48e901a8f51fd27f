"""`parrot merge`: runs over parts of one input, made one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.merging import merge_judgements, merge_runs
from parrot.adapters.runs import RunFolder
from parrot.adapters.store import SqliteStore
from parrot.cli import options
from parrot.cli.ending import tell_run
from parrot.core.errors import ConfigError


def merge(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders, or files of parrot judge."),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder (or file) of the whole; no RUN.")],
    as_json: options.AsJson = False,
) -> None:
    """Joins runs over parts of one input: each pair once, the better record, in input order.

    Their stores are joined too, so that the whole can go on with the command of its parts.
    """
    if out.resolve() in [run.resolve() for run in runs]:
        raise ConfigError(f"{out} is one of the runs: choose another --out")
    if all(run.is_file() for run in runs):
        about, pairs = merge_judgements(runs, out)
        join_stores([_store_of(run) for run in runs], _store_of(out))
        print(json.dumps({"pairs": pairs}) if as_json else f"judgements of {pairs} pairs: {out}")
        _tell_status(about)
        _end(about)
        return
    folders = [RunFolder(run).folder for run in runs]
    about, funnel = merge_runs(folders, out)
    join_stores([folder / "store.sqlite" for folder in folders], out / "store.sqlite")
    _tell_status(about)
    tell_run(funnel.to_dict(), out, as_json=as_json)
    _end(about)


def _tell_status(about: dict[str, Any]) -> None:
    if about["status"] != "done":
        typer.echo(f"not the whole input: {about['status']}", err=True)


def _end(about: dict[str, Any]) -> None:
    if about["status"] != "done":
        raise typer.Exit(1)


def _store_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.sqlite")


def join_stores(parts: Sequence[Path], whole: Path) -> None:
    """Puts what is in parts' stores into that of the whole, the better record of each key."""
    there = [part for part in parts if part.exists()]
    if not there:
        return
    with SqliteStore(whole) as store:
        for part in there:
            store.take(part)
