"""What the engine tells its observers. Small values; the cached path tells one a chunk.

`at` is the clock's time in seconds, `model` the id of the model that was asked.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from parrot.core.asks import FailureKind, Finish, Usage
from parrot.core.errors import StopReason
from parrot.core.interfaces import Key


@frozen(slots=True)
class Started:
    """The engine is open."""

    at: float


@frozen(slots=True)
class FromStore:
    """So many asks found their answers in the store."""

    at: float
    count: int


@frozen(slots=True)
class Joined:
    """So many asks wait for an equal ask that is already on its way."""

    at: float
    count: int


@frozen(slots=True)
class Sent:
    """One try of one ask has left; `attempt` counts from 1."""

    at: float
    model: str
    key: Key
    attempt: int


@frozen(slots=True)
class Retried:
    """A try failed; the next comes in `after` seconds, and its slot is free until then."""

    at: float
    model: str
    key: Key
    attempt: int
    kind: FailureKind
    after: float


@frozen(slots=True)
class Limited:
    """The gate lets another number of asks be in flight."""

    at: float
    model: str
    limit: int


@frozen(slots=True)
class Answered:
    """A reply came. `latency`: seconds of the try that brought it."""

    at: float
    model: str
    key: Key
    usage: Usage
    finish: Finish
    attempts: int
    latency: float


@frozen(slots=True)
class GaveUp:
    """An ask failed for good."""

    at: float
    model: str
    key: Key
    kind: FailureKind
    detail: str
    attempts: int


@frozen(slots=True)
class Committed:
    """So many records are safe on disk."""

    at: float
    count: int


@frozen(slots=True)
class Stopped:
    """The run ends before its input; what is in flight is waited for."""

    at: float
    reason: StopReason
    detail: str


Event = (
    Started
    | FromStore
    | Joined
    | Sent
    | Retried
    | Limited
    | Answered
    | GaveUp
    | Committed
    | Stopped
)
Observer = Callable[[Event], None]
"""Called on the engine's loop with every event; must be quick, and what it raises ends the run."""
