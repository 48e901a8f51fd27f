"""Rewards from comparisons inside a group: how often a drawing beats its siblings (Pref-GRPO).

Groups are keyed by request and sources over the whole batch that is given, never by prompt alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

from attrs import frozen

from parrot.core.asks import Failed, FailureKind
from parrot.core.critiques import Comparison, Score, settled
from parrot.core.rewards.reading import unreadable
from parrot.core.rewards.values import Outcome, Reward, Unscored
from parrot.core.rubric import Rubric
from parrot.core.values import Request


@frozen(slots=True)
class Meeting:
    """Two members of one group, by their place in the batch; `a` is shown as image A."""

    a: int
    b: int


@frozen(slots=True)
class Result:
    """Points of image A in [0, 1]: 1 won, 0.5 tied, 0 lost; by dimension and over all."""

    dimensions: Mapping[str, float]
    total: float


def meetings(
    groups: Sequence[Hashable], *, rivals: int | None = None, both_orders: bool = False
) -> tuple[Meeting, ...]:
    """Who meets whom. rivals: each member meets the next so many of its group, in a ring; None all.

    Each member is image A as often as image B, or once more or less, so that a judge who favours a
    side favours nobody; `both_orders` has each pair meet twice, sides changed.
    """
    members: dict[Hashable, list[int]] = {}
    for n, key in enumerate(groups):
        members.setdefault(key, []).append(n)
    pairs = [pair for group in members.values() for pair in _pairs(group, rivals)]
    if both_orders:
        return tuple(Meeting(*p) for one, other in pairs for p in ((one, other), (other, one)))
    return tuple(Meeting(*pair) for pair in pairs)


def _pairs(group: Sequence[int], rivals: int | None) -> list[tuple[int, int]]:
    size = len(group)
    if rivals is None or 2 * rivals >= size - 1:
        turned = [(n, m) if (m - n) % 2 else (m, n) for n, m in combinations(range(size), 2)]
    else:
        turned = [(n, (n + step) % size) for n in range(size) for step in range(1, rivals + 1)]
    return [(group[n], group[m]) for n, m in turned]


def result_of(comparison: Comparison, rubric: Rubric, request: Request) -> Result | Failed:
    """Who won where, from scores and never from the closing word; Failed where one is missing."""
    found = {one.dimension: one for one in comparison.findings}
    applicable = [key for key in rubric.keys if key in rubric.applicable(request)]
    points: dict[str, float] = {}
    gap = 0.0
    for key in applicable:
        one = found.get(key)
        gained = None if one is None else _gap(one.score_a, one.score_b)
        if gained is None:
            return Failed(FailureKind.UNREADABLE, f"no score of {key}")
        points[key] = _points(gained)
        gap += gained
    if not points:
        return Failed(FailureKind.UNREADABLE, "no dimension of the rubric applies to the request")
    return Result(points, _points(gap))


def _gap(a: Score, b: Score) -> float | None:
    return a - b if isinstance(a, float | int) and isinstance(b, float | int) else None


def _points(gap: float) -> float:
    # Sums of tenths that should cancel differ from 0 by rounding alone.
    return 0.5 if abs(gap) < 1e-9 else float(gap > 0)


def win_rates(
    count: int, met: Sequence[Meeting], results: Sequence[Result | Failed]
) -> tuple[Outcome, ...]:
    """Each member's mean points over its meetings that have a result, by dimension and over all.

    Unscored is who met nobody or whose meetings all failed. Over a group whose meetings all have
    results and are balanced, rates average 0.5.
    """
    points: list[list[Mapping[str, float]]] = [[] for _ in range(count)]
    totals: list[list[float]] = [[] for _ in range(count)]
    failures: list[Failed | None] = [None] * count
    for meeting, result in zip(met, results, strict=True):
        for place, sign in ((meeting.a, 1), (meeting.b, -1)):
            if isinstance(result, Failed):
                failures[place] = failures[place] or result
                continue
            points[place].append({k: _seen(v, sign) for k, v in result.dimensions.items()})
            totals[place].append(_seen(result.total, sign))
    return tuple(map(_rate, points, totals, failures))


def _seen(points: float, sign: int) -> float:
    return points if sign > 0 else 1.0 - points


def _rate(
    points: Sequence[Mapping[str, float]], totals: Sequence[float], failure: Failed | None
) -> Outcome:
    if not totals:
        return Unscored(failure) if failure else unreadable("no sibling to be compared with")
    dimensions = {key: _mean([one[key] for one in points]) for key in points[0]}
    return Reward(dimensions, _mean(totals))


def _mean(points: Sequence[float]) -> float:
    return settled(sum(points) / len(points))
