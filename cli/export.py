"""`parrot export`: training files from the kept rationales of run folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.exports import TRAINERS, export_examples
from parrot.adapters.funnels import read_funnel
from parrot.adapters.runs import RunFolder
from parrot.cli import options
from parrot.cli.choices import chosen_prompt
from parrot.cli.ending import told_lacking
from parrot.core.examples import Example
from parrot.core.pipelines.examples import example_of


def export(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS", help="Run folders of rationalize and project.")
    ],
    *,
    to: Annotated[str, typer.Option(help=f"Trainer: {', '.join(TRAINERS)}.")],
    out: Annotated[Path, typer.Option(help="Folder for the training file, images and data card.")],
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    allow_no_train: Annotated[
        bool,
        typer.Option("--allow-no-train", help="Export pairs that may not be trained on."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Writes what a trainer reads: each student ask without the label, and the kept answer."""
    prompt = chosen_prompt(layout, reply_format, wording)
    folders = [RunFolder(run) for run in runs]
    for folder in folders:
        told_lacking(folder)

    def examples() -> Iterator[Example]:
        for number, folder in enumerate(folders):
            prefix = f"{number}/" if len(folders) > 1 else ""
            for name, candidate in folder.candidates():
                yield example_of(candidate, prompt, id=f"{prefix}{name}")

    report = export_examples(
        examples(),
        out,
        trainer=to,
        allow_no_train=allow_no_train,
        runs=[f.about | {"funnel": _funnel(f)} for f in folders],
    )
    if as_json:
        print(json.dumps({"out": str(out), **report.to_dict()}))
        return
    print(f"{report.examples} examples for {to}: {out}")
    for source, count in sorted(report.sources.items()):
        print(f"  {count} from {source}")
    print(f"how {to} reads it: {out / 'README.md'}")


def _funnel(run: RunFolder) -> dict[str, Any] | None:
    place = run.folder / "funnel.json"
    return read_funnel(place) if place.is_file() else None
