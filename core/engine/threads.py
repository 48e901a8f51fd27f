"""A thread of one's own: what must stay on one thread is handed to it and awaited.

Knows nothing of stores or models. Results come back in the order in which the work went in, also
across tasks of one loop: what was asked for first is seen first.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

R = TypeVar("R")
_Task = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class OwnThread:
    """Runs what it is handed, one after another. Starts with the first work; a daemon."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], R]) -> asyncio.Future[R]:
        """A future of the running loop with what `work` returns or raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name=self._name, daemon=True)
            self._thread.start()
        self._work.put((work, loop, future))
        return future

    def close(self, *, wait: bool = True) -> None:
        """Ends the thread after the work already handed in; `wait` blocks until it has ended."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._work.put(None)
        if wait:
            thread.join()

    def _main(self) -> None:
        while (task := self._work.get()) is not None:
            work, loop, future = task
            try:
                value, error = work(), None
            except BaseException as caught:  # noqa: BLE001  whatever it is, the waiter gets it
                value, error = None, caught
            try:
                loop.call_soon_threadsafe(_settle, future, value, error)
            except RuntimeError:
                continue  # the loop is closed: nobody waits any more


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError("StopIteration left a thread's work"))
    else:
        future.set_exception(error)
