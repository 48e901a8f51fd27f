"""Virtual time: hours of retries and cool-downs in milliseconds, the same in every run."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_Sleeper = tuple[float, int, "asyncio.Future[None]"]


class FakeClock:
    """A `Clock` that moves on to the next sleeper's hour whenever its loop has nothing else to do.

    Work on threads is nothing it can see: time may pass while a thread is busy.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._sleepers: list[_Sleeper] = []
        self._order = count()
        self._mover: asyncio.Task[None] | None = None

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float, /) -> None:
        if seconds <= 0.0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        if self._mover is None or self._mover.done():
            self._mover = loop.create_task(self._move())
        await woken

    async def _move(self) -> None:
        while self._sleepers:
            await _idle()
            due, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._now = max(self._now, due)
                woken.set_result(None)


async def _idle() -> None:
    """Returns when no other task can run."""
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    if ready is None:  # another loop than asyncio's own: long enough for most chains of wake-ups
        for _ in range(64):
            await asyncio.sleep(0)
        return
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110  nothing tells that a loop has gone quiet
        await asyncio.sleep(0)
