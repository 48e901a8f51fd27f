"""A study's results as a table and a plot: text made of results, whatever they say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from attrs import asdict, field, frozen

from parrot.core.studies.agreeing import MEASURES, Estimate, Resampled
from parrot.core.studies.cells import CONTRASTS, PRIMARY, Arm, Contrast, Equal
from parrot.core.studies.results import Result, TestPair

Group = tuple[Equal, int, Arm]


@frozen(slots=True)
class Row:
    """The students of one arm and size. shares: by measure; costs are means over the seeds."""

    equal: Equal
    size: int
    arm: Arm
    shares: Mapping[str, Estimate] = field(hash=False)
    complete: float
    rows: float
    calls: float
    steps: int


@frozen(slots=True)
class Gap:
    """One contrast at one size."""

    equal: Equal
    size: int
    contrast: Contrast
    shares: Mapping[str, Estimate] = field(hash=False)


@frozen(slots=True)
class Report:
    """Everything that the results say. tests: test pairs that count, by measure."""

    tests: Mapping[str, int] = field(hash=False)
    total: int
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]

    @property
    def primary(self) -> Gap | None:
        """The contrast named beforehand: at equal pairs, at the largest size that has it."""
        found = [g for g in self.gaps if g.contrast == PRIMARY and g.equal is Equal.PAIRS]
        return max(found, key=lambda gap: gap.size, default=None)


def report_of(
    results: Iterable[Result], pairs: Sequence[TestPair], *, resamples: int = 1000
) -> Report:
    """Shares of every arm and size, and every contrast whose both arms have the same seeds."""
    groups = grouped(results)
    drawn = {
        name: Resampled(pairs, wanted, resamples=resamples) for name, wanted in MEASURES.items()
    }
    counting = {name: one for name, one in drawn.items() if one.pairs}
    rows = tuple(_row(key, some, counting) for key, some in groups.items())
    tests = {name: one.pairs for name, one in drawn.items()}
    return Report(tests, len(pairs), rows, tuple(_gaps(groups, counting)))


def grouped(results: Iterable[Result]) -> dict[Group, list[Result]]:
    """Students that differ by their seed alone, in the order of the tables."""
    found: dict[Group, list[Result]] = {}
    for one in sorted(results, key=lambda r: (r.cell.equal, r.cell.size, _place(r), r.cell.seed)):
        found.setdefault((one.cell.equal, one.cell.size, one.cell.arm), []).append(one)
    return found


def _place(result: Result) -> int:
    return list(Arm).index(result.cell.arm)


def _row(key: Group, some: Sequence[Result], drawn: Mapping[str, Resampled]) -> Row:
    return Row(
        *key,
        {name: one.estimate(some) for name, one in drawn.items()},
        fmean(one.complete for one in some),
        fmean(one.rows for one in some),
        fmean(one.calls for one in some),
        some[0].steps,
    )


def _gaps(
    groups: Mapping[Group, Sequence[Result]], drawn: Mapping[str, Resampled]
) -> Iterator[Gap]:
    places = dict.fromkeys((equal, size) for equal, size, arm in groups if arm is not Arm.BASE)
    for equal, size in places:
        for contrast in CONTRASTS:
            better = groups.get((equal, size, contrast.better), [])
            base = contrast.than is Arm.BASE
            than = groups.get((Equal.PAIRS, 0, Arm.BASE) if base else (equal, size, contrast.than))
            both, others = _same_seeds(better, than or [], alone=base)
            if both and others:
                shares = {
                    name: one.difference(both, others, alone=base) for name, one in drawn.items()
                }
                yield Gap(equal, size, contrast, shares)


def _same_seeds(
    better: Sequence[Result], than: Sequence[Result], *, alone: bool
) -> tuple[list[Result], list[Result]]:
    """Those of both whose seeds both have: a study that is half done is compared as far as it is."""
    if alone:
        return list(better), list(than[:1])
    seeds = {one.cell.seed for one in better} & {one.cell.seed for one in than}
    return (
        [one for one in better if one.cell.seed in seeds],
        [one for one in than if one.cell.seed in seeds],
    )


def size_for(rows: Sequence[Row], share: float, *, measure: str = "decisive") -> float | None:
    """The size at which a curve first reaches a share, along the line between two sizes on a
    logarithmic scale; its smallest size if that has it already; None where no size has it.
    """
    curve = [(row.size, row.shares[measure].value) for row in sorted(rows, key=lambda r: r.size)]
    for at, (size, value) in enumerate(curve):
        if value >= share:
            if at == 0:
                return float(size)
            smaller, below = curve[at - 1]
            part = (share - below) / (value - below)
            return math.exp(math.log(smaller) + part * (math.log(size) - math.log(smaller)))
    return None


def report_to_dict(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "tests": dict(report.tests),
        "pairs": report.total,
        "primary": str(PRIMARY),
        "rows": [asdict(row) for row in report.rows],
        "contrasts": [
            asdict(gap, filter=lambda at, _: at.name != "contrast")
            | {"contrast": str(gap.contrast)}
            for gap in report.gaps
        ],
    }


def table_of(report: Report) -> str:
    """The report in Markdown: what it says first, the contrast named beforehand."""
    lines = [*_opening(report), ""]
    for equal in Equal:
        rows = [row for row in report.rows if row.equal is equal]
        if rows:
            lines += [f"## At equal {equal}", "", *_shares(rows), ""]
            lines += [*_contrasts([gap for gap in report.gaps if gap.equal is equal]), ""]
            lines += [*_efficiency(rows), ""]
    return "\n".join(lines)


def _opening(report: Report) -> Iterator[str]:
    tests = ", ".join(f"{count} {name}" for name, count in report.tests.items())
    yield "# Students compared, on a simulation"
    yield ""
    yield f"{report.total} test pairs, each in both orders; of them count: {tests}."
    yield ""
    yield f"Primary contrast, named before the run: {PRIMARY}, at equal pairs, largest size."
    gap = report.primary
    if gap is None:
        yield "It has not been run."
        return
    for name, found in gap.shares.items():
        clear = "the interval leaves out zero" if found.clear else "the interval holds zero"
        yield f"- {name}, size {gap.size}: {_points(found)}; {clear}."


def _shares(rows: Sequence[Row]) -> Iterator[str]:
    names = list(rows[0].shares)
    yield f"| size | arm | {' | '.join(names)} | complete | rows | calls | steps | seeds |"
    yield "| ---: | --- |" + " ---: |" * (len(names) + 5)
    for row in rows:
        shares = " | ".join(_percent(row.shares[name]) for name in names)
        costs = f"{row.rows:.0f} | {row.calls:.0f} | {row.steps}"
        seeds = next(iter(row.shares.values())).seeds if row.shares else 0
        done = f"{100 * row.complete:.1f} %"
        yield f"| {row.size} | {row.arm} | {shares} | {done} | {costs} | {seeds} |"


def _contrasts(gaps: Sequence[Gap]) -> Iterator[str]:
    if not gaps:
        return
    names = list(gaps[0].shares)
    yield f"| size | difference in points | {' | '.join(names)} |"
    yield "| ---: | --- |" + " ---: |" * len(names)
    for gap in gaps:
        shares = " | ".join(_points(gap.shares[name]) for name in names)
        yield f"| {gap.size} | {gap.contrast} | {shares} |"


def _efficiency(rows: Sequence[Row]) -> Iterator[str]:
    """What the scalar head needs to be as good as a critique student of each size."""
    heads = [row for row in rows if row.arm is Arm.HEAD and "decisive" in row.shares]
    if not heads:
        return
    sizes = [row.size for row in heads]
    for row in (one for one in rows if one.arm is PRIMARY.better and "decisive" in one.shares):
        share = row.shares["decisive"].value
        said = _told_size(size_for(heads, share), min(sizes), max(sizes))
        yield f"- {100 * share:.1f} % decisive, which {row.arm} has at {row.size}: the head at {said}."


def _told_size(size: float | None, least: int, most: int) -> str:
    if size is None:
        return f"more than {most}"
    return f"{least} or fewer" if size == least else f"about {size:.0f}"


def _percent(found: Estimate) -> str:
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _points(found: Estimate) -> str:
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
