"""`parrot refine`: draw, critique, draw again; keep the best and every draft on the way."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.rubrics import rubric_named
from parrot.adapters.store import SqliteStore
from parrot.adapters.traces import TraceFolder
from parrot.backends.images import all_black
from parrot.cli import options
from parrot.cli.choices import chosen_prompt, chosen_values
from parrot.cli.requesting import names_file, requests_of
from parrot.cli.session import (
    asking_of,
    counted,
    engine_on,
    open_generator_spec,
    open_spec,
    run_async,
)
from parrot.core.asks import Failed, FailureKind, Sampling
from parrot.core.engine.budget import Price
from parrot.core.errors import ConfigError
from parrot.core.pipelines.rewarding import Rewarding
from parrot.core.refine import Refining, Trace, gate_of, policy_named, refine_all
from parrot.core.refine import refine as refined
from parrot.core.rubric import RUBRICS, Rubric
from parrot.core.values import Image, Request

_POLICY = "How drafts are made"
_EACH = "Bounds of one request"


def refine(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="A request in words, or a file REQUESTS.jsonl.")
    ],
    *,
    generator: Annotated[
        str, typer.Option(help="Who draws (kind:target).", rich_help_panel=options.MODELS)
    ],
    critic: Annotated[
        str, typer.Option(help="Who critiques (kind:target).", rich_help_panel=options.MODELS)
    ],
    draw: Annotated[
        list[str] | None,
        typer.Option(
            help="KEY=VALUE for the generator, such as num_inference_steps=28; repeatable.",
            rich_help_panel=options.MODELS,
        ),
    ] = None,
    verifier: options.Verifier = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; an earlier run goes on. Temporary unless given."),
    ] = None,
    source: Annotated[
        list[Path] | None, typer.Option(help="Image to edit, of a request in words; repeatable.")
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="keep-best, patience, best-of-n, mix, budget, or paper (the control).",
            rich_help_panel=_POLICY,
        ),
    ] = "keep-best",
    rounds: Annotated[
        int, typer.Option(min=0, help="Rounds of refinement.", rich_help_panel=_POLICY)
    ] = 3,
    candidates: Annotated[
        int, typer.Option(min=1, help="Refined drafts a round.", rich_help_panel=_POLICY)
    ] = 1,
    seeds: Annotated[
        int, typer.Option(min=1, help="Drafts of best-of-n and mix.", rich_help_panel=_POLICY)
    ] = 4,
    patience: Annotated[
        int,
        typer.Option(
            min=1, help="Rounds without a better draft, of patience.", rich_help_panel=_POLICY
        ),
    ] = 1,
    gate: Annotated[
        str | None,
        typer.Option(
            help="Stop once all scores reach it: 3.0 or KEY=3.0,KEY=2.5.", rich_help_panel=_POLICY
        ),
    ] = None,
    from_best: Annotated[
        bool,
        typer.Option(
            "--from-best", help="Begin from the best draft's image.", rich_help_panel=_POLICY
        ),
    ] = False,
    show_history: Annotated[
        bool,
        typer.Option(
            "--show-history",
            help="Show the critic earlier tries when it refines.",
            rich_help_panel=_POLICY,
        ),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="The first draft's.", rich_help_panel=_POLICY)
    ] = 0,
    drafts_each: Annotated[
        int | None, typer.Option(min=1, help="Drafts at most.", rich_help_panel=_EACH)
    ] = None,
    seconds_each: Annotated[
        float | None, typer.Option(help="Seconds at most.", rich_help_panel=_EACH)
    ] = None,
    tokens_each: Annotated[
        int | None, typer.Option(min=1, help="Critic's tokens at most.", rich_help_panel=_EACH)
    ] = None,
    money_each: Annotated[
        float | None,
        typer.Option(help="Money at most (needs a price).", rich_help_panel=_EACH),
    ] = None,
    drawing_price: Annotated[
        float, typer.Option(min=0, help="Money for one drawing.", rich_help_panel=_EACH)
    ] = 0.0,
    at_once: Annotated[
        int, typer.Option(min=1, help="Requests under way.", rich_help_panel=options.BOUNDS)
    ] = 8,
    samples: Annotated[
        int,
        typer.Option(min=1, help="Critiques a draft, averaged.", rich_help_panel=options.WORDS),
    ] = 1,
    rubric: options.RubricName = "auto",
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="The critic's; 0 for one sample and 0.7 for several unless given.",
            rich_help_panel=options.WORDS,
        ),
    ] = None,
    max_tokens: options.ReplyTokens = 2048,
    concurrency: options.Concurrency = 64,
    max_asks: options.MaxAsks = None,
    max_spent: options.MaxSpent = None,
    max_cost: options.MaxCost = None,
    max_seconds: options.MaxSeconds = None,
    max_failures: options.MaxFailures = 0.5,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
    limit: options.Limit = None,
    tag: options.Tag = None,
    as_json: options.AsJson = False,
) -> None:
    """Draws a request, has a critic judge it and say it better, draws again, and keeps the best.

    Every draft is kept with its critique and cost. Run it again with the same --out and it goes on.
    """
    judged_by = rubric_named(rubric)
    chosen_gate = gate_of(gate) if gate else None
    _known_gates(chosen_gate.own if chosen_gate else (), judged_by)
    priced = drawing_price or price_in is not None or price_out is not None
    if money_each is not None and not priced:
        raise ConfigError("--money-each needs --drawing-price or a price of tokens")
    about_policy = {
        "rounds": rounds,
        "candidates": candidates,
        "seeds": seeds,
        "patience": patience,
        "from_best": from_best,
        "drafts": drafts_each,
        "seconds": seconds_each,
        "tokens": tokens_each,
        "money": money_each,
    }
    decide = policy_named(policy, gate=chosen_gate, **about_policy)  # type: ignore[arg-type]
    if temperature is None:
        temperature = 0.0 if samples == 1 else 0.7
    prompt = chosen_prompt(layout, reply_format, wording)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    rewarding = Rewarding(
        judged_by, prompt=prompt, samples=samples, sampling=sampling, critiques_whole=True
    )
    how = Refining(
        rewarding,
        show_history,
        seed=seed,
        price=Price(price_in or 0.0, price_out or 0.0),
        drawing_price=drawing_price,
        look=looked_at,
    )
    requests = requests_of(request, source or (), limit)
    painter = open_generator_spec(generator, chosen_values(draw or ()), tag=tag)
    judge = open_spec(critic, connections=concurrency, tag=tag)
    checker = open_spec(verifier, connections=concurrency) if verifier else None
    asking = asking_of(locals(), judge, checker)
    target = out or Path(tempfile.mkdtemp(prefix="parrot-refine-"))
    about = {
        "command": "refine",
        "version": _version(),
        "requests": str(Path(request).resolve()) if names_file(request) else request,
        "generator": painter.id,
        "critic": judge.id,
        "verifier": checker.id if checker else None,
        "policy": {"name": policy, "gate": gate, **about_policy},
        "seed": seed,
        "how": {
            "prompt": prompt.id,
            "samples": samples,
            "temperature": temperature,
            "show_history": show_history,
        },
        "rubric": judged_by.digest if judged_by else None,
    }
    rows: list[dict[str, Any]] = []

    async def work() -> dict[str, Any]:
        # The writer is entered first: it refuses a folder of another run before anything is made.
        with (
            TraceFolder(target, about=about) as folder,
            SqliteStore(target / "store.sqlite") as store,
        ):
            async with engine_on(judge, store, asking, total=None) as (engine, meter):
                second = engine.beside(checker) if checker else None

                async def begin(id_: str, wanted: Request) -> Trace:
                    return await refined(
                        wanted,
                        painter,
                        engine,
                        decide,
                        how,
                        id_=id_,
                        verifier=second,
                        known=folder.known(id_, wanted),
                        keep=folder.keep,
                    )

                try:
                    async for id_, trace in refine_all(requests, begin, at_once=at_once):
                        rows.append(folder.end(id_, trace))
                        if not as_json:
                            tell(trace, rows[-1], target, alone=not names_file(request))
                finally:
                    await painter.aclose()
                    if checker is not None:
                        await checker.aclose()
                return counted(meter.progress, asking.prices)

    asks = run_async(work)
    report = summary(rows) | {"out": str(target), "asks": asks}
    if as_json:
        print(json.dumps(report | ({} if names_file(request) else {"result": rows[0]})))
    else:
        _tell_summary(report)
    if report["without_image"]:
        said = f"{report['without_image']} of {report['requests']} requests have no image"
        typer.echo(f"{said}; {target / 'results.jsonl'} says why", err=True)
        raise typer.Exit(1)


def looked_at(image: Image) -> Failed | None:
    """What is wrong with a drawing before anyone is asked about it."""
    if all_black(image):
        return Failed(FailureKind.REFUSED, "the drawing is all black, as safety checkers leave it")
    return None


def _version() -> str:
    from importlib.metadata import version

    return version("parrot-rewards")


def _known_gates(keys: Iterable[str], rubric: Rubric | None) -> None:
    from parrot.core.errors import UnknownNameError

    rubrics = (rubric,) if rubric else tuple(RUBRICS.values())
    known = sorted({key for one in rubrics for key in one.keys})
    for key in keys:
        if key not in known:
            raise UnknownNameError("dimension", key, known)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and mean rewards over results, as plain data."""
    both = [r for r in rows if r["reward"] is not None and r["first_reward"] is not None]
    return {
        "requests": len(rows),
        "without_image": sum(row["winner"] is None for row in rows),
        "unscored": sum(row["winner"] is not None and row["reward"] is None for row in rows),
        "drafts": sum(row["spent"]["drafts"] for row in rows),
        "first_reward": _mean([row["first_reward"] for row in both]),
        "reward": _mean([row["reward"] for row in both]),
        "improved": sum(row["reward"] > row["first_reward"] for row in both),
        "worsened": sum(row["reward"] < row["first_reward"] for row in both),
        "reasons": _counts([row["reason"] for row in rows]),
    }


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _counts(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}


def tell(trace: Trace, row: dict[str, Any], target: Path, *, alone: bool) -> None:
    """Prints the drafts of a request that stands alone, or one line of one among many."""
    if not alone:
        print(
            f"{row['id']}: {_said(row['first_reward'])} -> {_said(row['reward'])} {row['reason']}"
        )
        return
    for draft in trace.history.drafts:
        mark = "*" if draft.id == row["winner"] else " "
        values = ", ".join(f"{k} {v:.2f}" for k, v in draft.outcome.dimensions.items())
        shown = f" ({values})" if values else ""
        print(f"{mark} draft {draft.id}, round {draft.round}: {_said(draft.total)}{shown}")
        print(f"    drawn from: {draft.made.request.prompt} (seed {draft.made.seed})")
        if draft.critique and draft.critique.summary:
            print(f"    critic: {draft.critique.summary}")
    for note in row["notes"]:
        print(f"note: {note}")
    print(f"stopped: {row['reason']}")
    if row["image"]:
        print(f"image: {target / row['image']}")


def _said(total: float | None) -> str:
    return "unscored" if total is None else f"{total:.3f}"


def _tell_summary(report: dict[str, Any]) -> None:
    if report["requests"] > 1:
        print(
            f"{report['requests']} requests, {report['drafts']} drafts: mean reward by the critic"
            f" {_said(report['first_reward'])} -> {_said(report['reward'])}, {report['improved']}"
            f" better, {report['worsened']} worse, {report['unscored']} unscored"
        )
    print(f"run: {report['out']}")
