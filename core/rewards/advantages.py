"""Advantages relative to a group: how much better a drawing is than its siblings.

A group is the drawings of one request with one set of sources. Unscored members leave its
statistics and get None. Before clipping, advantages of a group's scored members sum to zero. Pure;
frameworks differ in what they divide by, which `Deviation` says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from attrs import field, frozen, validators

from parrot.core.errors import ConfigError
from parrot.core.rewards.values import Outcome, Reward

Advantages = tuple[float | None, ...]


class Over(StrEnum):
    """Whose deviation advantages are divided by."""

    GROUP = "group"
    ALL = "all"
    NOTHING = "nothing"  # Dr. GRPO: only the mean is taken off


@frozen(slots=True)
class Deviation:
    """The divisor: max(least, standard deviation) + added.

    ddof: 0 divides the squares by n, 1 by n - 1 (then one value alone has a deviation of 0).
    """

    over: Over = field(default=Over.GROUP, converter=Over)
    ddof: int = field(default=0, validator=validators.in_((0, 1)))
    least: float = field(default=1e-6, validator=validators.ge(0.0))
    added: float = field(default=0.0, validator=validators.ge(0.0))

    def of(self, values: Sequence[float]) -> float:
        """The divisor for these values."""
        return max(self.least, deviation(values, ddof=self.ddof)) + self.added


FLOW_FACTORY: Final = Deviation(ddof=0, least=1e-6)
FLOW_GRPO: Final = Deviation(ddof=0, least=0.0, added=1e-4)
TRL: Final = Deviation(ddof=1, least=0.0, added=1e-4)
MS_SWIFT: Final = Deviation(ddof=1, least=0.0, added=1e-4)
VERL: Final = Deviation(ddof=1, least=0.0, added=1e-6)


def deviation(values: Sequence[float], *, ddof: int = 0) -> float:
    """The standard deviation; 0 of fewer than ddof + 1 values."""
    if len(values) <= ddof:
        return 0.0
    middle = math.fsum(values) / len(values)
    squares = math.fsum((value - middle) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - ddof))


def grpo(
    outcomes: Sequence[Outcome],
    groups: Sequence[Hashable],
    divisor: Deviation = FLOW_FACTORY,
) -> Advantages:
    """(total - mean of its group) / divisor, for each outcome (arXiv 2402.03300).

    groups: the group's key of each outcome. Raises ConfigError for sequences of unequal length.
    """
    return _normalized([_total(one) for one in outcomes], groups, divisor)


def gdpo(
    outcomes: Sequence[Outcome],
    groups: Sequence[Hashable],
    *,
    weights: Mapping[str, float] | None = None,
    divisor: Deviation = FLOW_FACTORY,
    whole: Deviation | None = Deviation(Over.ALL),
) -> Advantages:
    """Each dimension normalised in its group, weighted, summed, and normalised over all.

    So a dimension that varies much does not drown one that varies little. weights: 1 where not
    named. whole: of the last step; None leaves it out. A dimension that applies to a group applies
    to all of it; one that an odd member lacks is that member's alone to miss.
    """
    scored = [isinstance(one, Reward) for one in outcomes]
    keys = dict.fromkeys(k for o in outcomes if isinstance(o, Reward) for k in o.dimensions)
    summed = [0.0 if there else None for there in scored]
    for key in keys:
        weight = 1.0 if weights is None else weights.get(key, 1.0)
        values = [_dimension(one, key) for one in outcomes]
        for n, value in enumerate(_normalized(values, groups, divisor)):
            summed[n] = summed[n] if value is None else (summed[n] or 0.0) + weight * value
    if whole is None:
        return tuple(summed)
    if whole.over is not Over.GROUP:
        groups = [None] * len(groups)  # one group of all
    return _normalized(summed, groups, whole)


def ranked(outcomes: Sequence[Outcome], groups: Sequence[Hashable]) -> Advantages:
    """Where a total stands in its group, from -1 (worst) to 1 (best); equal totals share a place.

    Blind to how far apart totals are, so that one odd reward moves nobody else.
    """
    values = [_total(one) for one in outcomes]
    return _by_group(values, groups, _places)


def clipped(advantages: Sequence[float | None], bound: float) -> Advantages:
    """Advantages in [-bound, bound]."""
    return tuple(None if a is None else max(-bound, min(bound, a)) for a in advantages)


def optimality(advantages: Sequence[float | None], bound: float) -> Advantages:
    """r = 0.5 + 0.5 clip(a / bound, -1, 1), in [0, 1], as DiffusionNFT weighs (paper Alg. 1)."""
    if bound <= 0.0:
        raise ConfigError("the bound of advantages is positive")
    return tuple(
        None if a is None else 0.5 + 0.5 * max(-1.0, min(1.0, a / bound)) for a in advantages
    )


def _total(outcome: Outcome) -> float | None:
    return outcome.total if isinstance(outcome, Reward) else None


def _dimension(outcome: Outcome, key: str) -> float | None:
    return outcome.dimensions.get(key) if isinstance(outcome, Reward) else None


def _normalized(
    values: Sequence[float | None], groups: Sequence[Hashable], divisor: Deviation
) -> Advantages:
    every = [value for value in values if value is not None]

    def normalize(members: Sequence[float]) -> Sequence[float]:
        middle = math.fsum(members) / len(members)
        if divisor.over is Over.NOTHING:
            return [value - middle for value in members]
        by = divisor.of(members if divisor.over is Over.GROUP else every)
        # Equal members differ from their mean by rounding alone, which a small divisor would blow up.
        level = min(members) == max(members)
        return [0.0 if level or by == 0.0 else (value - middle) / by for value in members]

    return _by_group(values, groups, normalize)


def _by_group(
    values: Sequence[float | None],
    groups: Sequence[Hashable],
    change: Callable[[Sequence[float]], Sequence[float]],
) -> Advantages:
    if len(values) != len(groups):
        raise ConfigError(f"{len(values)} outcomes and {len(groups)} keys of groups")
    members: dict[Hashable, list[int]] = {}
    for n, (value, group) in enumerate(zip(values, groups, strict=True)):
        if value is not None:
            members.setdefault(group, []).append(n)
    out: list[float | None] = [None] * len(values)
    for places in members.values():
        found = change([v for n in places if (v := values[n]) is not None])
        for n, value in zip(places, found, strict=True):
            out[n] = value
    return tuple(out)


def _places(members: Sequence[float]) -> Sequence[float]:
    if len(members) < 2:
        return [0.0] * len(members)
    order = sorted(members)
    first = {value: n for n, value in reversed(list(enumerate(order)))}
    last = {value: n for n, value in enumerate(order)}
    return [(first[v] + last[v]) / (len(members) - 1) - 1.0 for v in members]
