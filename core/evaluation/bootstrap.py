"""Bootstrap intervals of a ratio over clusters: seeded, exact, standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random

Tally = tuple[float, int]
"""Credit and count of one cluster (a request, a group)."""

_BITS = 32  # a count fits below; credit, in 1/64 points, stands above


def bootstrap_interval(
    tallies: Sequence[Tally], *, seed: int = 0, resamples: int = 2000, level: float = 0.95
) -> tuple[float, float] | None:
    """The percentile interval of total credit over total count, clusters drawn with replacement.

    In [0, 1], for credits in [0, count] (kept to 1/64). The order of the tallies does not matter.
    None for fewer than two clusters with a count, which say nothing of the spread, and for no
    resamples.
    """
    packed = sorted(_packed(credit, count) for credit, count in tallies)
    if sum(1 for one in packed if one & ((1 << _BITS) - 1)) < 2:
        return None
    draw = _drawer(packed, Random(seed))
    ratios = sorted(ratio for ratio in (_ratio(draw()) for _ in range(resamples)) if ratio >= 0)
    if not ratios:
        return None
    tail = (1 - level) / 2
    return _quantile(ratios, tail), _quantile(ratios, 1 - tail)


def _packed(credit: float, count: int) -> int:
    return (round(credit * 64) << _BITS) | count


def _ratio(total: int) -> float:
    count = total & ((1 << _BITS) - 1)
    return (total >> _BITS) / 64 / count if count else -1.0


def _drawer(packed: Sequence[int], rng: Random) -> Callable[[], int]:
    """What sums one resample: cluster by cluster, or kind by kind where there are few kinds."""
    kinds = sorted(Counter(packed).items())
    # A binomial draw costs about as much as 400 single draws.
    if len(packed) > 400 * len(kinds):
        return lambda: _multinomial(rng, len(packed), kinds)
    return lambda: sum(rng.choices(packed, k=len(packed)))


def _multinomial(rng: Random, draws: int, kinds: Iterable[tuple[int, int]]) -> int:
    total, left, of = 0, draws, draws
    for one, times in kinds:
        drawn = left if times == of else _binomial(rng, left, times / of)
        total += drawn * one
        left, of = left - drawn, of - times
    return total


def _binomial(rng: Random, n: int, p: float) -> int:
    """Exact, in log n steps: the middle of n uniform draws is a beta variate; keep one side."""
    hits = 0
    while n > 12:
        middle = n // 2 + 1
        at = rng.betavariate(middle, n + 1 - middle)
        if at <= p:
            hits, n, p = hits + middle, n - middle, (p - at) / (1 - at)
        else:
            n, p = middle - 1, p / at
    return hits + sum(rng.random() < p for _ in range(n))


def _quantile(ordered: Sequence[float], at: float) -> float:
    place = at * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
