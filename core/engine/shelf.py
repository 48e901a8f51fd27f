"""The store as the engine uses it: every call on one thread, records written in batches.

Look-ups and writes go through the same thread in the order in which they were asked for, so a
look-up either sees a record or comes back before that record's commit is told of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from parrot.core.engine.threads import OwnThread
from parrot.core.interfaces import Clock, Record, Store

R = TypeVar("R")

ROWS: Final = 256
SECONDS: Final = 0.25


class Shelf:
    """Batches of at most `ROWS` records or `SECONDS` seconds. Without a store nothing is kept."""

    def __init__(
        self,
        store: Store | None,
        clock: Clock,
        *,
        on_commit: Callable[[Sequence[Record]], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._store, self._clock = store, clock
        self._on_commit, self._on_error = on_commit, on_error
        self._thread = OwnThread("parrot-store")
        self._rows: list[Record] = []
        self._timer: asyncio.Task[None] | None = None
        self._broken = False
        self.pending = 0  # records handed in and not yet committed

    @property
    def keeps(self) -> bool:
        """Whether there is a store at all."""
        return self._store is not None

    def keep(self, record: Record) -> None:
        """Takes a record for the next batch."""
        self._rows.append(record)
        self.pending += 1
        if len(self._rows) >= ROWS:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().create_task(self._flush_later())

    def run(self, work: Callable[[Store | None], R]) -> asyncio.Future[R]:
        """Runs `work` with the store on the store's thread; at once where there is no store."""
        if self._store is None:
            done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            done.set_result(work(None))
            return done
        return self._thread.run(partial(work, self._store))

    async def drained(self) -> None:
        """Returns when all that was kept is committed, or told to `on_error`."""
        self._flush()
        if self.pending and not self._broken:
            await self.run(_nothing)

    async def aclose(self) -> None:
        """Commits what is left and ends the thread; the store stays open."""
        try:
            await self.drained()
        finally:
            self._stop_timer()
            self._thread.close()

    async def _flush_later(self) -> None:
        await self._clock.sleep(SECONDS)
        self._timer = None
        self._flush()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._stop_timer()
        rows, self._rows = self._rows, []
        if rows and not self._broken:
            self.run(partial(_put, rows)).add_done_callback(partial(self._put_done, rows))

    def _put_done(self, rows: Sequence[Record], future: asyncio.Future[None]) -> None:
        error = future.exception()
        if error is not None:
            self._broken = True
            self._on_error(error)
            return
        self.pending -= len(rows)
        self._on_commit(rows)


def _put(rows: Sequence[Record], store: Store | None) -> None:
    if store is not None:
        store.put(rows)


def _nothing(_: Store | None) -> None:
    return None
