"""A study of refinement as a table: true utility and the critic's reward side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from statistics import fmean
from typing import Any, Final

from attrs import asdict, frozen

from parrot.core.studies.agreeing import RESAMPLES, Estimate
from parrot.core.studies.redrawing import Arm, Drawn, Pick, Run, by_arm, matched

PRIMARY: Final = "refined - new-seed, keep-best, after the last round"
_PICKS: Final = (Pick.LAST, Pick.KEEP_BEST, Pick.ORACLE)


@frozen(slots=True)
class Row:
    """One arm, one way of choosing, after so many rounds. reward: the critic's mean of those drafts."""

    arm: Arm
    pick: Pick
    rounds: int
    truth: Estimate
    reward: float | None
    gap: Estimate | None
    """Against new seeds, chosen alike, on the same requests and seeds."""


@frozen(slots=True)
class Report:
    """Everything that the results say. drawings: in all; unread: of them, by the reader."""

    rows: tuple[Row, ...]
    requests: int
    drawings: int
    unread: int

    @property
    def primary(self) -> Estimate | None:
        """The contrast that was named before the run, after the most rounds there are."""
        found = [r for r in self.rows if r.arm is Arm.REFINED and r.pick is Pick.KEEP_BEST]
        return found[-1].gap if found else None


def report_of(results: Sequence[Drawn], *, rounds: int, resamples: int = RESAMPLES) -> Report:
    """Every arm, pick and round that was drawn."""
    arms = by_arm(results)
    runs = [run for one in results for run in one.runs]
    rows = [
        row
        for arm, some in arms.items()
        for row in _rows(arm, some, arms.get(Arm.NEW_SEED, []), rounds, resamples)
    ]
    names = {run.request for run in runs}
    drafts = sum(len(run.truths) for run in runs)
    return Report(tuple(rows), len(names), drafts, sum(run.unread for run in runs))


def _rows(
    arm: Arm, some: Sequence[Drawn], base: Sequence[Drawn], rounds: int, resamples: int
) -> Iterator[Row]:
    if arm is Arm.NEW_SEED:
        yield _row(arm, Pick.FIRST, 0, some, (), resamples)
    if arm is Arm.PAPER:
        yield _row(arm, Pick.LAST, 1, some, base, resamples)
        return
    for pick in _PICKS:
        for after in range(1, rounds + 1):
            against = () if arm is Arm.NEW_SEED else base
            yield _row(arm, pick, after, some, against, resamples)


def _row(
    arm: Arm,
    pick: Pick,
    rounds: int,
    some: Sequence[Drawn],
    base: Sequence[Drawn],
    resamples: int,
) -> Row:
    def truth(run: Run) -> float:
        return run.truths[_chosen(arm, pick, run, rounds)]

    rewards = [r.rewards[_chosen(arm, pick, r, rounds)] for one in some for r in one.runs]
    known = [one for one in rewards if one is not None]
    pairs = list(matched(some, base))
    gaps = [
        [truth(a) - b.truths[b.picked(pick, rounds)] for a, b in zip(x.runs, y.runs, strict=True)]
        for x, y in pairs
    ]
    return Row(
        arm,
        pick,
        rounds,
        estimated([[truth(run) for run in one.runs] for one in some], resamples),
        fmean(known) if known else None,
        estimated(gaps, resamples) if gaps else None,
    )


def _chosen(arm: Arm, pick: Pick, run: Run, rounds: int) -> int:
    """The paper's policy has chosen by itself."""
    if arm is Arm.PAPER:
        return run.winner or 0
    return run.picked(pick, rounds)


def estimated(values: Sequence[Sequence[float]], resamples: int = RESAMPLES) -> Estimate:
    """The mean of values[seed][request] with its 95 % interval: seeds are resampled, then requests.

    The same requests are drawn in every seed.
    """
    rng, seeds, requests = Random(0), range(len(values)), range(len(values[0]))
    drawn = (_again(values, seeds, requests, rng) for _ in range(resamples))
    return Estimate.of(fmean(map(fmean, values)), drawn, len(values))


def _again(values: Sequence[Sequence[float]], seeds: range, requests: range, rng: Random) -> float:
    some = rng.choices(requests, k=len(requests))
    means = [fmean(values[seed][at] for at in some) for seed in seeds]
    return fmean(rng.choices(means, k=len(means)))


def report_to_dict(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return asdict(report) | {"primary": PRIMARY}


def table_of(report: Report) -> str:
    """The report in Markdown: the contrast named beforehand first."""
    return "\n".join([*_opening(report), "", *_table(report.rows), ""])


def _opening(report: Report) -> Iterator[str]:
    share = report.unread / report.drawings if report.drawings else 0.0
    yield "# Refinement against its controls, on a simulation"
    yield ""
    yield (
        f"{report.requests} requests, {report.drawings} drawings; the exact reader made nothing of"
        f" {100 * share:.1f} % of them, which count as worth nothing."
    )
    yield ""
    yield f"Primary contrast, named before the run: {PRIMARY}."
    gap = report.primary
    if gap is None:
        yield "It has not been run."
        return
    said = "the interval leaves out zero" if gap.clear else "the interval holds zero"
    yield f"{_signed(gap)} in true utility; {said}."


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| drafts | chosen | rounds | true utility | less new seeds | critic's reward | seeds |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        truth = f"{row.truth.value:.3f} ({row.truth.low:.3f} to {row.truth.high:.3f})"
        gap = _signed(row.gap) if row.gap else "-"
        reward = "-" if row.reward is None else f"{row.reward:.3f}"
        yield (
            f"| {row.arm} | {row.pick} | {row.rounds} | {truth} | {gap} | {reward} |"
            f" {row.truth.seeds} |"
        )


def _signed(found: Estimate) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
