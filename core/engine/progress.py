"""What a run has come to: a fold of its events into counts, rate, time left and money.

Pure; printing is for others. `Meter` is the observer that holds the latest `Progress`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from parrot.core.asks import FailureKind, Usage
from parrot.core.engine.budget import Price
from parrot.core.engine.events import (
    Answered,
    Committed,
    Event,
    FromStore,
    GaveUp,
    Joined,
    Limited,
    Retried,
    Sent,
    Started,
    Stopped,
)

K = TypeVar("K")
V = TypeVar("V", int, Usage)
RECENT_SECONDS = 30.0


@frozen(slots=True)
class Progress:
    """Counts of asks so far; the default is the beginning.

    cached: answered from the store. joined: answered with an equal ask. answered, failed: sent to a
    model, by outcome. tries: sent, retries included. throttled: tries refused for load (429).
    usage: tokens by model id. rate: asks that came back a second, lately; recent: those asks, their
    seconds and until when, the older ones weighed less.
    """

    began: float = 0.0
    at: float = 0.0
    cached: int = 0
    joined: int = 0
    tries: int = 0
    answered: int = 0
    failed: Mapping[FailureKind, int] = field(factory=dict, hash=False)
    retried: int = 0
    throttled: int = 0
    committed: int = 0
    usage: Mapping[str, Usage] = field(factory=dict, hash=False)
    limits: Mapping[str, int] = field(factory=dict, hash=False)
    stopped: Stopped | None = None
    _recent: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0), alias="recent")

    @property
    def came_back(self) -> int:
        """Asks that were sent and have come to an end."""
        return self.answered + sum(self.failed.values())

    @property
    def done(self) -> int:
        """Asks that have come to an end in any way."""
        return self.cached + self.joined + self.came_back

    @property
    def elapsed(self) -> float:
        return self.at - self.began

    @property
    def rate(self) -> float:
        asks, seconds, _ = self._recent
        return asks / seconds if seconds > 0.0 else 0.0

    @property
    def tokens(self) -> Usage:
        """Tokens of all models together."""
        return sum(self.usage.values(), Usage())

    def eta(self, total: int) -> float | None:
        """Seconds until `total` asks are done at the present rate; None where there is no rate."""
        left = max(0, total - self.done)
        if not left:
            return 0.0
        return left / self.rate if self.rate > 0.0 else None

    def cost(self, prices: Mapping[str, Price]) -> float | None:
        """Money by a price table; None where a model that was asked has no price in it."""
        if not set(self.usage) <= set(prices):
            return None
        return sum(prices[model].of(usage) for model, usage in self.usage.items())


def advance(so_far: Progress, event: Event) -> Progress:
    """The progress after one more event."""
    now = evolve(so_far, at=max(so_far.at, event.at))
    if isinstance(event, Answered | GaveUp):
        return _ended(now, event)
    return evolve(now, **_changes(now, event))


def _changes(now: Progress, event: Event) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    match event:
        case Started(at):
            changes = {"began": at, "recent": (0.0, 0.0, at)}
        case FromStore(_, count):
            changes = {"cached": now.cached + count}
        case Joined(_, count):
            changes = {"joined": now.joined + count}
        case Sent():
            changes = {"tries": now.tries + 1}
        case Retried(kind=kind):
            throttled = now.throttled + (kind is FailureKind.THROTTLED)
            changes = {"retried": now.retried + 1, "throttled": throttled}
        case Limited(_, model, limit):
            changes = {"limits": {**now.limits, model: limit}}
        case Committed(_, count):
            changes = {"committed": now.committed + count}
        case Stopped():
            changes = {"stopped": event}
    return changes


def _ended(now: Progress, event: Answered | GaveUp) -> Progress:
    now = evolve(now, recent=_recent(now._recent, now.at))
    if isinstance(event, Answered):
        usage = now.usage.get(event.model, Usage()) + event.usage
        return evolve(now, answered=now.answered + 1, usage={**now.usage, event.model: usage})
    failed = {**now.failed, event.kind: now.failed.get(event.kind, 0) + 1}
    throttled = now.throttled + (event.kind is FailureKind.THROTTLED)
    return evolve(now, failed=failed, throttled=throttled)


def _recent(before: tuple[float, float, float], at: float) -> tuple[float, float, float]:
    asks, seconds, until = before
    passed = max(0.0, at - until)
    kept = math.exp(-passed / RECENT_SECONDS)
    return asks * kept + 1.0, seconds * kept + passed, max(at, until)


def together(parts: Iterable[Progress]) -> Progress:
    """What several processes of one run have come to; began is 0, at the longest time so far."""
    all_ = tuple(parts)
    return Progress(
        at=max((one.elapsed for one in all_), default=0.0),
        cached=sum(one.cached for one in all_),
        joined=sum(one.joined for one in all_),
        tries=sum(one.tries for one in all_),
        answered=sum(one.answered for one in all_),
        failed=_summed([one.failed for one in all_], 0),
        retried=sum(one.retried for one in all_),
        throttled=sum(one.throttled for one in all_),
        committed=sum(one.committed for one in all_),
        usage=_summed([one.usage for one in all_], Usage()),
        limits=_summed([one.limits for one in all_], 0),
        stopped=next((one.stopped for one in all_ if one.stopped), None),
        recent=(sum(one.rate for one in all_), 1.0, 0.0),
    )


def _summed(tables: Iterable[Mapping[K, V]], zero: V) -> Mapping[K, V]:
    total: dict[K, V] = {}
    for table in tables:
        for key, value in table.items():
            total[key] = total.get(key, zero) + value
    return total


class Meter:
    """An observer whose `progress` is the fold of all events it has seen."""

    def __init__(self) -> None:
        self.progress = Progress()

    def __call__(self, event: Event, /) -> None:
        self.progress = advance(self.progress, event)
