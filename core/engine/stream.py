"""One stream of jobs with their answers, in input order, through a window of bounded size.

The window is fed in chunks. It is stretched while the model would have nothing to do because the
first job waits to be tried again; by how much is bounded by the images that jobs carry as bytes.
While everything is found in the store a chunk is fetched only when the consumer waits for it, so
that the store's thread and the loop never fight for the interpreter; once something must be asked,
the window is kept full.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

from attrs import field, frozen

from parrot.core.asks import Ask, Failed, FailureKind, Reply
from parrot.core.engine.calls import Calls, Queue
from parrot.core.engine.events import Joined
from parrot.core.engine.run import Run
from parrot.core.engine.sources import Source
from parrot.core.interfaces import Key, Record, Store
from parrot.core.keys import answers, key_of

T = TypeVar("T")
FIRST_CHUNK: Final = 16
CHUNK: Final = 256
STRETCH: Final = 8  # so many windows at most
STRETCH_BYTES: Final = 256 * 2**20  # of images, beyond one window
WEIGHED: Final = 8  # jobs of a chunk whose images are weighed

Outcome = Reply | Failed
Done = tuple[T, tuple[Outcome, ...]]


@frozen(slots=True)
class Job(Generic[T]):
    """One subject and what must be asked about it, possibly nothing."""

    subject: T
    asks: tuple[Ask, ...] = field(default=())


class Slot(Generic[T]):
    """A job in the window that still lacks answers."""

    __slots__ = ("_stream", "left", "replies", "subject")

    def __init__(self, stream: Stream[T], subject: T, replies: list[Outcome | None]) -> None:
        self._stream, self.subject, self.replies = stream, subject, replies
        self.left = replies.count(None)

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def settle(self, index: int, outcome: Outcome, /) -> None:
        self.replies[index] = outcome
        self.left -= 1
        if not self.left:
            self._stream.filled(self)

    def done(self) -> Done[T]:
        return self.subject, tuple(reply for reply in self.replies if reply is not None)


Missing = tuple[Slot[T], int, Key, Ask, FailureKind | None]


class Stream(Generic[T]):
    """Jobs in, answers out. Iterated once."""

    def __init__(self, run: Run, calls: Calls, source: Source[Job[T]], *, window: int) -> None:
        self._run, self._calls, self._source, self._size = run, calls, source, window
        self._window: deque[Done[T] | Slot[T]] = deque()
        self._queue: Queue = deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._exhausted = False
        self._error: BaseException | None = None
        self._weight = 0.0  # bytes of images that a job of the last chunk carries
        self._ahead = True  # the last chunk had something to ask: keep the window full
        self._waiting = False  # the consumer is
        self.closed = False

    async def answers(self) -> AsyncIterator[Done[T]]:
        """Each job with its answers. At the end all is committed; raises what ended the run."""
        feeder = asyncio.get_running_loop().create_task(self._feed())
        feeder.add_done_callback(self._fed)

        def ended() -> None:
            feeder.cancel()
            self._news.set()

        forget = self._run.when_ended(ended)
        self._calls.idle[self] = self._room.set
        window = self._window
        try:
            while True:
                while window:
                    head = window[0]
                    if type(head) is not tuple:
                        assert isinstance(head, Slot)
                        if head.left:
                            break
                        head = head.done()
                    window.popleft()
                    if self._ahead and len(window) <= self._size - self._step:
                        self._room.set()
                    yield head
                if self._exhausted and not window:
                    break
                if self._run.ended and self._run.ending is not None:
                    raise self._run.ending
                await self._wait()
            await self._close_in_order()
        finally:
            forget()
            await self._aclose(feeder)

    def filled(self, slot: Slot[T]) -> None:
        """A slot has all its answers."""
        if self._window and self._window[0] is slot:
            self._news.set()

    @property
    def _step(self) -> int:
        return min(CHUNK, max(1, self._size // 4))

    async def _wait(self) -> None:
        self._news.clear()
        self._waiting = True
        self._room.set()
        await self._news.wait()
        self._waiting = False

    async def _close_in_order(self) -> None:
        await self._run.shelf.drained()
        if self._run.lost is not None:
            raise self._run.lost
        if self._error is not None:
            raise self._error

    async def _aclose(self, feeder: asyncio.Task[None]) -> None:
        self.closed = True
        self._calls.idle.pop(self, None)
        feeder.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeder
        await self._source.aclose()
        self._window.clear()

    async def _feed(self) -> None:
        most = FIRST_CHUNK
        try:
            while not self._run.ending:
                await self._has_room()
                jobs = await self._take(min(most, self._most - len(self._window)))
                if not jobs:
                    break
                await self._fill(jobs)
                most = min(2 * most, CHUNK)
        except Exception as error:  # noqa: BLE001  the store's and our own: ends the run for everyone
            self._run.end(error, drain_seconds=0.0)

    def _fed(self, feeder: asyncio.Task[None]) -> None:
        """What no handler took, a source that cancels itself or worse, must not leave us waiting."""
        if self.closed or self._exhausted or self._run.ended:
            return
        error = None if feeder.cancelled() else feeder.exception()
        self._run.end(error or RuntimeError("the source of jobs was cancelled"), drain_seconds=0.0)

    async def _take(self, most: int) -> Sequence[Job[T]]:
        try:
            jobs = await self._source.take(most)
        except Exception as error:  # noqa: BLE001  the source's own: raised in its place
            self._error, jobs = error, ()
        if not jobs:
            self._exhausted = True
            self._news.set()
        return jobs

    async def _has_room(self) -> None:
        while not (self._ahead or self._waiting) or len(self._window) > self._most - self._step:
            self._room.clear()
            await self._room.wait()

    @property
    def _most(self) -> int:
        """How many jobs the window may hold just now."""
        head = self._window[0] if self._window else None
        if not isinstance(head, Slot) or not head.left or not self._calls.is_idle:
            return self._size
        extra = STRETCH_BYTES / self._weight if self._weight else STRETCH * self._size
        return self._size + int(min(extra, (STRETCH - 1) * self._size))

    async def _fill(self, jobs: Sequence[Job[T]]) -> None:
        entries, missing, found = await self._run.shelf.run(
            partial(look_up, jobs=jobs, model=self._calls.model_id, stream=self)
        )
        if found:
            self._run.found(found)
        self._window.extend(entries)
        self._news.set()
        self._ahead = bool(missing)
        self._weight = weight(jobs)
        joined = 0
        for slot, index, key, ask, before in missing:
            joined += not self._calls.want(
                self._queue, key, ask, waiter=slot, index=index, before=before
            )
        if joined:
            self._run.emit(Joined(self._run.clock.now(), joined))
        self._calls.pump()


def weight(jobs: Sequence[Job[T]]) -> float:
    """Bytes of images that each of the jobs carries; measured on a few."""
    images = {i for job in jobs[:WEIGHED] for ask in job.asks for i in ask.images}
    held = sum(len(image.source) for image in images if isinstance(image.source, bytes))
    return held / max(1, len(jobs[:WEIGHED]))


def look_up(
    store: Store | None, *, jobs: Sequence[Job[T]], model: str, stream: Stream[T]
) -> tuple[list[Done[T] | Slot[T]], list[Missing[T]], int]:
    """Window entries for jobs, what is missing, and how many answers were found; on any thread."""
    keyed = [[key_of(ask, model) for ask in job.asks] for job in jobs]
    records = store.get([key for keys in keyed for key in keys]) if store is not None else {}
    entries: list[Done[T] | Slot[T]] = []
    missing: list[Missing[T]] = []
    found = 0
    for job, keys in zip(jobs, keyed, strict=True):
        replies = [_found(records, key, ask) for key, ask in zip(keys, job.asks, strict=True)]
        if None not in replies:
            found += len(replies)
            entries.append((job.subject, tuple(replies)))  # type: ignore[arg-type]
            continue
        slot = Slot(stream, job.subject, replies)
        found += len(replies) - slot.left
        entries.append(slot)
        missing += [
            (slot, index, keys[index], job.asks[index], _failure(records.get(keys[index])))
            for index, reply in enumerate(replies)
            if reply is None
        ]
    return entries, missing, found


def _found(records: Mapping[Key, Record], key: Key, ask: Ask) -> Outcome | None:
    record = records.get(key)
    return record.outcome if record is not None and answers(record, ask) else None


def _failure(record: Record | None) -> FailureKind | None:
    outcome = None if record is None else record.outcome
    return outcome.kind if isinstance(outcome, Failed) else None
