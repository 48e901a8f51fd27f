"""Work that waits together is done together: many items, one call, one thread of its own.

Knows nothing of models. The first of the items that wait when the thread is free waits at most
`max_wait` seconds for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from parrot.core.asks import Failed, FailureKind
from parrot.core.engine.threads import OwnThread
from parrot.core.errors import (
    AccessError,
    ConfigError,
    ImageError,
    ParrotError,
    RefusedError,
    RejectedError,
    ThrottledError,
    TimedOutError,
    TransientError,
)
from parrot.core.interfaces import Clock

A = TypeVar("A")
B = TypeVar("B")
_ERRORS: dict[FailureKind, type[ParrotError]] = {
    FailureKind.THROTTLED: ThrottledError,
    FailureKind.TRANSIENT: TransientError,
    FailureKind.TIMEOUT: TimedOutError,
    FailureKind.REFUSED: RefusedError,
    FailureKind.ACCESS: AccessError,
    FailureKind.IMAGE: ImageError,
}


def error_of(failed: Failed) -> ParrotError:
    """The error that stands for a failure; RejectedError where no other does."""
    return _ERRORS.get(failed.kind, RejectedError)(failed.detail)


class Together(Generic[A, B]):
    """One item in, its own result out. Lives on the loop of its first item.

    work: all results, one an item and in order. end: called on the same thread when it closes.
    name: what is closed, for the message to whoever comes after.
    """

    def __init__(
        self,
        work: Callable[[Sequence[A]], Sequence[B | Failed]],
        end: Callable[[], None],
        *,
        name: str,
        max_batch: int,
        max_wait: float,
        clock: Clock,
    ) -> None:
        if max_batch < 1 or max_wait < 0.0:
            raise ConfigError("max_batch is at least 1 and max_wait at least 0")
        self._do, self._end, self._name = work, end, name
        self._max_batch, self._max_wait, self._clock = max_batch, max_wait, clock
        self._thread = OwnThread("parrot-batches")
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._full = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def one(self, item: A) -> B:
        """The result of one item. Raises the error that its failure stands for."""
        if self._closed:
            raise RejectedError(f"{self._name} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[B] = loop.create_future()
        self._waiting.append((item, future))
        if len(self._waiting) >= self._max_batch:
            self._full.set()
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await future

    async def aclose(self) -> None:
        """Waits for the batch on the thread, refuses the rest, and ends there."""
        if self._closed:
            return
        self._closed = True
        self._refuse()
        if self._worker is not None:
            self._full.set()
            await self._worker
        await self._thread.run(self._end)
        self._thread.close()

    async def _work(self) -> None:
        while self._waiting:
            await self._gather()
            batch = [one for one in self._waiting[: self._max_batch] if not one[1].done()]
            del self._waiting[: self._max_batch]
            if batch:
                await self._done(batch)

    async def _gather(self) -> None:
        if len(self._waiting) >= self._max_batch or self._closed:
            return
        self._full.clear()
        full = asyncio.ensure_future(self._full.wait())
        waited = asyncio.ensure_future(self._clock.sleep(self._max_wait))
        await asyncio.wait((full, waited), return_when=asyncio.FIRST_COMPLETED)
        full.cancel()
        waited.cancel()

    async def _done(self, batch: Sequence[tuple[A, asyncio.Future[B]]]) -> None:
        items = [item for item, _ in batch]
        try:
            results = await self._thread.run(partial(self._do, items))
            pairs = list(zip(batch, results, strict=True))
        except BaseException as error:  # whatever it is, each of those who wait gets it
            said = error if isinstance(error, Exception) else RejectedError(repr(error))
            for _, future in batch:
                if not future.done():
                    future.set_exception(said)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        for (_, future), result in pairs:
            _hand_out(future, result)

    def _refuse(self) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(RejectedError(f"{self._name} is closed"))
        self._waiting.clear()


def _hand_out(future: asyncio.Future[B], result: B | Failed) -> None:
    if future.done():
        return
    if isinstance(result, Failed):
        future.set_exception(error_of(result))
    else:
        future.set_result(result)
