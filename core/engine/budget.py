"""When a run has spent enough, or fails too much. Pure: spending comes in, a stop comes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from attrs import define, field, frozen, validators

from parrot.core.asks import Usage
from parrot.core.errors import ConfigError, StopReason

_optional_positive = validators.optional(validators.gt(0))


@frozen(slots=True)
class Price:
    """Money for a million tokens of one model; `cached`: those the server had in its cache."""

    prompt: float = field(validator=validators.ge(0.0))
    completion: float = field(validator=validators.ge(0.0))
    cached: float | None = field(default=None, validator=validators.optional(validators.ge(0.0)))

    def of(self, usage: Usage) -> float:
        """What these tokens cost."""
        cached_price = self.prompt if self.cached is None else self.cached
        fresh = max(0, usage.prompt - usage.cached)
        spent = fresh * self.prompt + usage.cached * cached_price
        return (spent + usage.completion * self.completion) / 1e6


@frozen(slots=True)
class Budget:
    """Bounds of one run; None for none. What is in flight when a bound is reached is still paid.

    tokens: prompt and completion together. money: needs `prices`, by model id. seconds: since the
    engine opened. asks: sent to a model, whatever comes back. failures: the share of the last
    `failures_of` asks sent that may fail, in [0, 1]; 1.0 never stops. An ask that was rejected or
    refused in an earlier run, and is again, does not count as failed.
    """

    tokens: int | None = field(default=None, validator=_optional_positive)
    money: float | None = field(default=None, validator=_optional_positive)
    seconds: float | None = field(default=None, validator=_optional_positive)
    asks: int | None = field(default=None, validator=_optional_positive)
    failures: float = field(default=0.2, validator=[validators.ge(0.0), validators.le(1.0)])
    failures_of: int = field(default=500, validator=validators.ge(1))
    prices: Mapping[str, Price] = field(factory=dict, hash=False)

    def __attrs_post_init__(self) -> None:
        if self.money is not None and not self.prices:
            raise ConfigError("a budget in money needs prices")

    def price_of(self, model: str) -> Price:
        """The model's price. Raises ConfigError where money is bounded and the model has none."""
        found = self.prices.get(model)
        if found is None and self.money is not None:
            raise ConfigError(f"a budget in money needs a price for the model {model!r}")
        return found or Price(0.0, 0.0)


@define(slots=True, on_setattr=[])
class Tally:
    """What a run has spent so far."""

    began: float
    asks: int = 0
    usage: Usage = field(factory=Usage)
    money: float = 0.0
    outcomes: deque[bool] = field(factory=deque)  # True: failed
    failed: int = 0
    why: str = ""  # of the last that failed

    def spend(self, usage: Usage, price: Price) -> None:
        """A reply was paid for."""
        self.usage += usage
        self.money += price.of(usage)

    def note(self, why: str | None, *, window: int) -> None:
        """An ask failed for a reason, or did not; only the last `window` are remembered."""
        self.outcomes.append(why is not None)
        self.failed += why is not None
        self.why = self.why if why is None else why
        while len(self.outcomes) > window:
            self.failed -= self.outcomes.popleft()


@frozen(slots=True)
class Stop:
    """A run must end, and why."""

    reason: StopReason
    detail: str


def overspent(budget: Budget, tally: Tally, now: float) -> Stop | None:
    """Why nothing more may be sent; None while it may."""
    if tally.failed > budget.failures * budget.failures_of:
        share = f"{tally.failed} of the last {len(tally.outcomes)} asks failed, lately: {tally.why}"
        return Stop(StopReason.FAILURES, share)
    tokens = tally.usage.prompt + tally.usage.completion
    bounds = (
        (StopReason.ASKS, budget.asks, tally.asks),
        (StopReason.TOKENS, budget.tokens, tokens),
        (StopReason.MONEY, budget.money, tally.money),
        (StopReason.SECONDS, budget.seconds, now - tally.began),
    )
    for reason, bound, spent in bounds:
        if bound is not None and spent >= bound:
            return Stop(reason, f"{spent:g} {reason.value} spent of {bound:g}")
    return None
