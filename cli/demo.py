"""`parrot demo`: the main job on the miniature, end to end, with what the filters catch."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.cli import options
from parrot.cli.demo_told import Told

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
    refine: Annotated[
        bool,
        typer.Option("--refine", help="Draw requests too, refine them, and write the report."),
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Tune a generator too, by the student's critiques; minutes."),
    ] = False,
    generator: Annotated[
        str | None,
        typer.Option(
            help="Who draws for --refine (miniature:generator; the simulated painter without"
            " diffusers), or a folder to tune for --full (miniature:generator)."
        ),
    ] = None,
    base: Annotated[
        str, typer.Option(help="Folder to distil from, or miniature:base.")
    ] = "miniature:base",
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 400,
    tests: Annotated[int, typer.Option(min=1, help="Held-out pairs to judge.")] = 200,
    requests: Annotated[int, typer.Option(min=1, help="Requests to draw and refine.")] = 24,
    tuning_steps: Annotated[int, typer.Option(min=1, help="Steps of --full.")] = 30,
    edits: Annotated[int, typer.Option(min=2, help="Held-out edits to measure --full on.")] = 48,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Pairs, anchored rationales, filters, projection, export: on a simulated world.

    Without torch; with --train a student is distilled from the rationales and judged. With --refine
    requests are drawn and redrawn by that student's words, or the shipped one's, and a page shows it.
    With --full a generator is tuned by them, and its true utility stands before and after.
    """
    try:
        import parrot.backends.miniature.files  # noqa: F401  is it there?
    except ImportError as error:
        from parrot.core.errors import MissingExtraError

        raise MissingExtraError("parrot demo", "miniature") from error
    start = _start(base) if train else None
    if refine or full:
        _may_judge("--refine" if refine else "--full", trained=train)
    tuned = _to_tune(generator) if full else None
    n = n or (1000 if train else 300)
    folder = out or Path(tempfile.mkdtemp(prefix="parrot-demo-"))
    told = Told(quiet=as_json)
    told.say("This is a simulation: a small drawn world, a hidden human, a teacher that errs.\n")
    found = _rationales(folder, n, seed, told)
    found["audit"] = _audits(min(n, AUDITED) if train else n, seed, told)
    if start is not None:
        told.step("a student distilled from what was kept, and its base, on held-out pairs")
        runs = [folder / "run", folder / "run" / "projected"]
        found["students"] = _trained(start, runs, folder / "student", steps, tests, seed, device)
        told.students(found["students"])
    critic = f"torch:{folder / 'student'}" if train else "miniature:student"
    if refine:
        told.step("requests drawn, critiqued and drawn again; the best by the critic is kept")
        found["refined"] = _refined(critic, generator or _drawer(), folder, requests)
        told.gallery(found["refined"])
    if tuned is not None:
        told.step(
            f"a generator tuned to add things, {tuning_steps} steps of the student's critiques"
        )
        found["tuned"] = _tuned(critic, tuned, folder / "tuned", tuning_steps, edits, seed, device)
        told.tuned(found["tuned"])
    if as_json:
        print(json.dumps({"out": str(folder), **found}))
        return
    told.end(folder)


def _rationales(folder: Path, n: int, seed: int, told: Told) -> dict[str, Any]:
    """Pairs, rationales, projections and an export in the folder; the funnels."""
    from parrot.backends.miniature.files import write_pairs
    from parrot.cli.export import export
    from parrot.cli.project import project
    from parrot.cli.rationalize import rationalize

    told.step(f"{n} preference pairs labelled by the hidden human")
    pairs = write_pairs(folder / "pairs", n, seed=seed, task="both").pairs
    run = folder / "run"
    told.step("anchored rationales in both A/B orders, filtered")
    with _quietly():
        rationalize(pairs, teacher="miniature:teacher", out=run)
    with _quietly():
        project(run, teacher="miniature:teacher")
    with _quietly():
        export([run, run / "projected"], to="llamafactory", out=folder / "train")
    funnels = [_funnel(run), _funnel(run / "projected")]
    told.funnel(funnels[0])
    told.step("projected to single images, with refined requests, filtered")
    told.funnel(funnels[1], title="Projection", examples=0)
    count = len((folder / "train" / "train.jsonl").read_bytes().splitlines())
    told.step(f"exported for LLaMA-Factory: {count} examples")
    return {"funnel": funnels[0], "projection": funnels[1], "examples": count}


def _audits(n: int, seed: int, told: Told) -> dict[str, list[dict[str, Any]]]:
    from parrot.backends.miniature.audit import audit
    from parrot.backends.miniature.errors import LEVELS
    from parrot.cli.session import run_async

    told.step("what the filters catch, by the simulation's own truth")
    audits = [
        run_async(lambda level=level: audit(level, n, seed=seed + 1))  # type: ignore[misc]
        for level in LEVELS
    ]
    tables = {a.level: [row.shares() for row in a.rows] for a in audits}
    told.audit(tables)
    return tables


def _start(base: str) -> Path:
    """The base's folder, looked up before anything is made. Raises ConfigError."""
    from parrot.backends.miniature.shipped import folder_of
    from parrot.core.errors import MissingExtraError

    try:
        import parrot.backends.torch.distil  # noqa: F401  is it there?
    except ImportError as error:
        raise MissingExtraError("parrot demo --train", "train") from error
    return folder_of(base)


def _may_judge(flag: str, *, trained: bool) -> None:
    """Whether there is a student to judge, before anything is made. Raises as `_start` does."""
    from parrot.backends.miniature.shipped import shipped
    from parrot.core.errors import MissingExtraError

    try:
        import parrot.backends.torch.model  # noqa: F401  is it there?
    except ImportError as error:
        raise MissingExtraError(f"parrot demo {flag}", "torch") from error
    if not trained:
        shipped("student")


def _drawer() -> str:
    """The shipped generator where it can draw, else the simulated one."""
    from importlib.util import find_spec

    from parrot.backends.miniature.shipped import comes_with

    there = find_spec("diffusers") is not None and comes_with("generator")
    return "miniature:generator" if there else "miniature:painter"


def _to_tune(generator: str | None) -> Path:
    """The generator's folder, looked up before anything is made. Raises as `_start` does."""
    from parrot.backends.miniature.shipped import folder_of
    from parrot.core.errors import MissingExtraError

    try:
        import parrot.backends.diffusers.tune  # noqa: F401  is it there?
    except ImportError as error:
        raise MissingExtraError("parrot demo --full", "diffusers") from error
    return folder_of((generator or "miniature:generator").removeprefix("diffusers:"))


def _trained(
    base: Path, runs: list[Path], out: Path, steps: int, tests: int, seed: int, device: str
) -> dict[str, Any]:
    from parrot.cli.demo_training import compared, student_of_demo, told

    done = student_of_demo(base, runs, out, steps=steps, seed=seed, device=device)
    report, seconds = compared(base, done.folder, tests=tests, device=device)
    made = {"examples": done.examples, "steps": done.steps, "loss": done.loss}
    return {**made, "judging_seconds": round(seconds, 1), "pairs": tests, **told(report)}


def _refined(critic: str, generator: str, folder: Path, requests: int) -> dict[str, Any]:
    from parrot.cli.demo_refining import drawn_for_demo, drawn_told

    with _quietly():
        drawn_for_demo(critic, generator, folder, requests=requests)
    return drawn_told(folder)


def _tuned(
    critic: str, generator: Path, folder: Path, steps: int, tests: int, seed: int, device: str
) -> dict[str, Any]:
    from parrot.cli.demo_tuning import tuned_for_demo

    return tuned_for_demo(
        critic, generator, folder, steps=steps, tests=tests, seed=seed, device=device
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
