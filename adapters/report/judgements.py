"""Judgements as a page: agreement by protocol, how far confidence holds, place, ties, errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from parrot.adapters.report.charts import reliability_diagram
from parrot.adapters.report.mistakes import Pair, failures, mistakes
from parrot.adapters.report.page import facts, figures, page, safe, simulated, table
from parrot.core.errors import ProtocolError
from parrot.core.evaluation import (
    EVALUATION_PROTOCOLS,
    Lack,
    PositionBias,
    Reliability,
    Report,
    choice_of,
    evaluate,
    fit_slope,
    gap_claims,
    position_bias,
    reliability,
    vote_claims,
    voted,
)
from parrot.core.evaluation.checks import check_rows, check_split
from parrot.core.judgements import Judged
from parrot.core.values import Label

_LABELS: Final = ("A", "B", "TIE")


@frozen(slots=True)
class Judgements:
    """What a page is made of.

    rows: all of one model. dev: a development split, which thresholds and slopes are fitted on.
    probes: what was shown in place of the pairs, if that is so.
    """

    name: str
    rows: Sequence[Judged]
    dev: Sequence[Judged] = ()
    probes: Sequence[str] = ()


def judgement_page(given: Judgements, *, pairs: Iterable[Pair] = (), resamples: int = 2000) -> str:
    """The page of the judgements of one model.

    pairs: where given, examples show request and images. resamples: of the intervals. Raises
    ProtocolError for judgements that repeat or contradict themselves, or of two models.
    """
    check_rows(given.rows)
    if given.dev:
        check_split(given.rows, given.dev)
    sections = {
        "Agreement by protocol": _protocols(given, resamples),
        "Reliability": _reliability(given),
        "Position": _position(given.rows),
        "Winners and ties": _winners(given.rows),
        "Where the critic was wrong": mistakes(given.rows, pairs),
        "Failures": failures(given.rows),
    }
    return page("Judgements", sections, intro=_intro(given))


def _intro(given: Judgements) -> str:
    model = given.rows[0].judgement.model
    probes = ", ".join(given.probes) or None
    failed = sum(row.judgement.failure is not None for row in given.rows)
    counted = [
        (len(given.rows), "judgements"),
        (len({row.judgement.pair_id for row in given.rows}), "pairs"),
        (failed, "judgements failed"),
    ]
    told = [("file", given.name), ("model", model or None), ("probe", probes)]
    warned = "<p><strong>A probe</strong>: the critic did not see these pairs as they are.</p>"
    said = simulated(model) + (warned if probes else "")
    return f"{said}{figures(counted)}\n{facts(told)}"


def _protocols(given: Judgements, resamples: int) -> str:
    found: list[Report] = []
    unfit: list[tuple[str, str]] = []
    for name, protocol in EVALUATION_PROTOCOLS.items():
        dev = given.dev if protocol.fits_threshold else ()
        try:
            found.append(evaluate(given.rows, protocol, dev=dev, resamples=resamples))
        except ProtocolError as error:
            unfit.append((name, str(error)))
    heads = ("protocol", "accuracy", "95 % interval", "of", "unreadable", "missing", "counts")
    rows = [_protocol(one) for one in found]
    agreed = table("Agreement by protocol", heads, rows, numbers=range(1, 6))
    told = (
        "<p>The same answers differ by tens of points with the protocol; none is the default.</p>"
    )
    if not unfit:
        return told + agreed
    other = table("Protocols that do not fit", ("protocol", "why not"), unfit)
    summary = f"<summary>{len(unfit)} protocols do not fit these judgements</summary>"
    return f"{told}{agreed}\n<details>{summary}{other}</details>"


def _protocol(one: Report) -> tuple[object, ...]:
    low_high = f"{one.ci95[0]:.2f} to {one.ci95[1]:.2f}" if one.ci95 else "none"
    units = f"{one.n} {one.unit}s"
    lacks = (one.unreadable, one.missing)
    return one.protocol, _percent(one.accuracy), low_high, units, *lacks, one.definition


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} %"


def _reliability(given: Judgements) -> str:
    parts: list[str] = []
    votes = voted(given.rows)
    if any(vote.voters > 1 for vote in votes):
        parts.append(_diagram("Share of votes", reliability(vote_claims(votes))))
    if given.dev:
        try:
            claims = gap_claims(given.rows, fit_slope(given.dev))
            parts.append(_diagram("Score gap, fitted on the split", reliability(claims)))
        except ProtocolError as error:
            parts.append(f"<p>{safe(error)}</p>")
    return "\n".join(parts) or (
        "<p>Nothing to say: a confidence is the share of several votes a pair (judge with"
        " <code>--samples</code> or <code>--both-orders</code>), or a score gap with a development"
        " split (<code>--dev</code>).</p>"
    )


def _diagram(name: str, found: Reliability | None) -> str:
    if found is None:
        return f"<h3>{name}</h3>\n<p>No pair has both a human winner and one of the critic.</p>"
    said = f"Reliability by {name.lower()}: expected calibration error {found.ece:.3f}"
    bins = [(one.low, one.high, one.confidence, one.accuracy) for one in found.bins]
    rows = [
        (f"{b.low:.1f} to {b.high:.1f}", b.n, f"{b.confidence:.3f}", f"{b.accuracy:.3f}")
        for b in found.bins
    ]
    heads = ("confidence", "claims", "how sure", "how often right")
    return (
        f"<h3>{name}</h3>\n<p>{said}, over {found.n} claims. On the dashed line a critic is right as"
        f" often as it is sure; the dots stand at each bin's mean.</p>\n"
        f'<div class="beside"><figure>{reliability_diagram(bins, said)}</figure>\n'
        f"{table(said, heads, rows, numbers=(1, 2, 3))}</div>"
    )


def _position(rows: Sequence[Judged]) -> str:
    bias: PositionBias | None = position_bias((row, choice_of(row.judgement)) for row in rows)
    if bias is None:
        return "<p>No pair has a readable answer in both orders, so nothing is known of it.</p>"
    told = [
        ("says the first image", _percent(bias.share_a)),
        ("says the second image", _percent(bias.share_b)),
        ("says a tie", _percent(bias.share_tie)),
        (
            "the same winner in both orders",
            f"{_percent(bias.consistency)} of {bias.pairs} pairs of answers",
        ),
    ]
    without = "<p>Without bias the first two are equal.</p>"
    return f"{without}{facts(told)}"


def _winners(rows: Sequence[Judged]) -> str:
    counts = Counter((row.label.value, _said(row)) for row in rows)
    heads = ("human", *(f"critic {name}" for name in _LABELS), "unreadable", "missing")
    columns = (*_LABELS, Lack.UNREADABLE.value, Lack.MISSING.value)
    lines = [(label, *(counts[label, said] for said in columns)) for label in _LABELS]
    ties = sum(row.label is Label.TIE for row in rows)
    said = sum(count for (_, word), count in counts.items() if word == Label.TIE.value)
    told = f"<p>The human says tie in {ties} of {len(rows)} judgements, the critic in {said}.</p>"
    return told + table("Human and critic", heads, lines, numbers=range(1, 6))


def _said(row: Judged) -> str:
    said = choice_of(row.judgement)
    return said.value if isinstance(said, Lack) else said.label.value
