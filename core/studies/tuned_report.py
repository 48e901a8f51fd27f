"""A study of rewards as a table: true utility gained and lost, and arms where they are equally far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from random import Random
from statistics import fmean
from typing import Any, Final

from attrs import asdict, field, frozen

from parrot.core.errors import ConfigError
from parrot.core.studies.agreeing import RESAMPLES, Estimate
from parrot.core.studies.curves import Curve, common, curve_of, insight, rank_correlation, reached
from parrot.core.studies.redrawn_report import estimated
from parrot.core.studies.tuning import Arm, Tuned, by_arm

PRIMARY: Final = "rational - head, true utility gained at equal gain in the own reward"


class Matched(StrEnum):
    """Where two arms are held against each other."""

    KL = "kl"  # the same distance from the frozen model
    PROXY = "proxy"  # the same gain in their own reward, in the untuned generator's deviations


@frozen(slots=True)
class Row:
    """One arm. gained, end: true utility at its peak and at the end, less that before; lost: after
    the peak, which is chosen on the same drawings, so `gained` is flattered and `end` is not.
    ranks: correlation of its own reward and the truth over the points; insight: over the untuned
    generator's drawings; kl, gain: at the end.
    """

    arm: Arm
    gained: Estimate
    end: Estimate
    lost: Estimate
    gain: float
    kl: float
    ranks: float | None
    insight: float | None
    drawn: float
    way: Mapping[str, tuple[float, ...]] = field(hash=False, repr=False)
    """Means over the seeds by point: step, kl, gain, truth."""


@frozen(slots=True)
class Gap:
    """RATIONAL against another arm, both where they first reach a level that both reach."""

    than: Arm
    matched: Matched
    level: float
    gap: Estimate


@frozen(slots=True)
class Report:
    """Everything that the results say. before: true utility of the untuned generator; unread: share
    of the measured drawings that the reader could make nothing of.
    """

    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    requests: int
    samples: int
    before: float
    unread: float

    @property
    def primary(self) -> Gap | None:
        """The contrast that was named before the run."""
        found = (g for g in self.gaps if g.than is Arm.HEAD and g.matched is Matched.PROXY)
        return next(found, None)


def report_of(results: Sequence[Tuned], *, resamples: int = RESAMPLES) -> Report:
    """Every arm that was tuned. Raises ConfigError for no results, or for results of unlike size."""
    if not results:
        raise ConfigError("no cell of the study is done yet")
    if len({(len(one.points[0].truths), one.samples) for one in results}) > 1:
        raise ConfigError("the cells were measured on unlike drawings")
    arms = by_arm(results)
    curves = {arm: {t.seed: curve_of(t) for t in some} for arm, some in arms.items()}
    points = [point for one in results for point in one.points]
    firsts = [fmean(curve.truths[0]) for some in curves.values() for curve in some.values()]
    drawings = sum(len(one.truths) for one in points)
    return Report(
        tuple(_row(arm, some, curves[arm], resamples) for arm, some in arms.items()),
        tuple(_gaps(arms, resamples)),
        len(points[0].truths) // results[0].samples,
        results[0].samples,
        fmean(firsts),
        sum(one.unread for one in points) / drawings,
    )


def _row(arm: Arm, some: Sequence[Tuned], curves: Mapping[int, Curve], resamples: int) -> Row:
    own = list(curves.values())
    ranks = [r for c in own if (r := rank_correlation(c.gains, c.means)) is not None]
    return Row(
        arm,
        estimated([one.gained(one.peak) for one in own], resamples),
        estimated([one.gained(len(one.steps) - 1) for one in own], resamples),
        estimated([one.lost() for one in own], resamples),
        fmean(one.gains[-1] for one in own),
        fmean(one.kls[-1] for one in own),
        fmean(ranks) if ranks else None,
        _first_insight(some),
        fmean(one.drawn for one in some),
        _way(own),
    )


def _first_insight(some: Sequence[Tuned]) -> float | None:
    firsts = [min(one.points, key=lambda point: point.step) for one in some]
    found = [value for one in firsts if (value := insight(one)) is not None]
    return fmean(found) if found else None


def _way(curves: Sequence[Curve]) -> dict[str, tuple[float, ...]]:
    def means(values: Sequence[Sequence[float]]) -> tuple[float, ...]:
        return tuple(fmean(one) for one in zip(*values, strict=False))

    return {
        "step": means([one.steps for one in curves]),
        "kl": means([one.kls for one in curves]),
        "gain": means([one.gains for one in curves]),
        "truth": means([one.means for one in curves]),
    }


def _gaps(arms: Mapping[Arm, Sequence[Tuned]], resamples: int) -> Iterator[Gap]:
    base = {one.seed: one for one in arms.get(Arm.RATIONAL, ())}
    for arm, some in arms.items():
        pairs = [(base[one.seed], one) for one in some if one.seed in base]
        if arm is Arm.RATIONAL or not pairs:
            continue
        for matched in Matched:
            yield _gap(arm, matched, pairs, resamples)


def _gap(arm: Arm, matched: Matched, pairs: Sequence[tuple[Tuned, Tuned]], resamples: int) -> Gap:
    """Where two arms are equally far is itself found on the drawings, so it is found anew each time
    that requests and seeds are resampled.
    """
    rng, places = Random(0), range(len(pairs[0][0].points[0].truths) // pairs[0][0].samples)
    level, value = _held(matched, [(curve_of(a), curve_of(b)) for a, b in pairs])
    found = []
    for _ in range(resamples):
        some = rng.choices(places, k=len(places))
        curves = [(curve_of(a, some), curve_of(b, some)) for a, b in pairs]
        found.append(_held(matched, rng.choices(curves, k=len(curves)))[1])
    return Gap(arm, matched, level, Estimate.of(value, found, len(pairs)))


def _held(matched: Matched, curves: Sequence[tuple[Curve, Curve]]) -> tuple[float, float]:
    """The level that all come to, and how much more truth the first ones have gained there."""
    level = common([_along(one, matched) for both in curves for one in both])
    gaps = [
        fmean(gained_at(a, matched, level)) - fmean(gained_at(b, matched, level)) for a, b in curves
    ]
    return level, fmean(gaps)


def _along(curve: Curve, matched: Matched) -> tuple[float, ...]:
    return curve.kls if matched is Matched.KL else curve.gains


def gained_at(curve: Curve, matched: Matched, level: float) -> tuple[float, ...]:
    """True utility gained where the curve first reaches a level, a request.

    Raises ConfigError where it never does.
    """
    place = reached(_along(curve, matched), level)
    if place is None:
        raise ConfigError(f"the level {level!r} is never reached")
    return curve.gained(place)


def report_to_dict(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return asdict(report) | {"primary": PRIMARY}


def table_of(report: Report) -> str:
    """The report in Markdown."""
    return "\n".join([*_opening(report), "", *_arms(report), "", *_matched(report), ""])


def _opening(report: Report) -> Iterator[str]:
    seeds = sorted({row.gained.seeds for row in report.rows})
    yield "# Generators tuned by different rewards, on a simulation"
    yield ""
    yield (
        f"Seeds: {' to '.join(map(str, seeds))}. {report.requests} held-out edits,"
        f" {report.samples} drawings each, from the same noise at every point; true utility before"
        f" tuning {report.before:.3f}. The exact reader made nothing of"
        f" {100 * report.unread:.1f} % of the drawings, which count as worth nothing."
    )
    yield ""
    yield f"Primary contrast, named before the run: {PRIMARY}."
    gap = report.primary
    if gap is None:
        yield "It has not been run: it needs a head."
        return
    said = "the interval leaves out zero" if gap.gap.clear else "the interval holds zero"
    yield f"{signed(gap.gap)}; {said}."


def _arms(report: Report) -> Iterator[str]:
    yield (
        "| tuned by | gained at the peak | gained at the end | lost after the peak"
        " | own reward gained | KL (nats) | ranks, over points | ranks, over first drawings |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in report.rows:
        ranks, first = ("-" if r is None else f"{r:+.2f}" for r in (row.ranks, row.insight))
        yield (
            f"| {row.arm} | {signed(row.gained)} | {signed(row.end)} | {signed(row.lost)} |"
            f" {row.gain:+.2f} | {row.kl:.2f} | {ranks} | {first} |"
        )


def _matched(report: Report) -> Iterator[str]:
    if not report.gaps:
        return
    yield "| rational less | at equal | level | true utility gained |"
    yield "| --- | --- | ---: | ---: |"
    for gap in report.gaps:
        yield f"| {gap.than} | {gap.matched} | {gap.level:.2f} | {signed(gap.gap)} |"


def signed(found: Estimate) -> str:
    """A difference with its interval."""
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
