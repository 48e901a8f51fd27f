"""For callers without a loop, or on another: a thread that owns one, and models that live on it.

Async is written once; sync code such as an RL trainer's reward function calls `run_sync`. Safe from
any thread; after a fork the child gets a loop of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from parrot.core.asks import Ask, Reply
from parrot.core.interfaces import ChatModel, Profile

R = TypeVar("R")


class BackgroundLoop:
    """An event loop on a daemon thread, started with its first use."""

    def __init__(self, name: str = "parrot-loop") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running; another one in a forked child, where threads do not follow."""
        if self._pid != os.getpid():
            # The parent's thread may have held the lock when the child was made.
            self._lock, self._loop, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """What the coroutine returns or raises; blocks the caller, never the loop's own thread."""
        loop = self.loop
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("run() blocks, so the loop's own thread must await instead")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancels what runs on the loop and ends its thread; the next use starts another."""
        with self._lock:  # both, since whoever comes meanwhile starts another
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


_shared = BackgroundLoop()


def run_sync(work: Coroutine[Any, Any, R]) -> R:
    """Runs a coroutine on the process's shared background loop and returns what it returns."""
    return _shared.run(work)


class _Bridged:
    def __init__(self, model: ChatModel, home: BackgroundLoop) -> None:
        self._model, self._home = model, home

    @property
    def id(self) -> str:
        return self._model.id

    @property
    def profile(self) -> Profile:
        return self._model.profile

    async def reply(self, ask: Ask, /) -> Reply:
        return await self._at_home(self._model.reply(ask))

    async def aclose(self) -> None:
        await self._at_home(self._model.aclose())

    async def _at_home(self, work: Coroutine[Any, Any, R]) -> R:
        loop = self._home.loop
        if asyncio.get_running_loop() is loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


def bridged(model: ChatModel, home: BackgroundLoop | None = None) -> ChatModel:
    """A model that lives on one background loop and can be asked from any loop.

    home: the process's shared loop where none is given.
    """
    return _Bridged(model, home or _shared)
