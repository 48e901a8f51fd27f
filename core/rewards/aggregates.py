"""From one value a dimension to one total. Pure; a plain function of a mapping is an aggregate.

An aggregate sees only dimensions that apply. Its total lies in [0, 1], does not fall when a value
rises and does not depend on their order (`check_aggregate` asks this of any). None where nothing
that it looks at applies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol

from attrs import field, frozen, validators

from parrot.core.critiques import settled
from parrot.core.errors import ConfigError, UnknownNameError


class Aggregate(Protocol):
    """Values in [0, 1] by dimension to a total in [0, 1]."""

    def __call__(self, values: Mapping[str, float], /) -> float | None: ...


def mean(values: Mapping[str, float], /) -> float | None:
    """The plain mean (paper Eq. 13)."""
    return math.fsum(values.values()) / len(values) if values else None


def worst(values: Mapping[str, float], /) -> float | None:
    """The least value: an image is as good as its worst side."""
    return min(values.values(), default=None)


def geometric(values: Mapping[str, float], /) -> float | None:
    """The geometric mean: one value of zero makes the total zero."""
    if not values:
        return None
    # Sorted, since rounding depends on the order of factors.
    return min(1.0, math.prod(sorted(values.values())) ** (1.0 / len(values)))


def _weights(_: object, __: object, value: Mapping[str, float]) -> None:
    if not value or any(not (math.isfinite(w) and w >= 0.0) for w in value.values()):
        raise ConfigError(f"weights are finite and not negative: {dict(value)!r}")


@frozen(slots=True)
class Weighted:
    """The weighted mean; weights need no sum of 1. A dimension of weight 0 is left out.

    Raises UnknownNameError for a dimension without a weight: none is left out by accident.
    """

    weights: Mapping[str, float] = field(hash=False, validator=_weights)

    def __call__(self, values: Mapping[str, float], /) -> float | None:
        for key in values:
            if key not in self.weights:
                raise UnknownNameError("weight of dimension", key, self.weights)
        whole = math.fsum(self.weights[key] for key in values)
        if whole <= 0.0:
            return None
        summed = math.fsum(self.weights[key] * value for key, value in values.items())
        return min(1.0, summed / whole)


@frozen(slots=True)
class Lexicographic:
    """The first dimension decides; the next only where it is level; and so on.

    order: keys, most important first; those not named come last, together, by their mean. steps:
    into how many equal steps a value is cut before it is compared (30: tenths of a scale 1 to 4).
    """

    order: tuple[str, ...] = field(validator=validators.min_len(1))
    steps: int = field(default=30, validator=[validators.ge(1), validators.le(1000)])

    def __call__(self, values: Mapping[str, float], /) -> float | None:
        ranked = [values[key] for key in self.order if key in values]
        rest = mean({key: value for key, value in values.items() if key not in self.order})
        ranked += [rest] if rest is not None else []
        if not ranked:
            return None
        base, number = self.steps + 1, 0
        for value in ranked:
            # The tiny share lifts 0.7 * 30 = 20.999... onto its own step.
            number = number * base + math.floor(value * self.steps + 1e-9)
        return float(number / (base ** len(ranked) - 1))


AGGREGATES: Final[Mapping[str, Aggregate]] = {"mean": mean, "worst": worst, "geometric": geometric}


def aggregate_named(text: str) -> Aggregate:
    """An aggregate from its name: mean, worst, geometric, `weighted:KEY=2,KEY=1` or
    `lexicographic:KEY,KEY`. Raises ConfigError.
    """
    name, _, rest = text.partition(":")
    if name == "weighted" and rest:
        return Weighted(dict(_weight(part) for part in rest.split(",")))
    if name == "lexicographic" and rest:
        return Lexicographic(tuple(map(str.strip, rest.split(","))))
    if text not in AGGREGATES:
        known = (*AGGREGATES, "weighted:KEY=WEIGHT,...", "lexicographic:KEY,...")
        raise UnknownNameError("aggregate", text, known)
    return AGGREGATES[text]


def _weight(part: str) -> tuple[str, float]:
    key, _, number = part.partition("=")
    try:
        return key.strip(), float(number)
    except ValueError:
        raise ConfigError(f"a weight reads KEY=NUMBER, not {part!r}") from None


def checked_total(aggregate: Aggregate, values: Mapping[str, float]) -> float | None:
    """The aggregate's total, settled: equal sums are equal totals, however they were added up.

    Raises ConfigError where it is no number in [0, 1].
    """
    total = aggregate(values)
    if total is not None and not (math.isfinite(total) and 0.0 <= total <= 1.0):
        name = getattr(aggregate, "__name__", type(aggregate).__name__)
        raise ConfigError(f"the aggregate {name!r} gave {total!r}, which is not in [0, 1]")
    return None if total is None else settled(total)
