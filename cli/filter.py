"""`parrot filter`: phase 2 over rationales that exist already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.runs import RunWriter
from parrot.cli import options
from parrot.cli.choices import chosen_filters, evidence_for, names_of
from parrot.cli.comparing import run_of_comparisons
from parrot.cli.ending import ended, tell_run, told_lacking
from parrot.cli.session import asking_of, counted, engine_on, open_spec, run_async
from parrot.cli.sharing import covered, refuse_neighbours, share_of, store_at
from parrot.core.candidates import Candidate, Provenance, Rationale
from parrot.core.critiques import Comparison
from parrot.core.engine import Engine
from parrot.core.errors import UnknownNameError
from parrot.core.formats import read_choice
from parrot.core.outcomes import Fate, PairOutcome
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.pipelines.rationalizing import with_siblings
from parrot.core.rubric import rubric_for
from parrot.core.sharding import Share


def filter_(
    rationales: Annotated[
        Path, typer.Argument(metavar="RATIONALES", help="A run folder, or a file with --from.")
    ],
    *,
    source: Annotated[
        str, typer.Option("--from", help="run, or genai-bench-answers (recorded judge answers).")
    ] = "run",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the filtered run; RATIONALES/filtered unless given."),
    ] = None,
    verifier: options.Verifier = None,
    filters: options.Filters = "default",
    all_evidence: options.AllEvidence = False,
    probabilities: options.Probabilities = False,
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
    examples: Annotated[int, typer.Option(min=0, help="Examples of a filter to print.")] = 2,
    as_json: options.AsJson = False,
) -> None:
    """Judges rationales by the filters. Without a verifier the free ones run; the others are named."""
    judges = chosen_filters(filters)
    evidence = evidence_for(judges, probabilities=probabilities)
    how = Filtering(judges, evidence, all_evidence=all_evidence)
    skipped: tuple[str, ...] = ()
    if verifier is None:
        how, skipped = how.without_model()
    share = share_of(shard)
    refuse_neighbours(share, how.filters)
    outcomes, root, about = _given(rationales, source, share)
    given = _begun(outcomes)
    model = open_spec(verifier, connections=concurrency, tag=tag) if verifier else None
    asking = asking_of(locals(), model)
    folder = out or _default_out(rationales, source)
    about |= {"command": "filter", "filters": names_of(how.filters), "not_run": list(skipped)}
    about |= {"verifier": verifier}
    about |= covered(share, about, rationales)

    async def work() -> dict[str, Any]:
        with RunWriter(folder, images_root=root, about=about, place_of=share.leave) as writer:
            writer.funnel.marginal = all_evidence
            if model is None:
                await _judge(given, None, how, writer)
                return ended(writer)
            with store_at(folder / "store.sqlite", known) as store:
                async with engine_on(model, store, asking, total=None) as (engine, meter):
                    await _judge(given, engine, how, writer)
            return ended(writer) | {"asks": counted(meter.progress, asking.prices)}

    report = run_async(work) | {"not_run": list(skipped)}
    tell_run(report, folder, as_json=as_json, examples=examples)


async def _judge(
    outcomes: Iterator[PairOutcome], engine: Engine | None, how: Filtering, writer: RunWriter
) -> None:
    async def streamed() -> AsyncIterator[PairOutcome]:
        for outcome in outcomes:
            yield outcome

    async for outcome in filtered(streamed(), engine, how):
        writer.add(outcome)


def _begun(outcomes: Iterator[PairOutcome]) -> Iterator[PairOutcome]:
    """The outcomes, the first of them read already: what cannot be read makes no folder."""
    return chain(list(islice(outcomes, 1)), outcomes)


def _default_out(rationales: Path, source: str) -> Path:
    if source == "run":
        return rationales / "filtered"
    return rationales.parent / (rationales.name.partition(".jsonl")[0] + ".filtered")


def _given(
    rationales: Path, source: str, share: Share
) -> tuple[Iterator[PairOutcome], Path, dict[str, Any]]:
    if source == "genai-bench-answers":
        return _shared(_answers(rationales), share), rationales.parent, {"pairs": str(rationales)}
    if source != "run":
        raise UnknownNameError("source", source, ("run", "genai-bench-answers"))
    folder = run_of_comparisons(rationales)
    about = {k: v for k, v in folder.about.items() if k not in ("schema", "status", "images_root")}
    about |= told_lacking(folder)
    return _with_siblings(folder.outcomes(share)), folder.images_root, about


def _shared(outcomes: Iterator[PairOutcome], share: Share) -> Iterator[PairOutcome]:
    return (o for place, o in enumerate(outcomes) if share.takes(place, o.pair.id))


def _with_siblings(outcomes: Iterator[PairOutcome]) -> Iterator[PairOutcome]:
    for outcome in outcomes:
        again = with_siblings(tuple(f.candidate for f in outcome.fates))
        yield PairOutcome(outcome.pair, tuple(Fate(c) for c in again))


def _answers(path: Path) -> Iterator[PairOutcome]:
    from parrot.adapters.datasets.genai_answers import read_answers

    for answer in read_answers(path):
        pair = answer.as_pair()
        read = read_choice(answer.response)
        body = Comparison((), summary=answer.response)
        made = Provenance(answer.judge, "genai-bench", anchored=False, raw=answer.response)
        choice = read.value.label if read.value else None
        rationale = Rationale(pair.id, body, made, read.problems, choice)
        candidate = Candidate(pair, rubric_for(pair.request), rationale)
        yield PairOutcome(pair, (Fate(candidate),))
