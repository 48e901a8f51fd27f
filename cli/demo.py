"""`parrot demo`: the main job on the miniature, end to end, with what the filters catch."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.cli import options

AUDITED = 300
"""Pairs whose rationales are held against the truth, at most, where there is a student to train."""


def demo(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for everything made; a temporary one unless given.")
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=10, help="Preference pairs; 300, or 1000 to train on."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every pair.")] = 0,
    train: Annotated[
        bool, typer.Option("--train", help="Distil a student too, and hold it against its base.")
    ] = False,
    base: Annotated[
        str, typer.Option(help="Folder to distil from, or miniature:base.")
    ] = "miniature:base",
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 200,
    tests: Annotated[int, typer.Option(min=1, help="Held-out pairs to judge.")] = 200,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Pairs, anchored rationales, filters, projection, export: on a simulated world.

    Without torch; with --train a student is distilled from the rationales and judged.
    """
    try:
        from parrot.backends.miniature.files import write_pairs
    except ImportError as error:
        from parrot.core.errors import MissingExtraError

        raise MissingExtraError("parrot demo", "miniature") from error
    start = _start(base) if train else None
    n = n or (1000 if train else 300)
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
    looked = min(n, AUDITED) if train else n
    audits = [
        run_async(lambda level=level: audit(level, looked, seed=seed + 1))  # type: ignore[misc]
        for level in LEVELS
    ]
    tables = {a.level: [row.shares() for row in a.rows] for a in audits}
    if not as_json:
        _print_audit(tables)
    trained = None
    if start is not None:
        say("\n6. a student distilled from what was kept, and its base, on held-out pairs")
        runs = [run, run / "projected"]
        trained = _trained(start, runs, folder / "student", steps, tests, seed, device)
        if not as_json:
            _print_students(trained)
    if as_json:
        result = {"out": str(folder), "funnel": funnels[0], "projection": funnels[1]}
        more = {"students": trained} if trained else {}
        print(json.dumps({**result, "examples": count, "audit": tables, **more}))
        return
    example = next(RunFolder(run).stored(), None)
    say(f"\nLook further: parrot show {run} -n 3; parrot show {run} --dropped grounded")
    say(f"Everything is in {folder}" + ("" if example else " (nothing was kept)"))


def _start(base: str) -> Path:
    """The base's folder, looked up before anything is made. Raises ConfigError."""
    from parrot.backends.miniature.shipped import folder_of
    from parrot.core.errors import MissingExtraError

    try:
        import parrot.backends.torch.distil  # noqa: F401  is it there?
    except ImportError as error:
        raise MissingExtraError("parrot demo --train", "train") from error
    return folder_of(base)


def _trained(
    base: Path, runs: list[Path], out: Path, steps: int, tests: int, seed: int, device: str
) -> dict[str, Any]:
    from parrot.cli.demo_training import compared, student_of_demo, told

    done = student_of_demo(base, runs, out, steps=steps, seed=seed, device=device)
    report, seconds = compared(base, done.folder, tests=tests, device=device)
    made = {"examples": done.examples, "steps": done.steps, "loss": done.loss}
    return {**made, "judging_seconds": round(seconds, 1), "pairs": tests, **told(report)}


def _print_students(found: dict[str, Any]) -> None:
    from rich.table import Table

    from parrot.cli.tables import out

    table = Table(box=None, pad_edge=False)
    table.add_column("judge", no_wrap=True)
    counts = found["tests"]
    for name, count in counts.items():
        table.add_column(f"{name} ({count})", justify="right")
    table.add_column("complete", justify="right")
    for who in ("base", "student", "difference"):
        shares = found.get(who, {})
        said = (
            "{:.1f} % ({:.1f} to {:.1f})".format(*(100 * x for x in shares[name]))
            if name in shares
            else "-"
            for name in counts
        )
        done = f"{100 * shares['complete']:.1f} %" if "complete" in shares else ""
        table.add_row(who, *said, done)
    out.print(table)
    print(
        f"{found['examples']} examples, {found['steps']} steps; {found['pairs']} held-out pairs in"
        " both orders, agreement with the simulation's truth, 95 % intervals over requests."
    )


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
