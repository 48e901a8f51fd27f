"""Where jobs come from, a chunk at a time: any iterable on a thread of its own, or an async one.

A chunk is what is ready, never waited for to be full. An error of the source comes in its place,
after the items before it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from parrot.core.engine.threads import OwnThread
from parrot.core.interfaces import Clock

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PATIENCE: Final = 0.02  # seconds after which a slow iterable's chunk goes off as it is


class Source(Protocol[T_co]):
    """Items in order."""

    async def take(self, most: int, /) -> Sequence[T_co]:
        """From 1 to `most` items as soon as there are any; none at the end."""
        ...

    async def aclose(self) -> None: ...


def source_of(items: Iterable[T] | AsyncIterable[T], clock: Clock) -> Source[T]:
    """A source over what the caller gave. Raises TypeError where it cannot be iterated."""
    if isinstance(items, AsyncIterable):
        return _AsyncSource(items)
    if isinstance(items, list | tuple):
        return _Listed(items)
    if not isinstance(items, Iterable):
        raise TypeError(f"jobs come from an iterable, not {type(items).__name__!r}")
    return _Pulled(items, clock)


class _Listed(Generic[T]):
    def __init__(self, items: Sequence[T]) -> None:
        self._items, self._at = items, 0

    async def take(self, most: int, /) -> Sequence[T]:
        chunk = self._items[self._at : self._at + most]
        self._at += len(chunk)
        return chunk

    async def aclose(self) -> None:
        self._items = ()


class _Pulled(Generic[T]):
    """A plain iterator may read files, so it runs on its own thread, always the same one."""

    def __init__(self, items: Iterable[T], clock: Clock) -> None:
        self._items, self._clock = items, clock
        self._iterator: Iterator[T] | None = None
        self._thread = OwnThread("parrot-source")
        self._error: BaseException | None = None

    async def take(self, most: int, /) -> Sequence[T]:
        if self._error is None:
            chunk, self._error = await self._thread.run(partial(self._pull, most))
            if chunk:
                return chunk
        if isinstance(self._error, StopIteration):
            return ()
        assert self._error is not None
        raise self._error

    def _pull(self, most: int) -> tuple[list[T], BaseException | None]:
        chunk: list[T] = []
        begun = self._clock.now()
        try:
            if self._iterator is None:
                self._iterator = iter(self._items)
            while len(chunk) < most and (not chunk or self._clock.now() - begun < PATIENCE):
                chunk.append(next(self._iterator))
        except BaseException as error:  # noqa: BLE001  StopIteration or the source's own, raised later
            return chunk, error
        return chunk, None

    async def aclose(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            self._thread.run(close)
        self._thread.close(wait=False)  # it may be deep in a read that nobody can interrupt


class _AsyncSource(Generic[T]):
    """A task runs ahead of the taker, by at most one chunk."""

    def __init__(self, items: AsyncIterable[T]) -> None:
        self._items = items
        self._ready: deque[T] = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._most = 1
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def take(self, most: int, /) -> Sequence[T]:
        self._most = most
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._pump())
        while not self._ready and not self._ended:
            self._news.clear()
            self._room.set()
            await self._news.wait()
        chunk = [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
        self._room.set()
        if not chunk and self._error is not None:
            raise self._error
        return chunk

    async def _pump(self) -> None:
        iterator = aiter(self._items)
        try:
            async for item in iterator:
                self._ready.append(item)
                if len(self._ready) == 1:
                    self._news.set()
                while len(self._ready) >= self._most:
                    self._room.clear()
                    await self._room.wait()
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._ended = True
            self._news.set()
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
