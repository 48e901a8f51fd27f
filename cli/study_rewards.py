"""`parrot study rewards`: one generator tuned by different rewards, an arm and a seed at a time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parrot.cli import options
from parrot.cli.choices import chosen_member, chosen_members
from parrot.core.studies.tuning import Arm, cell_id

if TYPE_CHECKING:
    from parrot.cli.study_tuned import Settings

TUNING, JUDGES, SIZE = "Tuning", "Judges", "Size"


def _in(panel: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


def rewards(
    *,
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command goes on.")],
    generator: Annotated[
        str, typer.Option(help="Folder of a Flux, or miniature:generator.")
    ] = "miniature:generator",
    arms: Annotated[
        str | None, typer.Option(help=f"Some of {', '.join(Arm)}, instead of all.")
    ] = None,
    student: Annotated[str, _in(JUDGES, "Who critiques.")] = "miniature:student",
    scores_only: Annotated[
        str | None, _in(JUDGES, "A student that learned scores alone (torch:PATH).")
    ] = None,
    head: Annotated[
        str | None, _in(JUDGES, "Folder that `parrot train-head` wrote, or miniature:head.")
    ] = None,
    seeds: Annotated[int, _in(SIZE, "Seeds of every arm.", min=1)] = 3,
    steps: Annotated[int, _in(SIZE, "Steps of a cell.", min=1)] = 40,
    group: Annotated[int, _in(SIZE, "Drawings a request.", min=2)] = 8,
    prompts_per_step: Annotated[int, _in(SIZE, "Requests a step.", min=1)] = 12,
    edits: Annotated[str, _in(SIZE, "What all edits do: add, letter, move, ..., or all.")] = "add",
    requests: Annotated[int, _in(SIZE, "Edits to be tuned on.", min=1)] = 200,
    tests: Annotated[int, _in(SIZE, "Held-out edits to measure on.", min=2)] = 48,
    samples: Annotated[int, _in(SIZE, "Drawings of each, from fixed noise.", min=1)] = 2,
    every: Annotated[int, _in(SIZE, "Steps between two measurements.", min=1)] = 5,
    method: Annotated[str, _in(TUNING, "nft or grpo.")] = "nft",
    rate: Annotated[float, _in(TUNING, "Learning rate.", min=0)] = 1e-3,
    kl: Annotated[
        float, _in(TUNING, "Weight of the distance to the frozen model, in the loss.", min=0)
    ] = 0.0,
    rank: Annotated[int, _in(TUNING, "Rank of LoRA.", min=1)] = 16,
    levels: Annotated[
        int, _in(TUNING, "Noise levels a drawing is learned at, highest first.", min=1)
    ] = 2,
    updates: Annotated[int, _in(TUNING, "Optimizer steps a step.", min=1)] = 1,
    sampling_steps: Annotated[int, _in(TUNING, "Steps of a drawing.", min=3)] = 4,
    guidance: Annotated[float, _in(TUNING, "Guidance scale; 1 is none.", min=0)] = 1.0,
    noise: Annotated[float, _in(TUNING, "Noise of the SDE: grpo's, and the KL's.")] = 0.7,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch may use.")] = 1,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing: write table and plots of what there is.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Edits, tuned by a student's critiques, by their sum, by other judges, and by the truth.

    The judge is the truth, read from the pixels of held-out edits every few steps. Each arm and seed
    ends as a line of tuned.jsonl; arms without a judge are left out, and said so.
    """
    if report:
        _report(out, as_json=as_json)
        return
    from parrot.core.errors import MissingExtraError

    try:
        import torch

        from parrot.backends.diffusers.tune import Method
        from parrot.cli.study_tuned import RECIPE, Settings
    except ImportError as error:
        raise MissingExtraError("parrot study rewards", "diffusers,torch,miniature") from error
    from attrs import evolve

    from parrot.backends.miniature.briefs import Op
    from parrot.backends.miniature.shipped import folder_of
    from parrot.cli.study_scores import Judges

    torch.set_num_threads(threads)
    recipe = evolve(
        RECIPE,
        method=chosen_member(Method, "method", method),
        steps=steps,
        group=group,
        batch=group,
        prompts=prompts_per_step,
        updates=updates,
        rate=rate,
        kl=kl,
        rank=rank,
        levels=levels,
        sampling=sampling_steps,
        guidance=guidance,
        noise=noise,
        every=every,
        device=device,
    )
    judges = Judges(student, scores_only, head)
    op = None if edits == "all" else chosen_member(Op, "kind of edit", edits)
    settings = Settings(folder_of(generator), judges, recipe, op, requests, tests, samples)
    wanted = chosen_members(Arm, "arm", arms) if arms else tuple(Arm)
    _run(out, settings, wanted, seeds)
    _report(out, as_json=as_json)


def _run(out: Path, settings: Settings, arms: tuple[Arm, ...], seeds: int) -> None:
    """Tunes what is left, a seed of every arm before the next seed. Raises ConfigError."""
    from parrot.cli.study_files import claim, tuned_lines
    from parrot.cli.study_tuned import Runner

    absent = [arm for arm in arms if settings.judges.lacks(arm)]
    if absent:
        _say({"left out, no judge was named": [str(arm) for arm in absent]})
    claim(out, settings.plan)
    done = {one.id for one in tuned_lines(out).read()}
    cells = [(arm, seed) for seed in range(seeds) for arm in arms if arm not in absent]
    left = [(arm, seed) for arm, seed in cells if cell_id(arm, seed) not in done]
    runner = Runner.begun(out, settings, _say) if left else None
    for number, (arm, seed) in enumerate(left, start=1):
        _say({"cell": cell_id(arm, seed), "number": number, "of": len(left)})
        if runner is not None:
            runner.run(arm, seed)


def _report(out: Path, *, as_json: bool) -> None:
    """Writes report.md, report.json and a plot along each of steps, KL and gain."""
    from parrot.cli.study_files import plan_of, tuned_lines
    from parrot.core.studies.tuned_plot import ACROSS, plot_of
    from parrot.core.studies.tuned_report import PRIMARY, report_of, report_to_dict, table_of

    plan_of(out, PRIMARY)
    found = report_of(tuned_lines(out).read())
    table, plain = table_of(found), report_to_dict(found)
    (out / "report.md").write_text(table + "\n", encoding="utf-8")
    (out / "report.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    for across in ACROSS:
        (out / f"truth-by-{across}.svg").write_text(plot_of(found, across=across), encoding="utf-8")
    print(json.dumps(plain) if as_json else table)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), file=sys.stderr, flush=True)
