"""`parrot study`: comparisons as resumable cells; here of students. Arguments, wiring, printing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parrot.cli import options
from parrot.cli.choices import chosen_members
from parrot.cli.study_refine import refine
from parrot.cli.study_rewards import rewards
from parrot.core.registry import opener, parse_spec
from parrot.core.studies.cells import Arm, Equal

if TYPE_CHECKING:
    from parrot.cli.study_cells import Settings
    from parrot.cli.study_files import Folder
    from parrot.core.studies.cells import Design
    from parrot.core.studies.results import Result

app = typer.Typer(
    add_completion=False,
    help="Comparisons on the miniature, cell by cell.",
    no_args_is_help=True,
)


@app.callback()
def _several() -> None:
    """Comparisons on the miniature, cell by cell. A simulation: it says so."""


app.command()(refine)
app.command()(rewards)


@app.command()
def parrot(
    *,
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command goes on.")],
    base: Annotated[
        str, typer.Option(help="Folder of the base, or miniature:base.")
    ] = "miniature:base",
    budget: Annotated[str, typer.Option(help="tiny, small or large.")] = "small",
    sizes: Annotated[str | None, typer.Option(help="Sizes with commas, instead.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Students a cell, instead.")] = None,
    arms: Annotated[
        str | None, typer.Option(help=f"Some of {', '.join(list(Arm)[1:])}, instead of all.")
    ] = None,
    equal: Annotated[
        str | None, typer.Option(help="What a size counts: pairs, rows or both with a comma.")
    ] = None,
    tests: Annotated[int | None, typer.Option(min=1, help="Test pairs, instead.")] = None,
    least: Annotated[int | None, typer.Option(min=1, help="Steps of a student, at least.")] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Steps of a student, at most.")] = None,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate of students.")] = 5e-4,
    head_rate: Annotated[float, typer.Option(min=0, help="Learning rate of heads.")] = 5e-4,
    teacher: Annotated[str, typer.Option(help="Who writes rationales.")] = "miniature:teacher",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    bf16: Annotated[bool, typer.Option("--bf16", help="Train in bfloat16.")] = False,
    tower: Annotated[
        bool, typer.Option("--tower", help="Train the vision tower too, of students and heads.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch may use.")] = 1,
    part: Annotated[
        str, typer.Option(help="Which cells: 1/2 and 2/2 share them between two processes.")
    ] = "1/1",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the students' folders.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing: write table and plot of what there is.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Students at equal data and steps: blind, anchored, filtered, scores alone, a scalar head.

    Each cell (arm, size, seed) ends as a line of results.jsonl. The primary contrast, anchored-full
    against blind-agree, is named in plan.json before anything is run.
    """
    from parrot.core.errors import MissingExtraError

    if report:
        _report(out, as_json=as_json)
        return
    try:
        import torch

        from parrot.cli.study_cells import Settings
    except ImportError as error:
        raise MissingExtraError("parrot study", "train") from error
    from parrot.backends.miniature.shipped import folder_of
    from parrot.cli.study_files import Folder

    torch.set_num_threads(threads)
    opener(parse_spec(teacher).kind)
    design = _design(budget, sizes, seeds, arms, equal, tests, least, most)
    settings = Settings(
        folder_of(base), design, teacher, rate, head_rate, device, bf16, part, keep, tower
    )
    failed = _run(Folder(out), settings)
    _report(out, as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _design(
    budget: str,
    sizes: str | None,
    seeds: int | None,
    arms: str | None,
    equal: str | None,
    tests: int | None,
    least: int | None,
    most: int | None,
) -> Design:
    """The budget with what was said instead of its own. Raises ConfigError."""
    from attrs import evolve

    from parrot.core.errors import ConfigError
    from parrot.core.studies.cells import budget_named

    try:
        numbers = tuple(int(one) for one in sizes.split(",")) if sizes else None
    except ValueError:
        raise ConfigError(f"sizes are numbers with commas between them, not {sizes!r}") from None
    said: dict[str, Any] = {
        "sizes": numbers,
        "seeds": seeds,
        "arms": arms and chosen_members(Arm, "arm", arms),
        "equal": equal and chosen_members(Equal, "equal", equal),
        "tests": tests,
        "least": least,
        "most": most,
    }
    return evolve(budget_named(budget), **{k: v for k, v in said.items() if v is not None})


def _run(folder: Folder, settings: Settings) -> int:
    """Runs what is left of the part; how many cells failed. Raises ConfigError."""
    from parrot.cli.study_cells import Runner
    from parrot.core.errors import ConfigError
    from parrot.core.studies.cells import part_of

    done = {result.cell.id for result in folder.lines.read()}
    cells = part_of(settings.design.cells, done, settings.part)  # before anything is written
    runner = Runner.begun(folder, settings)
    failed = 0
    for number, cell in enumerate(cells, start=1):
        _say({"cell": cell.id, "number": number, "of": len(cells)})
        try:
            _say(_told(runner.run(cell)))
        except ConfigError as error:  # nothing was kept, say: other cells still stand
            failed += 1
            _say({"cell": cell.id, "failed": str(error)})
    return failed


def _told(result: Result) -> dict[str, Any]:
    from parrot.core.studies.results import result_to_record

    record = result_to_record(result)
    return {name: record[name] for name in ("id", "rows", "calls", "steps", "loss", "seconds")} | {
        "complete": round(result.complete, 4)
    }


def _report(out: Path, *, as_json: bool) -> None:
    """Writes report.md, report.json and a plot for each way of counting. Raises ConfigError."""
    from parrot.cli.study_files import Folder
    from parrot.core.studies.plot import plot_of
    from parrot.core.studies.report import report_of, report_to_dict, table_of

    folder = Folder(out)
    found = report_of(folder.lines.read(), folder.tests())
    table, plain = table_of(found), report_to_dict(found)
    (out / "report.md").write_text(table + "\n", encoding="utf-8")
    (out / "report.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    for equal in Equal:
        plot = plot_of(found, equal=equal)
        if plot:
            (out / f"equal-{equal}.svg").write_text(plot, encoding="utf-8")
    print(json.dumps(plain) if as_json else table)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), file=sys.stderr, flush=True)
