"""Whether to ask again after an error, and when. Pure: time and chance come in as numbers."""

from __future__ import annotations

import random

from attrs import define, field, frozen, validators

from parrot.core.asks import FailureKind
from parrot.core.errors import (
    AccessError,
    ModelError,
    RefusedError,
    ThrottledError,
    TimedOutError,
    TransientError,
)
from parrot.core.interfaces import Key


@frozen(slots=True)
class RetryPolicy:
    """How stubborn to be about one ask.

    attempts: tries that may fail, those that the server refused for load not counted.
    throttled: tries that it may refuse so; many, as they say nothing of the ask. seconds: from the
    first try to the start of the last. base, cap: the wait before try n + 1 is drawn from
    [0, min(cap, base * 2**n)] where the server names none. attempt_seconds: after which one try
    counts as timed out.
    """

    attempts: int = field(default=6, validator=validators.ge(1))
    throttled: int = field(default=30, validator=validators.ge(1))
    seconds: float = field(default=900.0, validator=validators.ge(0.0))
    base: float = field(default=0.5, validator=validators.ge(0.0))
    cap: float = field(default=30.0, validator=validators.ge(0.0))
    attempt_seconds: float = field(default=600.0, validator=validators.gt(0.0))


@frozen(slots=True)
class RetryAfter:
    """Ask again in so many seconds."""

    seconds: float


@frozen(slots=True)
class GiveUp:
    """Ask no more; this is why."""

    kind: FailureKind
    detail: str


_KINDS: tuple[tuple[type[ModelError], FailureKind], ...] = (
    (ThrottledError, FailureKind.THROTTLED),
    (TimedOutError, FailureKind.TIMEOUT),
    (TransientError, FailureKind.TRANSIENT),
    (RefusedError, FailureKind.REFUSED),
    (AccessError, FailureKind.ACCESS),
)


def kind_of(error: ModelError) -> FailureKind:
    """The failure that an error becomes once it is final; REJECTED where nothing says more."""
    return next((kind for type_, kind in _KINDS if isinstance(error, type_)), FailureKind.REJECTED)


def decide(
    error: ModelError, *, attempt: int, elapsed: float, jitter: float, policy: RetryPolicy
) -> RetryAfter | GiveUp:
    """What follows an error of its sort number `attempt` (from 1), `elapsed` s after the first try.

    jitter: in [0, 1). Refusals for load are one sort, all other errors another. A wait that the
    server named is kept to the full and lengthened by at most a tenth, or, after as many refusals
    as `policy.attempts`, to what it would be unnamed; a wait that would end after `policy.seconds`
    is not begun.
    """
    most = policy.throttled if isinstance(error, ThrottledError) else policy.attempts
    if not error.retryable or attempt >= most:
        return GiveUp(kind_of(error), str(error))
    wait = _wait(error.retry_after, attempt, jitter, policy)
    if elapsed + wait > policy.seconds:
        tried = f"given up after {elapsed:.0f} s"
        return GiveUp(kind_of(error), f"{error} ({tried}, next try due in {wait:.0f} s)")
    return RetryAfter(wait)


@define(slots=True)
class Tries:
    """The tries of one thing that failed so far; each sort of error is counted for itself.

    began: the time of the first, in seconds.
    """

    key: bytes
    policy: RetryPolicy
    began: float
    failed: int = 0
    throttled: int = 0

    def after(self, error: ModelError, now: float) -> RetryAfter | GiveUp:
        """What follows the next try, which failed so."""
        of_load = isinstance(error, ThrottledError)
        self.throttled += of_load
        self.failed += not of_load
        return decide(
            error,
            attempt=self.throttled if of_load else self.failed,
            elapsed=now - self.began,
            jitter=jitter_of(self.key, self.throttled + self.failed),
            policy=self.policy,
        )


def _wait(named: float | None, attempt: int, jitter: float, policy: RetryPolicy) -> float:
    drawn = jitter * min(policy.cap, policy.base * 2.0 ** min(attempt, 60))
    if named is None:
        return drawn
    kept = max(0.0, named) * (1.0 + 0.1 * jitter)
    return kept if attempt < policy.attempts else max(kept, drawn)


def jitter_of(key: Key, attempt: int) -> float:
    """A number in [0, 1) that differs by ask and try, and is the same in every run."""
    return random.Random(key + attempt.to_bytes(4, "big")).random()
