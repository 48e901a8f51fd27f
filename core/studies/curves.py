"""A tuned generator's way as curves, and how two of them are compared where they are equally far.

A reward that is optimised against drifts from the truth. So arms are held against each other not at
equal steps but at an equal distance from the frozen model, and at an equal gain in their own reward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from attrs import frozen

from parrot.core.rewards.advantages import deviation
from parrot.core.studies.tuning import Point, Tuned


@frozen(slots=True)
class Curve:
    """One cell along its points. gains: of its own reward, in deviations of the untuned generator's
    drawings, the first 0; truths: by point, a mean a request.
    """

    steps: tuple[int, ...]
    kls: tuple[float, ...]
    gains: tuple[float, ...]
    truths: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> tuple[float, ...]:
        """True utility by point."""
        return tuple(fmean(one) for one in self.truths)

    @property
    def peak(self) -> int:
        """The point with the highest true utility; the first of equals."""
        means = self.means
        return means.index(max(means))

    def gained(self, place: float) -> tuple[float, ...]:
        """True utility at a place less that before the first step, a request."""
        first = self.truths[0]
        return tuple(b - a for a, b in zip(first, self._truths(place), strict=True))

    def lost(self) -> tuple[float, ...]:
        """True utility at the peak less that at the end, a request."""
        best, last = self.truths[self.peak], self.truths[-1]
        return tuple(a - b for a, b in zip(best, last, strict=True))

    def _truths(self, place: float) -> tuple[float, ...]:
        return tuple(at(values, place) for values in zip(*self.truths, strict=True))


def curve_of(tuned: Tuned, requests: Sequence[int] | None = None) -> Curve:
    """The cell's curve; requests: over these of its requests alone, by place, as often as they stand.

    Of those the KL is that of all: it is measured on fewer.
    """
    points = sorted(tuned.points, key=lambda one: one.step)
    size = tuned.samples
    places = range(len(points[0].truths) // size) if requests is None else requests
    some = [place * size + n for place in places for n in range(size)]
    return Curve(
        tuple(one.step for one in points),
        tuple(one.kl for one in points),
        standardised([[one.proxies[k] for k in some] for one in points]),
        tuple(_by_request([one.truths[k] for k in some], size) for one in points),
    )


def standardised(points: Sequence[Sequence[float | None]]) -> tuple[float, ...]:
    """The mean reward of each point less the first's, in the deviation of the first's drawings.

    points: rewards a drawing. What has no reward is left out; a point without any, or a first one
    whose rewards are all alike, says nothing of a gain: 0.
    """
    first, *_ = known = [[one for one in rewards if one is not None] for rewards in points]
    spread = deviation(first)
    if spread <= 1e-12 * max(1.0, max(map(abs, first), default=0.0)):
        return (0.0,) * len(points)
    middle = fmean(first)
    means = [fmean(one) if one else middle for one in known]
    return tuple((one - middle) / spread for one in means)


def _by_request(values: Sequence[float], samples: int) -> tuple[float, ...]:
    starts = range(0, len(values), samples)
    return tuple(fmean(values[start : start + samples]) for start in starts)


def reached(values: Sequence[float], level: float) -> float | None:
    """Where values first come to a level: 0 is the first, 1.5 halfway from the second to the third.

    None where they never do.
    """
    for k, value in enumerate(values):
        if value >= level:
            if k == 0:
                return 0.0
            before = values[k - 1]
            return k - 1 + (level - before) / (value - before)
    return None


def at(values: Sequence[float], place: float) -> float:
    """The value at a place, on the line between its neighbours. Raises IndexError beyond them."""
    whole = math.floor(place)
    share = place - whole
    if share == 0.0:
        return values[whole]
    return (1.0 - share) * values[whole] + share * values[whole + 1]


def common(ways: Sequence[Sequence[float]]) -> float:
    """The highest level that all of them come to."""
    return min(max(one) for one in ways)


def insight(point: Point) -> float | None:
    """Rank correlation of the arm's own reward and the truth over the drawings of one point."""
    both = [(a, b) for a, b in zip(point.proxies, point.truths, strict=True) if a is not None]
    return rank_correlation([a for a, _ in both], [b for _, b in both]) if both else None


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's, equal values sharing a place; None where either does not vary."""
    a, b = _places(one), _places(other)
    spread = deviation(a) * deviation(b)
    if not spread:
        return None
    middle = (len(a) - 1) / 2
    shared = math.fsum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True)) / len(a)
    return max(-1.0, min(1.0, shared / spread))


def _places(values: Sequence[float]) -> list[float]:
    below = [sum(other < value for other in values) for value in values]
    level = [sum(other == value for other in values) for value in values]
    return [b + (n - 1) / 2 for b, n in zip(below, level, strict=True)]
