"""`parrot demo`: the main job on the miniature, end to end, with what the filters catch."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.cli import options


def demo(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for everything made; a temporary one unless given.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=10, help="Preference pairs.")] = 300,
    seed: Annotated[int, typer.Option(help="Decides every pair.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Pairs, anchored rationales, filters, projection, export: on a simulated world, without torch."""
    try:
        from parrot.backends.miniature.files import write_pairs
    except ImportError as error:
        from parrot.core.errors import MissingExtraError

        raise MissingExtraError("parrot demo", "miniature") from error
    folder = out or Path(tempfile.mkdtemp(prefix="parrot-demo-"))
    from parrot.adapters.runs import RunFolder
    from parrot.backends.miniature.audit import audit
    from parrot.backends.miniature.errors import LEVELS
    from parrot.cli.export import export
    from parrot.cli.project import project
    from parrot.cli.rationalize import rationalize
    from parrot.cli.session import run_async
    from parrot.cli.tables import print_funnel

    def say(text: str) -> None:
        if not as_json:
            print(text)

    say("This is a simulation: a small drawn world, a hidden human, a teacher that errs.\n")
    say(f"1. {n} preference pairs labelled by the hidden human")
    pairs = write_pairs(folder / "pairs", n, seed=seed, task="both").pairs
    run = folder / "run"
    say("2. anchored rationales in both A/B orders, filtered")
    with _quietly():
        rationalize(pairs, teacher="miniature:teacher", out=run)
    with _quietly():
        project(run, teacher="miniature:teacher")
    with _quietly():
        export([run, run / "projected"], to="llamafactory", out=folder / "train")
    funnels = [_funnel(run), _funnel(run / "projected")]
    if not as_json:
        print_funnel(funnels[0])
        print("\n3. projected to single images, with refined requests, filtered")
        print_funnel(funnels[1], title="Projection", examples=0)
    count = len((folder / "train" / "train.jsonl").read_bytes().splitlines())
    say(f"\n4. exported for LLaMA-Factory: {count} examples")
    say("\n5. what the filters catch, by the simulation's own truth")
    audits = [run_async(lambda level=level: audit(level, n, seed=seed + 1)) for level in LEVELS]  # type: ignore[misc]
    tables = {a.level: [row.shares() for row in a.rows] for a in audits}
    if as_json:
        result = {"out": str(folder), "funnel": funnels[0], "projection": funnels[1]}
        print(json.dumps({**result, "examples": count, "audit": tables}))
        return
    _print_audit(tables)
    example = next(RunFolder(run).stored(), None)
    say(f"\nLook further: parrot show {run} -n 3; parrot show {run} --dropped grounded")
    say(f"Everything is in {folder}" + ("" if example else " (nothing was kept)"))


def _funnel(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "funnel.json").read_text(encoding="utf-8"))
    return found


def _quietly() -> Any:
    """For one command: it ends with a status where a pair failed, and the demo goes on."""
    import contextlib
    import io

    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    stack.enter_context(contextlib.suppress(typer.Exit))
    return stack


def _print_audit(tables: dict[str, list[dict[str, Any]]]) -> None:
    from rich.table import Table

    from parrot.cli.tables import out

    table = Table(box=None, pad_edge=False)
    for name in ("errs", "kept by"):
        table.add_column(name, no_wrap=True)
    for name in ("kept", "leak", "made-up flaw", "false claim", "right winner"):
        table.add_column(name, justify="right")
    for level, rows in tables.items():
        for row in rows:
            shares = (row["leaked"], row["invented"], row["untrue"], row["agree_with_truth"])
            said = ("-" if s is None else f"{100 * s:.1f} %" for s in shares)
            table.add_row(level, row["filters"], str(row["kept"]), *said)
    out.print(table)
