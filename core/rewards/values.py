"""What is scored and what comes of it: a drawing, and its reward or why it has none."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import field, frozen

from parrot.core.asks import Failed
from parrot.core.critiques import Critique
from parrot.core.values import Image, Request


@frozen(slots=True)
class Drawing:
    """An image that was drawn for a request."""

    request: Request
    image: Image


def _unit(_: object, __: object, value: float) -> None:
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"a reward lies in [0, 1], not {value!r}")


def _units(_: object, __: object, values: Mapping[str, float]) -> None:
    for value in values.values():
        _unit(_, __, value)


@frozen(slots=True)
class Reward:
    """A drawing's worth, in [0, 1]: one value a dimension that applies, and their total.

    critiques: what the values were read from, one a sample. Raises ValueError out of [0, 1].
    """

    dimensions: Mapping[str, float] = field(hash=False, validator=_units)
    total: float = field(validator=_unit)
    critiques: tuple[Critique, ...] = field(default=(), eq=False, repr=False)


@frozen(slots=True)
class Unscored:
    """No reward, and why; never a number. dimensions: those that have a value all the same."""

    failure: Failed
    dimensions: Mapping[str, float] = field(factory=dict, hash=False, validator=_units)
    critiques: tuple[Critique, ...] = field(default=(), eq=False, repr=False)


Outcome = Reward | Unscored
"""What became of scoring one drawing."""
