"""`parrot evaluate`: agreement with human labels under a named protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parrot.core.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from parrot.core.evaluation import Report, Vote
    from parrot.core.judgements import Judged


def evaluate(
    judgements: Annotated[
        Path,
        typer.Argument(
            metavar="JUDGEMENTS", help="JSON Lines of judgements with human labels, plain or .gz."
        ),
    ],
    *,
    protocol: Annotated[
        str, typer.Option(help="How agreement is counted, such as genai-bench-4way.")
    ],
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write the report as JSON; - for standard output.")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", help="What the file holds: judgements, genai-bench-answers.")
    ] = "judgements",
    dev: Annotated[
        Path | None, typer.Option(help="Development split to fit a tie threshold on.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 2000,
    vote: Annotated[
        bool,
        typer.Option("--vote", help="One judgement a pair: the vote of its samples and orders."),
    ] = False,
    confidence: Annotated[
        str | None,
        typer.Option(
            "--reliability",
            help="How far a confidence holds: of votes (their share) or gap (logistic of the score "
            "gap, fitted on --dev).",
        ),
    ] = None,
) -> None:
    """Agreement of judgements with human labels, in percent, under a named protocol.

    The protocol has no default: the same answers differ by tens of points with it.
    """
    if json_file is not None and json_file != "-":
        _refuse_taken(Path(json_file), judgements, dev)
    from parrot.core.evaluation import evaluate as evaluated
    from parrot.core.evaluation import evaluation_protocol

    chosen = evaluation_protocol(protocol)
    read = _reader(source)
    rows, development = read(judgements), read(dev) if dev else []
    votes = _votes(rows) if vote or confidence == "votes" else ()
    sure = _reliability(confidence, rows, development, votes) if confidence else None
    if vote:
        rows = [one.judged for one in votes]
        development = [one.judged for one in _votes(development)]
    fitted = development if chosen.fits_threshold or confidence != "gap" else ()
    report = evaluated(rows, chosen, dev=fitted, seed=seed, resamples=resamples)
    split = dev.name if dev and report.threshold else None
    _tell(report, sure, json_file, split)


def _refuse_taken(out: Path, *given: Path | None) -> None:
    from parrot.adapters.disk import names_field, refuse_input, refuse_taken

    refuse_input(out, *given)
    holds = "what is no report of parrot evaluate"
    refuse_taken(out, lambda at: names_field(at, "protocol"), holds=holds, option="--json")


def _reliability(
    of: str, rows: list[Judged], dev: list[Judged], votes: tuple[Vote, ...]
) -> dict[str, Any]:
    """What a confidence is worth, as plain data. Raises ConfigError without a split to fit on."""
    from parrot.core.evaluation import (
        fit_slope,
        gap_claims,
        reliability,
        reliability_to_dict,
        vote_claims,
    )
    from parrot.core.evaluation.checks import check_rows, check_split

    check_rows(rows)
    if of == "votes":
        claims, fit = vote_claims(votes), {}
    elif of == "gap":
        if not dev:
            raise ConfigError("--reliability gap fits its slope on a development split: give --dev")
        check_split(rows, dev)
        slope = fit_slope(dev)
        claims, fit = gap_claims(rows, slope), {"slope": round(slope, 6)}
    else:
        raise UnknownNameError("--reliability", of, ("votes", "gap"))
    found = reliability_to_dict(reliability(claims)) or {"ece": None, "n": 0, "bins": []}
    return {"of": of, **fit, **found}


def _reader(source: str) -> Callable[[Path], list[Judged]]:
    readers = {"judgements": _judgements, "genai-bench-answers": _genai_answers}
    if source not in readers:
        raise UnknownNameError("--from", source, readers)
    return readers[source]


def _votes(rows: list[Judged]) -> tuple[Vote, ...]:
    from parrot.core.evaluation import voted
    from parrot.core.evaluation.checks import check_rows

    if rows:
        check_rows(rows)  # a vote would hide what repeats or contradicts itself
    return voted(rows)


def _judgements(path: Path) -> list[Judged]:
    from parrot.adapters.datasets.rows import placed_rows
    from parrot.core.records.judgements import read_judgements

    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}")
    rows = ((place.line, row) for place, row in placed_rows(path))
    return list(read_judgements(rows, file=str(path)))


def _genai_answers(path: Path) -> list[Judged]:
    from parrot.adapters.datasets.genai_answers import read_answers
    from parrot.core.judgements import Judged, Judgement

    return [
        Judged(
            Judgement(
                one.id,
                answer=one.response,
                model=one.judge,
                request=f"{one.task}/{one.prompt}",
            ),
            one.label,
            one.both,
        )
        for one in read_answers(path)
    ]


def _tell(
    report: Report, sure: dict[str, Any] | None, json_file: str | None, split: str | None
) -> None:
    import json

    from parrot.core.evaluation import report_to_dict

    told = report_to_dict(report) | ({"reliability": sure} if sure else {})
    told |= {"fitted_on": split} if split else {}
    text = json.dumps(told, indent=2)
    if json_file == "-":
        typer.echo(text)
        return
    if json_file is not None:
        try:
            Path(json_file).write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {json_file!r}: {error.strerror}") from None
    _print(report, sure, split)


def _print(report: Report, sure: dict[str, Any] | None, split: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    fitted = [("fitted on", split)] if split else []
    for name, value in _lines(report) + fitted + (_calibration(sure) if sure else []):
        table.add_row(name, value)
    console = Console(highlight=False, markup=False)
    console.print(f"{report.protocol}: {report.definition}")
    console.print(table)


def _lines(report: Report) -> list[tuple[str, str]]:
    units = f"{report.unit}s"
    lines = [
        ("accuracy", f"{_percent(report.accuracy)} of {report.n} {units}{_interval(report)}"),
        (
            "strict",
            f"{_percent(report.accuracy_strict)} of {report.n_strict} {units}, every unreadable or "
            "missing answer wrong",
        ),
        ("unreadable", str(report.unreadable)),
        ("missing", str(report.missing)),
        ("skipped", f"{report.skipped} of {report.judgements} judgements given"),
        ("pairs", f"{report.pairs} of {report.requests} requests"),
    ]
    judge = [("judge", report.model)] if report.model else []
    return judge + lines + _extras(report)


def _extras(report: Report) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    fit, bias = report.threshold, report.position_bias
    if fit is not None:
        lines.append(
            ("tie within", f"{fit.value:g} ({_percent(fit.accuracy)} of {fit.n} development rows)")
        )
    if bias is not None:
        lines.append(
            (
                "position",
                f"says A {_percent(bias.share_a)}, B {_percent(bias.share_b)}, tie "
                f"{_percent(bias.share_tie)}; the same winner in both orders on "
                f"{_percent(bias.consistency)} of {bias.pairs} pairs",
            )
        )
    return lines


def _calibration(sure: dict[str, Any]) -> list[tuple[str, str]]:
    if not sure["n"]:
        return [("calibration", f"nothing to say of {sure['of']}: no pair with two winners")]
    bins = [
        (
            "",
            f"{one['low']:.1f} to {one['high']:.1f}: sure {_percent(100 * one['confidence'])}, "
            f"right {_percent(100 * one['accuracy'])} of {one['n']}",
        )
        for one in sure["bins"]
    ]
    said = f"error {sure['ece']:.3f} over {sure['n']} claims by {sure['of']}"
    return [("calibration", said), *bins]


def _interval(report: Report) -> str:
    if report.ci95 is None:
        return ""
    low, high = report.ci95
    return f" (95 % interval {low:.2f} to {high:.2f})"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} %"
