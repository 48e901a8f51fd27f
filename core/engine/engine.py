"""The engine: asks a model, as fast as it will take it, what is not in the store yet.

It knows no prompts, filters or files. It never raises on account of one ask: the answer to that is
`Failed`. What ends a run comes out as one exception, after everything answered is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from copy import copy
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

from parrot.core.asks import Ask, Failed, Reply
from parrot.core.engine.budget import Budget, Stop
from parrot.core.engine.calls import Calls, Queue
from parrot.core.engine.clock import SystemClock
from parrot.core.engine.events import Observer
from parrot.core.engine.limits import Limits
from parrot.core.engine.retry import RetryPolicy
from parrot.core.engine.run import DRAIN_SECONDS, Run
from parrot.core.engine.sources import source_of
from parrot.core.engine.stream import Job, Stream
from parrot.core.errors import ConfigError, StopReason
from parrot.core.interfaces import ChatModel, Clock, Key, Store
from parrot.core.keys import answers, key_of

T = TypeVar("T")
MAX_CONCURRENCY: Final = 64
WINDOW: Final = 1024


class Engine:
    """Asks one model, keeps every reply, and never asks for what it has.

    max_concurrency: asks in flight at most; the gate finds how many of them the server takes.
    window: jobs of one stream that may be under way or waiting for an earlier one. The engine opens
    and closes neither model nor store. Open it with `async with`; on leaving, what is in flight is
    waited for (not after an error) and everything answered is committed.
    """

    def __init__(
        self,
        model: ChatModel,
        store: Store | None = None,
        *,
        clock: Clock | None = None,
        max_concurrency: int = MAX_CONCURRENCY,
        window: int | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  frozen
        budget: Budget = Budget(),  # noqa: B008  frozen
        limits: Limits = Limits(),  # noqa: B008  frozen
        observers: Sequence[Observer] = (),
    ) -> None:
        if max_concurrency < 1 or (window is not None and window < 1):
            raise ConfigError("max_concurrency and window must be at least 1")
        self._retry, self._limits = retry, limits
        self._window = window or max(WINDOW, 8 * max_concurrency)
        self._run = Run(store, clock or SystemClock(), budget, observers)
        self._calls = self._calls_to(model, max_concurrency)
        self._asked: Queue = Queue()
        self._max_concurrency = max_concurrency

    @property
    def model_id(self) -> str:
        """The id of the model it asks."""
        return self._calls.model_id

    def beside(self, model: ChatModel, *, max_concurrency: int | None = None) -> Self:
        """An engine for another model in the same run: one store, budget and end, its own gate.

        It is open for as long as this one and is not opened or closed itself.
        """
        other = copy(self)
        other._max_concurrency = max_concurrency or self._max_concurrency
        other._calls = other._calls_to(model, other._max_concurrency)
        other._asked = Queue()
        return other

    async def __aenter__(self) -> Self:
        self._run.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = DRAIN_SECONDS if error is None else 0.0
        closing = asyncio.ensure_future(self._run.aclose(drain_seconds=seconds))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            self._run.hurry()
            await closing
            raise
        if error is None and self._run.lost is not None:
            raise self._run.lost

    def answered(
        self, jobs: Iterable[Job[T]] | AsyncIterable[Job[T]]
    ) -> AsyncIterator[tuple[T, tuple[Reply | Failed, ...]]]:
        """Each job with its answers, one an ask and in order, the jobs in input order.

        Several streams may run at once, also one fed by another. Memory is bounded by the window. A
        plain iterable is pulled on a thread of its own; its errors, and an async one's, come in
        their place. Raises RunStopped (budget, failures, access, interruption), StoreError, or what
        is not the model's to raise; everything answered before is stored by then.
        """
        self._run.check_open()
        source = source_of(jobs, self._run.clock)
        return Stream(self._run, self._calls, source, window=self._window).answers()

    async def ask(self, ask: Ask) -> Reply | Failed:
        """The answer to one ask, from the store or the model; raises as `answered` does."""
        self._run.check_open()
        key = key_of(ask, self._calls.model_id)
        stored = await self._run.shelf.run(partial(_stored, key=key, ask=ask))
        if stored is not None:
            self._run.found(1)
            return stored
        self._run.check_open()
        single = _Single()
        forget = self._run.when_ended(lambda: single.fail(self._run.ending))
        try:
            self._calls.want(self._asked, key, ask, waiter=single)
            self._calls.pump()
            return await single.future
        finally:
            forget()

    def stop(self, detail: str = "interrupted") -> None:
        """Ends the run: nothing new is sent, what is in flight is waited for up to 30 s, all is
        committed, and every stream raises RunStopped. A second call waits no longer.

        To be called on the engine's loop.
        """
        self._run.stop(Stop(StopReason.INTERRUPTED, detail))

    def _calls_to(self, model: ChatModel, max_concurrency: int) -> Calls:
        calls = Calls(
            model,
            self._run,
            max_concurrency=max_concurrency,
            retry=self._retry,
            limits=self._limits,
        )
        self._run.workers.append(calls)
        return calls


class _Single:
    """One who waits for one answer."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Reply | Failed] = asyncio.get_running_loop().create_future()

    @property
    def closed(self) -> bool:
        return self.future.done()

    def settle(self, index: int, outcome: Reply | Failed, /) -> None:
        del index
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: BaseException | None) -> None:
        if error is not None and not self.future.done():
            self.future.set_exception(error)


def _stored(store: Store | None, *, key: Key, ask: Ask) -> Reply | Failed | None:
    record = store.get((key,)).get(key) if store is not None else None
    return record.outcome if record is not None and answers(record, ask) else None
