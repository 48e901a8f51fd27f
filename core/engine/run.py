"""What all engines of one run share: store, spending, observers, and how the run ends.

The end is one exception, first come first kept. When it is known nothing new leaves; what is in
flight is waited for, what was answered is committed, and only then everyone is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from parrot.core.engine.budget import Budget, Stop, Tally, overspent
from parrot.core.engine.events import Committed, Event, FromStore, Observer, Started, Stopped
from parrot.core.engine.shelf import Shelf
from parrot.core.errors import ConfigError, RunStopped
from parrot.core.interfaces import Clock, Record, Store

DRAIN_SECONDS: Final = 30.0


class Worker(Protocol):
    """What asks a model on behalf of the run."""

    def committed(self, records: Sequence[Record], /) -> None: ...

    async def wind_down(self, seconds: float, /) -> None: ...

    def cancel(self) -> None: ...


class Run:
    """Shared state of one run; lives on one loop."""

    def __init__(
        self,
        store: Store | None,
        clock: Clock,
        budget: Budget,
        observers: Sequence[Observer],
    ) -> None:
        self.clock, self.budget, self._observers = clock, budget, tuple(observers)
        self.shelf = Shelf(store, clock, on_commit=self._committed, on_error=self._store_failed)
        self.tally = Tally(clock.now())
        self.workers: list[Worker] = []
        self.ending: BaseException | None = None
        self.ended = False
        self.lost: BaseException | None = None  # why answers could not be stored
        self._opened = False
        self._on_end: dict[object, Callable[[], None]] = {}
        self._winding: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The run begins now. Raises ConfigError where it has begun before."""
        if self._opened:
            raise ConfigError("an engine is opened once; make another for another run")
        self._opened = True
        self.tally.began = self.clock.now()
        self.emit(Started(self.tally.began))

    def check_open(self) -> None:
        """Raises what ended the run, or ConfigError where it has not begun."""
        if not self._opened:
            raise ConfigError("an engine is used inside `async with engine:`")
        if self.ending is not None:
            raise self.ending

    def emit(self, event: Event) -> None:
        """Tells every observer; what one raises ends the run."""
        try:
            for observer in self._observers:
                observer(event)
        except Exception as error:  # noqa: BLE001  events also come from callbacks, where it would be lost
            self.end(error, drain_seconds=0.0)

    def note(self, why: str | None) -> None:
        """Remembers how an ask ended: why it failed, None where it did not."""
        self.tally.note(why, window=self.budget.failures_of)

    def found(self, count: int) -> None:
        """So many asks were answered from the store."""
        self.emit(FromStore(self.clock.now(), count))

    def overspent(self, now: float) -> Stop | None:
        """Why nothing more may be sent; None while it may."""
        return overspent(self.budget, self.tally, now)

    def stop(self, stop: Stop) -> None:
        """Ends the run in order: drains, commits, then RunStopped. A second call stops waiting."""
        if self.ending is not None:
            return self.hurry()
        self.emit(Stopped(self.clock.now(), stop.reason, stop.detail))
        message = f"the run stopped ({stop.reason.value}): {stop.detail}"
        return self.end(RunStopped(message, reason=stop.reason), drain_seconds=DRAIN_SECONDS)

    def hurry(self) -> None:
        """Waits no longer for what is in flight."""
        for worker in self.workers:
            worker.cancel()

    def end(self, error: BaseException, *, drain_seconds: float) -> None:
        """Ends the run with this error, which everyone who waits will get."""
        if self.ending is not None:
            return
        self.ending = error
        wind_down = self._wind_down(drain_seconds)
        self._winding = asyncio.get_running_loop().create_task(wind_down)

    def when_ended(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Has `tell` called at the end; returns what takes that back."""
        ticket = object()
        self._on_end[ticket] = tell

        def forget() -> None:
            self._on_end.pop(ticket, None)

        return forget

    async def aclose(self, *, drain_seconds: float) -> None:
        """Waits for what is in flight, commits, and ends the store's thread."""
        if self.ending is None:
            self.end(RunStopped("the engine is closed"), drain_seconds=drain_seconds)
        try:
            assert self._winding is not None
            await self._winding
        finally:
            await self.shelf.aclose()

    async def _wind_down(self, seconds: float) -> None:
        await asyncio.gather(*(worker.wind_down(seconds) for worker in self.workers))
        await self.shelf.drained()
        self.ended = True
        for tell in tuple(self._on_end.values()):
            tell()

    def _committed(self, records: Sequence[Record]) -> None:
        if self.shelf.keeps:
            self.emit(Committed(self.clock.now(), len(records)))
        for worker in self.workers:
            worker.committed(records)

    def _store_failed(self, error: BaseException) -> None:
        self.lost = error
        if self.ending is not None:
            self.ending = error  # replies are lost: that is the graver news
        self.end(error, drain_seconds=0.0)
