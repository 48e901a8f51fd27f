"""A local model that answers in batches, made into a ChatModel: many asks, one call, one thread.

Knows nothing of gates or stores. Asks that are waiting when the thread is free go together; the
first of them waits at most `max_wait` seconds for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from parrot.core.asks import Ask, Failed, FailureKind, Reply
from parrot.core.engine.clock import SystemClock
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
from parrot.core.interfaces import BatchModel, ChatModel, Clock, Profile

_ERRORS: dict[FailureKind, type[ParrotError]] = {
    FailureKind.THROTTLED: ThrottledError,
    FailureKind.TRANSIENT: TransientError,
    FailureKind.TIMEOUT: TimedOutError,
    FailureKind.REFUSED: RefusedError,
    FailureKind.ACCESS: AccessError,
    FailureKind.IMAGE: ImageError,
}
_Asked = tuple[Ask, "asyncio.Future[Reply]"]


def error_of(failed: Failed) -> ParrotError:
    """The error that stands for a failure; RejectedError where no other does."""
    return _ERRORS.get(failed.kind, RejectedError)(failed.detail)


class _Batched:
    def __init__(self, model: BatchModel, *, max_batch: int, max_wait: float, clock: Clock) -> None:
        self._model, self._max_batch, self._max_wait = model, max_batch, max_wait
        self._clock = clock
        self._thread = OwnThread("parrot-batches")
        self._asked: list[_Asked] = []
        self._full = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def id(self) -> str:
        return self._model.id

    @property
    def profile(self) -> Profile:
        return self._model.profile

    async def reply(self, ask: Ask, /) -> Reply:
        """The reply to one ask. Raises the ModelError or ImageError that its failure stands for."""
        if self._closed:
            raise RejectedError(f"the model {self.id!r} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        self._asked.append((ask, future))
        if len(self._asked) >= self._max_batch:
            self._full.set()
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await future

    async def aclose(self) -> None:
        """Waits for the batch on the thread, refuses the rest, and closes the model there."""
        if self._closed:
            return
        self._closed = True
        self._refuse()
        if self._worker is not None:
            self._full.set()
            await self._worker
        await self._thread.run(self._model.close)
        self._thread.close()

    async def _work(self) -> None:
        while self._asked:
            await self._gather()
            batch = [one for one in self._asked[: self._max_batch] if not one[1].done()]
            del self._asked[: self._max_batch]
            if batch:
                await self._answer(batch)

    async def _gather(self) -> None:
        if len(self._asked) >= self._max_batch or self._closed:
            return
        self._full.clear()
        full = asyncio.ensure_future(self._full.wait())
        waited = asyncio.ensure_future(self._clock.sleep(self._max_wait))
        await asyncio.wait((full, waited), return_when=asyncio.FIRST_COMPLETED)
        full.cancel()
        waited.cancel()

    async def _answer(self, batch: Sequence[_Asked]) -> None:
        asks = [ask for ask, _ in batch]
        try:
            answers = await self._thread.run(partial(self._model.reply_batch, asks))
            pairs = list(zip(batch, answers, strict=True))
        except Exception as error:  # noqa: BLE001  whatever it is, each of the askers gets it
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in pairs:
            _hand_out(future, answer)

    def _refuse(self) -> None:
        for _, future in self._asked:
            if not future.done():
                future.set_exception(RejectedError(f"the model {self.id!r} is closed"))
        self._asked.clear()


def _hand_out(future: asyncio.Future[Reply], answer: Reply | Failed) -> None:
    if future.done():
        return
    if isinstance(answer, Failed):
        future.set_exception(error_of(answer))
    else:
        future.set_result(answer)


def batched(
    model: BatchModel,
    *,
    max_batch: int = 16,
    max_wait: float = 0.005,
    clock: Clock | None = None,
) -> ChatModel:
    """The batch model as a ChatModel that lives on the loop of its first ask.

    max_batch: asks in one batch at most. max_wait: seconds an ask waits for company. `reply_batch`
    and `close` run on one thread of the batcher's own. Closing it closes the model.
    """
    if max_batch < 1 or max_wait < 0.0:
        raise ConfigError("max_batch is at least 1 and max_wait at least 0")
    return _Batched(model, max_batch=max_batch, max_wait=max_wait, clock=clock or SystemClock())
