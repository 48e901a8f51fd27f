"""A user's own function as what scores drawings: numbers, values by dimension, or nothing, made outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen

from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError
from parrot.core.rewards.aggregates import Aggregate, checked_total, mean
from parrot.core.rewards.values import Drawing, Outcome, Reward, Unscored

REWARD: Final = "reward"
"""The dimension of a plain number."""

Said = Outcome | float | Mapping[str, float] | None
"""What a function says of one drawing; None is no reward."""


@frozen(slots=True)
class Called:
    """A function of drawings as what scores them. function: one answer a drawing, in order.

    A number is a reward of one dimension, a mapping one value a dimension, both in [0, 1]; None, or
    a number that is none, is Unscored. aggregate: makes the total of a mapping. Raises ConfigError
    for a value out of [0, 1].
    """

    function: Callable[[Sequence[Drawing]], Sequence[Said]]
    aggregate: Aggregate = mean

    def __call__(self, drawings: Sequence[Drawing], /) -> tuple[Outcome, ...]:
        """One outcome a drawing, in order. Raises ConfigError for more or fewer answers."""
        said = tuple(self.function(drawings))
        if len(said) != len(drawings):
            wrong = f"the reward function gave {len(said)} values for {len(drawings)} drawings"
            raise ConfigError(wrong)
        return tuple(map(self._outcome, said))

    def _outcome(self, said: Said) -> Outcome:
        if isinstance(said, Reward | Unscored):
            return said
        values = said if isinstance(said, Mapping) else {REWARD: said}
        known = {k: float(v) for k, v in values.items() if v is not None and v == v}  # noqa: PLR0124
        try:
            total = checked_total(self.aggregate, known) if len(known) == len(values) else None
            if total is not None:
                return Reward(known, total)
            return Unscored(Failed(FailureKind.UNREADABLE, "the function gave no value"), known)
        except ValueError as error:
            raise ConfigError(f"the reward function: {error}") from error
