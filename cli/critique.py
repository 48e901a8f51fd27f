"""`parrot critique`: what a model says of one image, to read or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.rubrics import rubric_named
from parrot.backends.images import image_from_path
from parrot.cli import options
from parrot.cli.choices import chosen_prompt
from parrot.cli.requesting import words
from parrot.cli.session import open_spec, run_async
from parrot.core.asks import Failed, Reply, Sampling, whole
from parrot.core.critiques import NA, Critique, Reading, Score
from parrot.core.engine import Engine
from parrot.core.formats import Form
from parrot.core.records.bodies import body_to_record
from parrot.core.rewards import Reward, Unscored, mean, reward_of
from parrot.core.rubric import Rubric, rubric_for
from parrot.core.values import Request


def critique(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image to judge.")],
    *,
    request: Annotated[str, typer.Option(help="What was asked for, in words.")],
    model: Annotated[
        str, typer.Option(help="Who critiques (kind:target).", rich_help_panel=options.MODELS)
    ],
    source: Annotated[
        list[Path] | None, typer.Option(help="The image that was edited; repeatable.")
    ] = None,
    refine: Annotated[
        bool,
        typer.Option(help="Ask for a better request too.", rich_help_panel=options.WORDS),
    ] = True,
    rubric: options.RubricName = "auto",
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    temperature: options.Temperature = 0.0,
    max_tokens: options.ReplyTokens = 2048,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> None:
    """Has a model judge one image by what was asked for, and prints what it says."""
    wanted = Request(
        words(request, "--request"), tuple(image_from_path(path) for path in source or ())
    )
    judged_by = rubric_named(rubric) or rubric_for(wanted)
    prompt = chosen_prompt(layout, reply_format, wording)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    ask = prompt.critique(
        wanted, image_from_path(image), judged_by, sampling=sampling, refine=refine
    )
    judge = open_spec(model)

    async def work() -> Reply | Failed:
        try:
            async with Engine(judge) as engine:
                return whole(await engine.ask(ask))
        finally:
            await judge.aclose()

    reply = run_async(work)
    if isinstance(reply, Failed):
        typer.echo(f"no critique: {reply.kind.value}: {reply.detail}", err=True)
        raise typer.Exit(1)
    reading = prompt.format.read(reply.text, judged_by, Form.POINTWISE)
    outcome = reward_of(reading.value, judged_by, wanted, mean)
    if as_json:
        print(json.dumps(_record(reading, outcome, judge.id), ensure_ascii=True))
    else:
        print("\n".join(lines_of(reading.value, judged_by, outcome)))
    for problem in reading.problems:
        where = f"{problem.dimension}: " if problem.dimension else ""
        typer.echo(f"{where}{problem.code.value}: {problem.detail}", err=True)
    if isinstance(outcome, Unscored):
        typer.echo(f"no reward: {outcome.failure.detail}", err=True)
        raise typer.Exit(1)


def _record(reading: Reading[Critique], outcome: Reward | Unscored, model: str) -> dict[str, Any]:
    return {
        **body_to_record(reading.value),
        "reward": outcome.total if isinstance(outcome, Reward) else None,
        "dimensions": dict(outcome.dimensions),
        "model": model,
        "problems": [
            {"dimension": p.dimension, "code": p.code.value, "detail": p.detail}
            for p in reading.problems
        ],
    }


def lines_of(critique: Critique, rubric: Rubric, outcome: Reward | Unscored) -> Iterator[str]:
    """A critique as a person reads it: a heading with its score, then the reasons."""
    if critique.analysis:
        yield f"{critique.analysis}\n"
    for finding in critique.findings:
        yield f"{rubric[finding.dimension].heading}: {_score(finding.score, rubric)}"
        yield f"  {finding.justification}"
    if critique.summary:
        yield f"\n{critique.summary}"
    if critique.refinement is not None:
        if critique.refinement.comments:
            yield f"\nto change: {critique.refinement.comments}"
        yield f"refined request: {critique.refinement.request}"
    if isinstance(outcome, Reward):
        yield f"\nreward: {outcome.total:.3f} (0 to 1)"


def _score(score: Score, rubric: Rubric) -> str:
    return "N/A" if score is NA else f"{score:g} of {rubric.scale.high:g}"
