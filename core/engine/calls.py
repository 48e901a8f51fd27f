"""The calls to one model: who waits for which, when each may leave, and what comes of it.

A call is one key on its way; equal asks join it. While a call waits to be tried again it holds no
slot. Runs wholly on the engine's loop; a task exists only for a try in flight or a wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from parrot.core.asks import Ask, Failed, FailureKind, Reply
from parrot.core.engine.budget import Stop
from parrot.core.engine.events import Answered, GaveUp, Limited, Retried, Sent
from parrot.core.engine.gate import Gate
from parrot.core.engine.limits import Limits, Pace
from parrot.core.engine.retry import GiveUp, RetryPolicy, Tries, kind_of
from parrot.core.engine.run import Run
from parrot.core.errors import (
    AccessError,
    ImageError,
    ModelError,
    StopReason,
    ThrottledError,
    TimedOutError,
)
from parrot.core.interfaces import ChatModel, Key, Record
from parrot.core.keys import answers

UNCOMMITTED_PER_SLOT: Final = 4
UNCOMMITTED_LEAST: Final = 1024
_PERMANENT: Final = (FailureKind.REJECTED, FailureKind.REFUSED, FailureKind.IMAGE)


class Waiter(Protocol):
    """Who wants the answer to an ask; `closed` once nobody does any more."""

    @property
    def closed(self) -> bool: ...

    def settle(self, index: int, outcome: Reply | Failed, /) -> None: ...


class Call:
    """One ask on its way, with all who wait for it: (waiter, index, their own ask)."""

    __slots__ = (
        "ask",
        "attempts",
        "before",
        "key",
        "queue",
        "record",
        "tries",
        "waiters",
    )

    def __init__(self, key: Key, ask: Ask, queue: deque[Call], before: FailureKind | None) -> None:
        self.key, self.ask, self.queue, self.before = key, ask, queue, before
        self.waiters: list[tuple[Waiter, int, Ask]] = []
        self.attempts = 0
        self.tries: Tries | None = None
        self.record: Record | None = None

    @property
    def wanted(self) -> bool:
        return any(not waiter.closed for waiter, _, _ in self.waiters)


Queue = deque[Call]


class Calls:
    """All calls to one model."""

    def __init__(
        self,
        model: ChatModel,
        run: Run,
        *,
        max_concurrency: int,
        retry: RetryPolicy,
        limits: Limits,
    ) -> None:
        self.model, self.model_id = model, model.id
        self.gate = Gate(max_concurrency)
        self._run, self._retry, self._pace = run, retry, Pace(limits)
        self._price = run.budget.price_of(self.model_id)
        self._calls: dict[Key, Call] = {}
        self._turns: deque[Queue] = deque()  # queues with calls in them, served in turn
        self._tries: set[asyncio.Task[None]] = set()
        self._waits: set[asyncio.Task[None]] = set()
        self._paused = False
        self.idle: dict[
            object, Callable[[], None]
        ] = {}  # whom to tell when nothing is left to send
        self._most_uncommitted = max(UNCOMMITTED_LEAST, UNCOMMITTED_PER_SLOT * max_concurrency)

    def want(
        self,
        queue: Queue,
        key: Key,
        ask: Ask,
        *,
        waiter: Waiter,
        index: int = 0,
        before: FailureKind | None = None,
    ) -> bool:
        """Brings the answer to a waiter; False where an equal ask was already on its way.

        before: how the ask failed in an earlier run, if it did.
        """
        call = self._calls.get(key)
        if call is not None and call.record is not None:
            if enough(call.record, ask):
                waiter.settle(index, call.record.outcome)
                return False
            call = None
        joined = call is not None
        if call is None:
            call = self._calls[key] = Call(key, ask, queue, before)
            self._enqueue(call)
        call.waiters.append((waiter, index, ask))
        return not joined

    def committed(self, records: Sequence[Record]) -> None:
        """Forgets calls whose answers are in the store by now."""
        for record in records:
            call = self._calls.get(record.key)
            if call is not None and call.record is record:
                del self._calls[record.key]
        self.pump()

    def pump(self) -> None:
        """Lets leave what may leave."""
        while self._turns and self.gate.free and not self._run.ending and not self._paused:
            if self._run.shelf.pending >= self._most_uncommitted:
                return  # goes on when the disk has caught up
            call = self._next()
            if call is None:
                return
            if not self._may_spend(call):
                return
            self._start(call)
        if self.is_idle:
            for tell in self.idle.values():
                tell()

    @property
    def is_idle(self) -> bool:
        """Whether a try could leave and there is none to leave."""
        return not self._turns and self.gate.free and not self._paused

    async def wind_down(self, seconds: float) -> None:
        """Waits so long for what is in flight, then cancels it; nothing new leaves."""
        for wait in self._waits:
            wait.cancel()
        if self._tries:
            limit = asyncio.ensure_future(self._run.clock.sleep(seconds))
            while self._tries and not limit.done():
                await asyncio.wait({*self._tries, limit}, return_when=asyncio.FIRST_COMPLETED)
            limit.cancel()
            self.cancel()
        leftover = {*self._tries, *self._waits}
        if leftover:
            await asyncio.wait(leftover)

    def cancel(self) -> None:
        """Cancels what is in flight."""
        for task in self._tries:
            task.cancel()

    def _enqueue(self, call: Call, *, first: bool = False) -> None:
        if not call.queue:
            self._turns.append(call.queue)
        if first:
            call.queue.appendleft(call)
        else:
            call.queue.append(call)

    def _next(self) -> Call | None:
        while self._turns:
            queue = self._turns.popleft()
            call = queue.popleft()
            if queue:
                self._turns.append(queue)
            if call.wanted:
                return call
            del self._calls[call.key]
        return None

    def _may_spend(self, call: Call) -> bool:
        now = self._run.clock.now()
        stop = self._run.overspent(now)
        if stop is not None:
            self._enqueue(call, first=True)
            self._run.stop(stop)
            return False
        wait = self._pace.wait(now)
        if wait > 0.0:
            self._enqueue(call, first=True)
            self._paused = True
            self._spawn(self._waits, self._resume_in(wait))
            return False
        return True

    async def _resume_in(self, seconds: float) -> None:
        await self._run.clock.sleep(seconds)
        self._paused = False
        self.pump()

    def _start(self, call: Call) -> None:
        if not call.attempts:
            call.tries = Tries(call.key, self._retry, self._run.clock.now())
            self._run.tally.asks += 1
        call.attempts += 1
        self.gate.enter()
        self._spawn(self._tries, self._try(call, self._pace.take()))

    def _spawn(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._look_for_bugs)

    def _look_for_bugs(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            error = task.exception()
        elif self._run.ending is None:
            error = RuntimeError(f"the model {self.model_id!r} cancelled a call by itself")
        else:
            error = None
        if error is not None:
            self._run.end(error, drain_seconds=0.0)

    async def _try(self, call: Call, reserved: float) -> None:
        began = self._run.clock.now()
        self._run.emit(Sent(began, self.model_id, call.key, call.attempts))
        outcome: Reply | ModelError | ImageError
        try:
            outcome = await self._reply(call.ask)
        except (ModelError, ImageError) as error:
            outcome = error
        except BaseException:
            self.gate.left()
            raise
        now = self._run.clock.now()
        self._tell_gate(now, outcome, first=call.attempts == 1)
        if isinstance(outcome, Reply):
            self._pace.settle(reserved, outcome.usage.prompt + outcome.usage.completion)
            self._answered(call, outcome, now, now - began)
        else:
            self._pace.settle(reserved, None)
            self._went_wrong(call, outcome, now)
        self.pump()

    async def _reply(self, ask: Ask) -> Reply:
        limit = asyncio.timeout(self._retry.attempt_seconds)
        try:
            async with limit:
                reply: object = await self.model.reply(ask)
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"no reply within {self._retry.attempt_seconds:g} s"
            raise TimedOutError(message) from None
        if not isinstance(reply, Reply):
            said = f"the model {self.model_id!r} gave {type(reply).__name__}, which is no Reply"
            raise TypeError(said)
        return reply

    def _tell_gate(self, now: float, outcome: object, *, first: bool) -> None:
        before = self.gate.limit
        if isinstance(outcome, Reply):
            self.gate.passed(now, first=first)
        elif isinstance(outcome, ThrottledError):
            self.gate.refused(now, retry_after=outcome.retry_after)
        else:
            self.gate.left()
        if self.gate.limit != before:
            self._run.emit(Limited(now, self.model_id, self.gate.limit))

    def _answered(self, call: Call, reply: Reply, now: float, latency: float) -> None:
        self._run.tally.spend(reply.usage, self._price)
        self._run.emit(
            Answered(
                now, self.model_id, call.key, reply.usage, reply.finish, call.attempts, latency
            )
        )
        self._finish(call, reply, now, latency)

    def _went_wrong(self, call: Call, error: ModelError | ImageError, now: float) -> None:
        if isinstance(error, ImageError):
            return self._give_up(call, FailureKind.IMAGE, str(error), now)
        assert call.tries is not None
        what = call.tries.after(error, now)
        if isinstance(what, GiveUp):
            if isinstance(error, AccessError):
                return self._run.stop(Stop(StopReason.ACCESS, str(error)))
            return self._give_up(call, what.kind, what.detail, now)
        if self._run.ending:
            return None
        self._run.emit(
            Retried(now, self.model_id, call.key, call.attempts, kind_of(error), what.seconds)
        )
        return self._spawn(self._waits, self._again_in(call, what.seconds))

    async def _again_in(self, call: Call, seconds: float) -> None:
        await self._run.clock.sleep(seconds)
        self._enqueue(call, first=True)
        self.pump()

    def _give_up(self, call: Call, kind: FailureKind, detail: str, now: float) -> None:
        self._run.emit(GaveUp(now, self.model_id, call.key, kind, detail, call.attempts))
        self._finish(call, Failed(kind, detail, call.attempts), now, 0.0)

    def _finish(self, call: Call, outcome: Reply | Failed, now: float, latency: float) -> None:
        match outcome:
            case Failed(kind, detail) if not _known(call.before, kind):
                self._run.note(detail)
            case _:
                self._run.note(None)
        record = call.record = Record(
            key=call.key,
            outcome=outcome,
            model=self.model_id,
            max_tokens=call.ask.sampling.max_tokens,
            until=call.ask.until.value,
            top_logprobs=call.ask.sampling.top_logprobs,
            attempts=call.attempts,
            latency=latency,
            at=now,
        )
        self._run.shelf.keep(record)
        waiters, call.waiters = call.waiters, []
        for waiter, index, ask in waiters:
            if ask is call.ask or enough(record, ask):
                waiter.settle(index, outcome)
            else:
                self.want(call.queue, call.key, ask, waiter=waiter, index=index)


def _known(before: FailureKind | None, now: FailureKind) -> bool:
    return before is now and now in _PERMANENT


def enough(record: Record, ask: Ask) -> bool:
    """Whether an outcome of this very run is one for the ask too; a failure is everyone's."""
    return isinstance(record.outcome, Failed) or answers(record, ask)
