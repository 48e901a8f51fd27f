"""Deliberately wrong aggregates: each must fail `check_aggregate`."""

from __future__ import annotations

from collections.abc import Mapping

Values = Mapping[str, float]


def summed(values: Values, /) -> float | None:
    """Leaves [0, 1] with the second dimension."""
    return sum(values.values()) if values else None


def first(values: Values, /) -> float | None:
    """Depends on the order."""
    return next(iter(values.values()), None)


def spread(values: Values, /) -> float | None:
    """Falls when the least value rises."""
    return max(values.values()) - min(values.values()) if values else None


def never_best(values: Values, /) -> float | None:
    """Holds something back from a flawless image."""
    return 0.9 * sum(values.values()) / len(values) if values else None


def needs_text(values: Values, /) -> float | None:
    """Raises where a dimension does not apply."""
    return values["text_rendering"]


def not_a_number(values: Values, /) -> float | None:
    """Says NaN for a failure."""
    return sum(values.values()) / len(values) if len(values) > 1 else float("nan")


AGGREGATES = (summed, first, spread, never_best, needs_text, not_a_number)
