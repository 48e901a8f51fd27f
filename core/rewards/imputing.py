"""What a framework that knows no absence gets in its place; marked and counted, never hidden.

A member without a value gets the mean of those with the same request and sources in the batch, else
the running mean of all values so far. In its group that is an advantage near zero, while 0.0 would
call it the worst image there is.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from parrot.core.errors import UnscoredError

NOT_APPLICABLE: Final = 1.0
"""Stands for a dimension that does not apply to a request. One constant for the whole group, so that
it adds nothing to any advantage; there is nothing to fault."""


@frozen(slots=True)
class Running:
    """The mean of all values so far, by name (a dimension's key, or `TOTAL`)."""

    counts: Mapping[str, int] = field(factory=dict, hash=False)
    sums: Mapping[str, float] = field(factory=dict, hash=False)

    def after(self, name: str, values: Sequence[float]) -> Running:
        """With these values added."""
        if not values:
            return self
        counts = {**self.counts, name: self.counts.get(name, 0) + len(values)}
        sums = {**self.sums, name: math.fsum((self.sums.get(name, 0.0), *values))}
        return Running(counts, sums)

    def mean(self, name: str) -> float | None:
        """None where there was no value yet."""
        count = self.counts.get(name, 0)
        return self.sums[name] / count if count else None


TOTAL: Final = "total"


@frozen(slots=True)
class Imputed:
    """One number a member. marks: which of them are stand-ins."""

    values: tuple[float, ...]
    marks: tuple[bool, ...]

    @property
    def count(self) -> int:
        """How many are stand-ins."""
        return sum(self.marks)


def impute(
    values: Sequence[float | None],
    groups: Sequence[Hashable],
    running: Running,
    *,
    name: str = TOTAL,
) -> tuple[Imputed, Running]:
    """A number for each None, and the running mean with this batch's own values in it.

    Raises UnscoredError where nothing was ever scored: then there is nothing to stand in, and a
    made-up constant would train on a broken critic without a word.
    """
    known: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        if value is not None:
            known.setdefault(group, []).append(value)
    after = running.after(name, [value for value in values if value is not None])
    out: list[float] = []
    for value, group in zip(values, groups, strict=True):
        stand_in = _mean(known.get(group)) if value is None else value
        stand_in = after.mean(name) if stand_in is None else stand_in
        if stand_in is None:
            raise UnscoredError(f"none of {len(values)} drawings has a value of {name!r}")
        out.append(stand_in)
    return Imputed(tuple(out), tuple(value is None for value in values)), after


def _mean(values: Sequence[float] | None) -> float | None:
    return math.fsum(values) / len(values) if values else None
