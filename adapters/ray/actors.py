"""What runs in an actor: one engine, one client, one store, and the files of what they bring."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from parrot.adapters.ray.parts import part_file, write_part
from parrot.core.engine.progress import Progress
from parrot.core.errors import (
    ConfigError,
    ParrotError,
    RecordError,
    RunStopped,
    StopReason,
    StoreBusyError,
    StoreError,
    StoreFullError,
)
from parrot.core.merging import Entry
from parrot.core.outcomes import PairOutcome
from parrot.core.sharding import Shard

TRIES: Final = 60
PAUSE: Final = 0.5  # seconds; a process that was killed lets go of its store a little later
_KINDS: Final = (StoreFullError, StoreBusyError, StoreError, RecordError, ConfigError)


@frozen(slots=True)
class Part:
    """What an actor owns: a shard of the input, and a folder for its store."""

    shard: Shard
    folder: Path


@frozen(slots=True)
class Working:
    """An actor's engine, as long as it is open.

    outcomes: of rows as the driver sent them, one a row and in their order. entry: what a run
    writes of an outcome, told its place in the input. progress: so far, of this process.
    """

    outcomes: Callable[[Iterable[Any]], AsyncIterator[PairOutcome]]
    entry: Callable[[PairOutcome, int], Entry]
    progress: Callable[[], Progress]


Opened = Callable[[Part], AbstractAsyncContextManager[Working]]
"""Opens model, store and engine of a part. Picklable; it runs in the actor."""


@frozen(slots=True)
class Heard:
    """What an actor says of itself. process: a name of its own for each life of the actor."""

    process: str
    pid: int
    progress: Progress


@frozen(slots=True)
class Ended:
    """Why an actor did not bring what it was sent; errors travel as values."""

    kind: type[ParrotError]
    message: str
    reason: StopReason | None = None

    def error(self) -> ParrotError:
        """The error as the driver raises it."""
        return RunStopped(self.message, reason=self.reason) if self.reason else self._plain()

    def _plain(self) -> ParrotError:
        return self.kind(self.message)


class Worker:
    """The actor. Its calls run beside each other on one loop; it opens what it owns at the first."""

    def __init__(self, opened: Opened, part: Part, files: Path) -> None:
        self._opened, self._part, self._files = opened, part, files
        self._name = uuid.uuid4().hex
        self._stack, self._opening = AsyncExitStack(), asyncio.Lock()
        self._working: Working | None = None

    async def work(self, number: int, rows: Sequence[tuple[int, Any]]) -> Heard | Ended:
        """Asks about rows (place and row) and writes what came as the file of this number."""
        try:
            working = await self._open()
            entries = await _brought(working, rows)
            place = part_file(self._files, self._part.shard, number)
            await asyncio.to_thread(write_part, place, entries)
        except ParrotError as error:
            return _ended(error)
        return await self.heard()

    async def heard(self) -> Heard:
        """How far it is."""
        so_far = self._working.progress() if self._working else Progress()
        return Heard(self._name, os.getpid(), so_far)

    async def close(self) -> Ended | None:
        """Waits for what is in flight, stores it, and lets go of the store; what kept it from that."""
        try:
            await self._stack.aclose()
        except ParrotError as error:
            return _ended(error)
        return None

    async def _open(self) -> Working:
        async with self._opening:
            if self._working is None:
                self._working = await self._patiently()
            return self._working

    async def _patiently(self) -> Working:
        for _ in range(TRIES):
            try:
                return await self._stack.enter_async_context(self._opened(self._part))
            except StoreBusyError:
                await asyncio.sleep(PAUSE)
        return await self._stack.enter_async_context(self._opened(self._part))


async def _brought(working: Working, rows: Sequence[tuple[int, Any]]) -> list[Entry]:
    entries: list[Entry] = []
    async for outcome in working.outcomes(row for _, row in rows):
        entries.append(working.entry(outcome, rows[len(entries)][0]))
    return entries


def _ended(error: ParrotError) -> Ended:
    if isinstance(error, RunStopped):
        return Ended(RunStopped, str(error), error.reason)
    return Ended(next((k for k in _KINDS if isinstance(error, k)), ParrotError), str(error))
