"""`parrot miniature`: the small simulated world's pairs on disk. Arguments, wiring, printing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from parrot.cli.train import app as train_app

app = typer.Typer(
    add_completion=False,
    help="The miniature: a small simulated world with a hidden human.",
    no_args_is_help=True,
)
app.add_typer(train_app, name="train")


@app.command()
def pairs(
    *,
    out: Annotated[Path, typer.Option(help="Folder for pairs.jsonl, truth.jsonl and images/.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many pairs.")] = 1000,
    seed: Annotated[int, typer.Option(help="Decides every pair.")] = 0,
    task: Annotated[str, typer.Option(help="t2i, edit or both.")] = "both",
    split: Annotated[
        str, typer.Option(help="train, test or any: disjoint requests, scenes.")
    ] = "train",
    dimension_labels: Annotated[
        bool, typer.Option("--dimension-labels", help="Write a label per dimension too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Draw preference pairs labelled by the hidden human. A simulation: say so where you use it."""
    try:
        from parrot.backends.miniature.files import write_pairs
    except ImportError as error:
        from parrot.core.errors import MissingExtraError

        raise MissingExtraError("parrot miniature", "miniature") from error
    written = write_pairs(
        out,
        n,
        seed=seed,
        task=task,
        split=split,
        dimension_labels=dimension_labels,
        progress=_progress if sys.stderr.isatty() else None,
    )
    if as_json:
        shown = {"pairs": str(written.pairs), "truth": str(written.truth), "n": n}
        typer.echo(json.dumps(shown | {"simulated": True, "again": written.again}))
        return
    said = "already there" if written.again else "written"
    typer.echo(f"{n} simulated pairs {said}: {written.pairs} (truth: {written.truth})")


def _progress(done: int, total: int) -> None:
    typer.echo(f"\r{done} of {total} pairs", err=True, nl=done == total)
