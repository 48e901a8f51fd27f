"""`parrot project`: from kept comparisons to critiques of single images."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.begun import refuse_foreign
from parrot.adapters.runs import RunWriter
from parrot.cli import options
from parrot.cli.choices import chosen_prompt
from parrot.cli.comparing import run_of_comparisons
from parrot.cli.ending import ended, tell_run, told_lacking
from parrot.cli.session import asking_of, counted, engine_on, open_spec, run_async
from parrot.cli.sharing import covered, share_of, store_at
from parrot.core.asks import Sampling
from parrot.core.outcomes import PairOutcome
from parrot.core.pipelines.projecting import Projecting
from parrot.core.pipelines.projecting import project as phase_two_b


def project(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder of rationalize or filter.")
    ],
    *,
    teacher: options.Teacher,
    out: Annotated[Path | None, typer.Option(help="Folder; RUN/projected unless given.")] = None,
    verifier: options.Verifier = None,
    per_pair: Annotated[int, typer.Option(min=1, help="Comparisons of a pair to project.")] = 1,
    check_wishes: Annotated[
        bool,
        typer.Option(
            help="Ask a model whether refined requests keep every wish.",
            rich_help_panel=options.JUDGING,
        ),
    ] = True,
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    temperature: options.Temperature = 0.7,
    max_tokens: options.ReplyTokens = 2048,
    seed: options.Seed = None,
    concurrency: options.Concurrency = 64,
    rpm: options.Rpm = None,
    tpm: options.Tpm = None,
    max_asks: options.MaxAsks = None,
    max_spent: options.MaxSpent = None,
    max_cost: options.MaxCost = None,
    max_seconds: options.MaxSeconds = None,
    max_failures: options.MaxFailures = 0.5,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
    shard: options.ShardOf = None,
    known: options.Known = None,
    tag: options.Tag = None,
    as_json: options.AsJson = False,
) -> None:
    """Has a model judge each image of a kept pair alone, with a better request, and filters that."""
    folder, target, share = run_of_comparisons(run), out or run / "projected", share_of(shard)
    refuse_foreign(target)
    how = Projecting(
        chosen_prompt(layout, reply_format, wording),
        Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed),
        per_pair,
        ask_wishes=check_wishes,
    )
    model = open_spec(teacher, connections=concurrency, tag=tag)
    checker = open_spec(verifier, connections=concurrency) if verifier else None
    if checker is not None and checker.id == model.id:
        checker = None
    about = {k: v for k, v in folder.about.items() if k in ("version", "pairs", "rubric")}
    about |= {"command": "project", "teacher": model.id, "prompt": how.prompt.id}
    about |= {"verifier": checker.id if checker else model.id}
    about |= covered(share, folder.about, run) | told_lacking(folder)
    asking = asking_of(locals(), model, checker)

    async def given() -> AsyncIterator[PairOutcome]:
        for outcome in folder.outcomes(share):
            yield outcome

    async def work() -> dict[str, Any]:
        with (
            store_at(target / "store.sqlite", known) as store,
            RunWriter(
                target, images_root=folder.images_root, about=about, place_of=share.leave
            ) as writer,
        ):
            async with engine_on(model, store, asking, total=None) as (engine, meter):
                second = engine.beside(checker) if checker else None
                try:
                    async for outcome in phase_two_b(given(), engine, how, verifier=second):
                        writer.add(outcome)
                finally:
                    if checker is not None:
                        await checker.aclose()
            return ended(writer) | {"asks": counted(meter.progress, asking.prices)}

    tell_run(run_async(work), target, as_json=as_json, title="Projection")
