"""Explicit limits for those who know their tier: requests and tokens a minute.

Two leaky buckets that are told the time. A bucket holds ten seconds' worth, so that a minute never
starts with a burst of sixty seconds' worth at once.
"""

from __future__ import annotations

from attrs import define, field, frozen, validators

BURST_SECONDS = 10.0
FIRST_GUESS = 2000.0  # tokens of one ask and its reply, until some have been seen
MEMORY = 0.1  # weight of the newest reply in the running mean


@frozen(slots=True)
class Limits:
    """Requests and tokens a minute; None for no limit."""

    requests_per_minute: float | None = field(
        default=None, validator=validators.optional(validators.gt(0.0))
    )
    tokens_per_minute: float | None = field(
        default=None, validator=validators.optional(validators.gt(0.0))
    )


@define(slots=True, on_setattr=[])
class _Bucket:
    rate: float  # a second
    level: float = field(init=False)
    at: float | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.level = self.capacity

    @property
    def capacity(self) -> float:
        return max(1.0, self.rate * BURST_SECONDS)

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` may be taken; what a full bucket cannot hold needs a full one."""
        if self.at is not None:
            gained = max(0.0, now - self.at) * self.rate
            self.level = min(self.capacity, self.level + gained)
        self.at = now
        missing = min(amount, self.capacity) - self.level
        return max(0.0, missing / self.rate) if missing > 1e-9 else 0.0


@define(slots=True, on_setattr=[])
class Pace:
    """When the next try may leave under `limits`."""

    limits: Limits
    _requests: _Bucket | None = field(init=False)
    _tokens: _Bucket | None = field(init=False)
    _guess: float = field(init=False, default=FIRST_GUESS)

    def __attrs_post_init__(self) -> None:
        requests, tokens = self.limits.requests_per_minute, self.limits.tokens_per_minute
        self._requests = _Bucket(requests / 60.0) if requests else None
        self._tokens = _Bucket(tokens / 60.0) if tokens else None

    def wait(self, now: float) -> float:
        """Seconds until one more try may leave; 0.0 for now."""
        waits = [0.0]
        if self._requests:
            waits.append(self._requests.wait(now, 1.0))
        if self._tokens:
            waits.append(self._tokens.wait(now, self._guess))
        return max(waits)

    def take(self) -> float:
        """One try leaves; returns the tokens set aside for it, to be given to `settle`."""
        if self._requests:
            self._requests.level -= 1.0
        if self._tokens:
            self._tokens.level -= self._guess
        return self._guess

    def settle(self, reserved: float, used: int | None) -> None:
        """A try ended having used so many tokens; None where it brought no reply."""
        if self._tokens:
            self._tokens.level += reserved - (used or 0)
        if used is not None:
            self._guess += MEMORY * (used - self._guess)
