"""`parrot judge`: a model's winners for preference pairs, as `parrot evaluate` reads them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.adapters.datasets.reading import check_pairs, read_pairs
from parrot.adapters.disk import refuse_input
from parrot.adapters.exports.files import Write, lines
from parrot.adapters.judgements import write_about
from parrot.adapters.rubrics import rubric_named
from parrot.backends.images import black
from parrot.cli import options
from parrot.cli.choices import chosen_member, chosen_prompt
from parrot.cli.judge_head import HEAD, head_judgements, opened_head
from parrot.cli.judged import Given, about_judging, refuse_others
from parrot.cli.session import asking_of, counted, engine_on, open_spec, run_async
from parrot.cli.sharing import share_of, store_at
from parrot.core.asks import FailureKind, Sampling
from parrot.core.candidates import Order
from parrot.core.errors import ConfigError
from parrot.core.expecting import TOP
from parrot.core.formats import Form
from parrot.core.judgements import Judged
from parrot.core.pipelines.judging import Judging
from parrot.core.pipelines.judging import judge as judging
from parrot.core.pipelines.rationalizing import BOTH_ORDERS
from parrot.core.probes import Probe, probed
from parrot.core.records.judgements import judgement_to_record
from parrot.core.registry import parse_spec
from parrot.core.sharding import Share
from parrot.core.values import Label, PreferencePair, Unloadable

_ANSWERED = (FailureKind.UNREADABLE.value, FailureKind.CUT.value)


def judge(
    pairs: Annotated[
        Path,
        typer.Argument(metavar="PAIRS", help="Preference pairs: JSONL, Parquet or a folder."),
    ],
    *,
    model: Annotated[
        str,
        typer.Option(
            help="Who judges (kind:target), or head:DIR for a scalar head.",
            rich_help_panel=options.MODELS,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="File of judgements; its store lies beside it.")
    ],
    form: Annotated[
        str, typer.Option(help="pairwise or pointwise.", rich_help_panel=options.WORDS)
    ] = "pairwise",
    both_orders: Annotated[
        bool,
        typer.Option(
            "--both-orders", help="Compare each pair in both orders.", rich_help_panel=options.WORDS
        ),
    ] = False,
    samples: Annotated[
        int,
        typer.Option(min=1, help="Judgements a pair and order.", rich_help_panel=options.WORDS),
    ] = 1,
    expected: Annotated[
        bool,
        typer.Option(
            "--expected",
            help="Judge by expected scores, from the model's log-probabilities.",
            rich_help_panel=options.WORDS,
        ),
    ] = False,
    probe: Annotated[
        str | None,
        typer.Option(
            help=f"Show something else and keep the label: {', '.join(Probe)}.",
            rich_help_panel=options.WORDS,
        ),
    ] = None,
    schema: Annotated[str, typer.Option("--from", help="The file's schema by name.")] = "plain",
    images_root: Annotated[
        Path | None, typer.Option(help="Folder that image paths are relative to.")
    ] = None,
    rubric: options.RubricName = "auto",
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Sampling temperature; 0 for one sample and 0.7 for several unless given.",
            rich_help_panel=options.WORDS,
        ),
    ] = None,
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
    tag: options.Tag = None,
    as_json: options.AsJson = False,
) -> None:
    """Has a model judge each pair without its label, and writes a judgement a line.

    Run it again with the same --out and it goes on: nothing that was answered is asked again.
    """
    share = share_of(shard, limit)
    if share.shard is not None and probe == Probe.SHUFFLED_REQUEST:
        raise ConfigError(
            f"--probe {probe} shows a pair the request of another: it takes no --shard"
        )
    refuse_input(out, pairs)
    checked = check_pairs(pairs, schema=schema, images_root=images_root)
    if temperature is None:
        temperature = 0.0 if samples == 1 else 0.7
    how = Judging(
        chosen_prompt(layout, reply_format, wording),
        rubric_named(rubric),
        chosen_member(Form, "form", form),
        BOTH_ORDERS if both_orders else (Order.AB,),
        samples,
        Sampling(
            temperature=temperature,
            max_tokens=max_tokens,
            seed=seed,
            top_logprobs=TOP if expected else None,
        ),
        expected=expected,
    )
    source: Iterable[PreferencePair | Unloadable] = read_pairs(
        pairs, schema=schema, images_root=images_root, share=share
    )
    if probe is not None:
        source = probed(source, chosen_member(Probe, "probe", probe), black=black)
    mark = {"probe": probe} if probe else {}
    given = Given(pairs, schema, images_root, share)
    tally = Tally()

    def keep(found: tuple[Judged, ...] | Unloadable, write: Write) -> None:
        _keep(found, write, tally, mark, share)

    if parse_spec(model).kind == HEAD:
        head = opened_head(model, how)
        about = about_judging(given, how, head.id, probe)
        refuse_others(out, given, how, about)
        _write_all(head_judgements(head, source, how.orders), out, keep)
        write_about(out, about)
        told = {**tally.to_dict(), **mark, "model": head.id, "asks": None}
        _tell(told, out, as_json=as_json)
        return
    judge_model = open_spec(model, connections=concurrency, tag=tag)
    about = about_judging(given, how, judge_model.id, probe)
    refuse_others(out, given, how, about)
    asking = asking_of(locals(), judge_model)
    an_ask = 1 if how.form is Form.PAIRWISE else 2
    total = share.about(checked.pairs) * len(how.places) * an_ask

    async def work() -> dict[str, Any]:
        out.parent.mkdir(parents=True, exist_ok=True)
        with store_at(out.with_name(f"{out.name}.sqlite"), known) as store, lines(out) as write:
            async with engine_on(judge_model, store, asking, total=total) as (engine, meter):
                async for found in judging(source, engine, how):
                    keep(found, write)
        write_about(out, about)
        return counted(meter.progress, asking.prices)

    asks = run_async(work)
    _tell({**tally.to_dict(), **mark, "model": judge_model.id, "asks": asks}, out, as_json=as_json)


def _write_all(
    found: Iterable[tuple[Judged, ...] | Unloadable],
    out: Path,
    keep: Callable[[tuple[Judged, ...] | Unloadable, Write], None],
) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with lines(out) as write:
        for one in found:
            keep(one, write)


def _keep(
    found: tuple[Judged, ...] | Unloadable,
    write: Write,
    tally: Tally,
    mark: dict[str, str],
    share: Share,
) -> None:
    tally.add(found)
    if isinstance(found, Unloadable):
        share.leave(found.id)
        return
    place = {"place": share.leave(found[0].judgement.pair_id)}
    for judged in found:
        write(judgement_to_record(judged) | place | mark)


class Tally:
    """What was judged so far: winners, failures by kind, and pairs that could not be loaded."""

    def __init__(self) -> None:
        self.pairs, self.unloadable = 0, 0
        self.winners: Counter[Label] = Counter()
        self.failed: Counter[str] = Counter()
        self.first = ""

    def add(self, found: tuple[Judged, ...] | Unloadable) -> None:
        self.pairs += 1
        if isinstance(found, Unloadable):
            self.unloadable += 1
            self.first = self.first or f"{found.id}: {found.reason}"
            return
        for one in (row.judgement for row in found):
            if one.winner is not None:
                self.winners[one.winner] += 1
            elif one.failure is not None:
                self.failed[one.failure.kind.value] += 1
                said = f"{one.failure.kind.value}: {one.failure.detail}"
                self.first = self.first or f"{one.pair_id}: {said}"

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        return {
            "pairs": self.pairs,
            "unloadable": self.unloadable,
            "judgements": sum(self.winners.values()) + sum(self.failed.values()),
            "winners": {label.value: self.winners[label] for label in Label},
            "failed": dict(self.failed),
            "first_failure": self.first or None,
        }


def _tell(report: dict[str, Any], out: Path, *, as_json: bool) -> None:
    """Prints the counts; exits with 1 where an answer never came or a pair has no images.

    An unreadable or cut answer is an answer: `parrot evaluate` counts it, asking again brings none.
    """
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        counts = report["winners"] | report["failed"]
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        print(f"{report['judgements']} judgements of {report['pairs']} pairs: {told}")
        print(f"judgements: {out}")
    missing = sum(count for kind, count in report["failed"].items() if kind not in _ANSWERED)
    if missing or report["unloadable"]:
        said = f"{missing} answers never came, {report['unloadable']} pairs could not be loaded"
        typer.echo(f"{said}; the first failure: {report['first_failure']}", err=True)
        raise typer.Exit(1)
