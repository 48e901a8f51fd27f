"""`parrot rationalize`: phases 1 and 2, from preference pairs to filtered rationales."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from parrot.adapters.begun import begin_run, refuse_foreign
from parrot.adapters.datasets.reading import check_pairs, read_pairs
from parrot.adapters.ledger import open_batches
from parrot.adapters.rubrics import rubric_named
from parrot.adapters.runs import RunWriter
from parrot.adapters.store import SqliteStore
from parrot.backends.images import size_of
from parrot.cli import options
from parrot.cli.choices import chosen_filters, chosen_orders, chosen_prompt, evidence_for, names_of
from parrot.cli.ending import ended, tell_run
from parrot.cli.ray import Opening, is_remote, rationalize_on
from parrot.cli.session import asking_of, counted, engine_on, open_spec, run_async
from parrot.cli.sharing import covered, refuse_neighbours, share_of, store_at
from parrot.core.asks import Sampling
from parrot.core.engine import Engine
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.interfaces import ChatModel, Counting
from parrot.core.keys import answers, key_of
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.pipelines.rationalizing import Rationalizing, asks_for
from parrot.core.pipelines.rationalizing import rationalize as phase_one
from parrot.core.plan import Machines, Plan
from parrot.core.rubric import rubric_to_dict
from parrot.core.select import SELECTS
from parrot.core.sharding import Shard, Share
from parrot.core.values import Unloadable

_REPLY_TOKENS: Final = 600
_NOTE = "phase 1 only: evidence for filters is asked for what survives the free ones"


def rationalize(
    pairs: Annotated[
        Path,
        typer.Argument(metavar="PAIRS", help="Preference pairs: JSONL, Parquet or a folder."),
    ],
    *,
    teacher: options.Teacher,
    out: options.Out,
    schema: Annotated[str, typer.Option("--from", help="The file's schema by name.")] = "plain",
    images_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths are relative to.")
    ] = None,
    verifier: options.Verifier = None,
    anchored: Annotated[
        bool,
        typer.Option(
            "--anchored/--blind",
            help="Show the teacher the label, or not.",
            rich_help_panel=options.WORDS,
        ),
    ] = True,
    samples: Annotated[
        int, typer.Option(min=1, help="Candidates a pair and order.", rich_help_panel=options.WORDS)
    ] = 1,
    orders: Annotated[
        str, typer.Option(help="both, ab or ba.", rich_help_panel=options.WORDS)
    ] = "both",
    filters: options.Filters = "default",
    select: Annotated[
        str,
        typer.Option(
            help=f"Which survivors: {', '.join(SELECTS)}.", rich_help_panel=options.JUDGING
        ),
    ] = "all",
    all_evidence: options.AllEvidence = False,
    probabilities: options.Probabilities = False,
    rubric: options.RubricName = "auto",
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
    limit: options.Limit = None,
    shard: options.ShardOf = None,
    known: options.Known = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Count asks, tokens and cost; ask nothing.")
    ] = False,
    machines: Annotated[
        int | None,
        typer.Option(min=1, help="With --plan: how many share the work; 1 unless given."),
    ] = None,
    seconds_per_reply: Annotated[
        float | None,
        typer.Option(help="With --plan: how long one reply takes.", **options.ABOVE_0),
    ] = None,
    tokens_per_reply: Annotated[
        int | None,
        typer.Option(min=0, help="With --plan: completion tokens of one reply; 600 unless given."),
    ] = None,
    ray: options.RayAddress = None,
    ray_actors: options.RayActors = 2,
    ray_cpus: options.RayCpus = 1.0,
    ray_gpus: options.RayGpus = 0.0,
    later: Annotated[
        bool,
        typer.Option("--later", help="Only begin the run; `parrot batch submit` asks."),
    ] = False,
    tag: options.Tag = None,
    as_json: options.AsJson = False,
) -> None:
    """Has a teacher critique each pair, filters what it wrote, and writes a run folder.

    Run it again with the same --out and it goes on: nothing that was answered is asked again.
    """
    share = share_of(shard, limit)
    _refuse_together(locals())
    elsewhere = ray is not None and is_remote(pairs)
    checked = None if elsewhere else check_pairs(pairs, schema=schema, images_root=images_root)
    how = Rationalizing(
        prompt=chosen_prompt(layout, reply_format, wording),
        rubric=rubric_named(rubric),
        anchored=anchored,
        samples=samples,
        orders=chosen_orders(orders),
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed),
    )
    if select not in SELECTS:
        raise UnknownNameError("select", select, SELECTS)
    judges = chosen_filters(filters)
    evidence = evidence_for(judges, probabilities=probabilities, choice=SELECTS[select])
    filtering = Filtering(judges, evidence, SELECTS[select], all_evidence)
    model = open_spec(teacher, connections=concurrency, tag=tag)
    refuse_neighbours(Share(Shard(1, 1)) if ray is not None else share, filtering.filters)
    source = read_pairs(pairs, schema=schema, images_root=images_root, share=share)
    if plan:
        shown = _plan(source, how, model, out, tokens_per_reply)
        many = Machines(machines or 1, concurrency, seconds_per_reply)
        print(json.dumps(shown.to_dict(price_in, price_out, many) | {"note": _NOTE}, indent=2))
        return
    checker = open_spec(verifier, connections=concurrency) if verifier else None
    if checker is not None and checker.id == model.id:
        checker = None
    asking = asking_of(locals(), model, checker)
    about: dict[str, Any] = {
        "command": "rationalize",
        "version": _version(),
        "pairs": str(pairs),
        "teacher": model.id,
        "verifier": checker.id if checker else model.id,
        "anchored": anchored,
        "samples": samples,
        "orders": [o.value for o in how.orders],
        "filters": names_of(filtering.filters),
        "select": select,
        "all_evidence": all_evidence,
        "prompt": how.prompt.id,
        "layout": how.prompt.layout.value,
        "format": how.prompt.format.name,
        "rubric": rubric_to_dict(how.rubric) if how.rubric else None,
        "rubric_digest": how.rubric.digest if how.rubric else None,
        "sampling": {"temperature": temperature, "max_tokens": max_tokens, "seed": seed},
        "asked": {
            "teacher": teacher,
            "tag": tag,
            "schema": schema,
            "limit": limit,
            "wording": str(wording) if wording else None,
        },
        **covered(share),
    }
    root = images_root or (pairs if pairs.is_dir() else pairs.parent)
    if later:
        begin_run(out, root, about)
        print(json.dumps({"begun": str(out)}) if as_json else f"begun, nothing asked: {out}")
        return
    refuse_foreign(out)
    _refuse_open_batches(out)
    total = share.about(checked.pairs) * samples * len(how.orders) if checked else None
    if ray is not None:
        from parrot.adapters.ray import Actors

        second = verifier if checker else None
        folders = (root.resolve(), out.resolve(), tuple(one.resolve() for one in known or ()))
        opening = Opening(teacher, second, tag, asking, how, filtering, schema, *folders)
        actors = Actors(ray_actors, cpus=ray_cpus, gpus=ray_gpus)
        report = rationalize_on(ray, pairs, opening, actors, about, limit=limit, total=total)
        tell_run(report, out, as_json=as_json)
        return

    async def work() -> dict[str, Any]:
        with (
            store_at(out / "store.sqlite", known) as store,
            RunWriter(out, images_root=root, about=about, place_of=share.leave) as writer,
        ):
            writer.funnel.marginal = all_evidence
            async with engine_on(model, store, asking, total=total) as (engine, meter):
                second: Engine = engine.beside(checker) if checker else engine
                try:
                    stream = filtered(phase_one(source, engine, how), second, filtering)
                    async for outcome in stream:
                        writer.add(outcome)
                finally:
                    if checker is not None:
                        await checker.aclose()
            return ended(writer) | {"asks": counted(meter.progress, asking.prices)}

    tell_run(run_async(work), out, as_json=as_json)


def _refuse_together(given: Mapping[str, Any]) -> None:
    """Raises ConfigError for options that would be ignored beside others, or without them."""
    if not given["plan"]:
        _refuse_without_plan(given)
    elif given["later"]:
        raise ConfigError("--plan asks nothing and begins nothing: it goes without --later")
    if given["ray"] is not None:
        _refuse_beside_ray(**{name: given[name] for name in ("shard", "plan", "later")})


def _refuse_beside_ray(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise ConfigError(f"--ray goes without --{name}: actors have their own shards")


def _refuse_without_plan(given: Mapping[str, Any]) -> None:
    for name in ("machines", "seconds_per_reply", "tokens_per_reply"):
        if given[name] is not None:
            raise ConfigError(f"--{name.replace('_', '-')} goes with --plan alone")


def _refuse_open_batches(out: Path) -> None:
    batches, asks = open_batches(out)
    if batches:
        raise ConfigError(
            f"{asks} asks of {out} are on their way in {batches} batches and would be paid twice:"
            f" parrot batch collect {out}"
        )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("parrot-rewards")
    except PackageNotFoundError:
        return "unknown"


def _plan(
    source: Any,
    how: Rationalizing,
    model: ChatModel,
    out: Path,
    tokens_per_reply: int | None,
) -> Plan:
    plan, tokens = Plan(), _REPLY_TOKENS if tokens_per_reply is None else tokens_per_reply
    tokens_of = model.prompt_tokens if isinstance(model, Counting) else None
    store = (
        SqliteStore(out / "store.sqlite", read_only=True)
        if (out / "store.sqlite").exists()
        else None
    )
    for pair in source:
        if isinstance(pair, Unloadable):
            plan.unloadable += 1
            continue
        plan.pairs += 1
        asks = asks_for(pair, how)
        if store is not None:
            keys = [key_of(a, model.id) for a in asks]
            there = store.get(keys)
            fresh = [
                a
                for a, k in zip(asks, keys, strict=True)
                if k not in there or not answers(there[k], a)
            ]
            plan.stored += len(asks) - len(fresh)
            asks = tuple(fresh)
        plan.add(asks, completion=tokens, size_of=size_of, tokens_of=tokens_of)
    return plan
