"""Deliberately wrong stores, each with one fault, over a sound one: what `check_store` must catch."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import evolve

from parrot.core.asks import Failed, Reply
from parrot.core.engine.memory import MemoryStore
from parrot.core.interfaces import Key, Record, Store


class FileStore:
    """A sound store: every put rewrites one file. Slow, plain, and the base of the wrong ones."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "records.pickle"
        self._memory = MemoryStore()
        self._load()

    def _load(self) -> None:
        if self._file.exists():
            # The file is the suite's own, in a folder it has just made.
            self._memory.put(pickle.loads(self._file.read_bytes()))  # noqa: S301

    def _save(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(pickle.dumps(list(self._memory.scan())))
        fresh.replace(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._save()

    def have(self, keys: Collection[Key], /) -> set[Key]:
        return self._memory.have(keys)

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        return self._memory.get(keys)

    def put(self, records: Iterable[Record], /) -> None:
        self._memory.put(records)
        self._save()

    def scan(self) -> Iterator[Record]:
        return self._memory.scan()


class ForgetsWhenClosed(FileStore):
    """What was put is gone when it is opened again."""

    def _load(self) -> None:
        return None


class KeepsForLater(FileStore):
    """Writes when it is closed, so that a kill loses everything."""

    def put(self, records: Iterable[Record], /) -> None:
        self._memory.put(records)


class WritesHalf(FileStore):
    """Records are kept one by one: a put that breaks off leaves its first ones behind."""

    def put(self, records: Iterable[Record], /) -> None:
        for record in records:
            super().put([record])


class LastWins(FileStore):
    """A failure or a cut reply takes the place of a whole one."""

    def put(self, records: Iterable[Record], /) -> None:
        held = {record.key: record for record in self._memory.scan()}
        held |= {record.key: record for record in tuple(records)}
        self._memory = MemoryStore()
        self._memory.put(held.values())
        self._save()


class FirstWins(FileStore):
    """A better reply never takes the place of a cut one."""

    def put(self, records: Iterable[Record], /) -> None:
        given = tuple(records)
        there = self.get([record.key for record in given])
        super().put([record for record in given if record.key not in there])


class CountsFailures(FileStore):
    """Says that it has what only failed."""

    def have(self, keys: Collection[Key], /) -> set[Key]:
        return set(self.get(keys))


class HidesFailures(FileStore):
    """get() tells of replies alone."""

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        found = super().get(keys)
        return {k: r for k, r in found.items() if not isinstance(r.outcome, Failed)}


class InventsRecords(FileStore):
    """get() has a None for what is not there."""

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        found = super().get(keys)
        return {key: found.get(key) for key in keys}  # type: ignore[misc]


class DropsLogprobs(FileStore):
    """Log-probabilities do not survive."""

    def put(self, records: Iterable[Record], /) -> None:
        super().put([_plain(record) for record in tuple(records)])


def _plain(record: Record) -> Record:
    if isinstance(record.outcome, Reply):
        return evolve(record, outcome=evolve(record.outcome, logprobs=None))
    return record


class CutsTexts(FileStore):
    """Texts end at the first character outside Latin-1."""

    def put(self, records: Iterable[Record], /) -> None:
        super().put([_cut(record) for record in tuple(records)])


def _cut(record: Record) -> Record:
    if not isinstance(record.outcome, Reply):
        return record
    text = record.outcome.text
    end = next((n for n, c in enumerate(text) if ord(c) > 255), len(text))
    return evolve(record, outcome=evolve(record.outcome, text=text[:end]))


class RoundsTimes(FileStore):
    """Latencies are kept in whole seconds."""

    def put(self, records: Iterable[Record], /) -> None:
        super().put([evolve(r, latency=float(int(r.latency))) for r in tuple(records)])


class SortsByKey(FileStore):
    """scan() goes by key, not by age."""

    def scan(self) -> Iterator[Record]:
        return iter(sorted(self._memory.scan(), key=lambda record: record.key))


class SwallowsErrors(FileStore):
    """put() hides that its records broke off."""

    def put(self, records: Iterable[Record], /) -> None:
        try:
            super().put(records)
        except Exception:  # noqa: BLE001  its fault
            return


STORES: tuple[Callable[[Path], Store], ...] = (
    ForgetsWhenClosed,
    KeepsForLater,
    WritesHalf,
    LastWins,
    FirstWins,
    CountsFailures,
    HidesFailures,
    InventsRecords,
    DropsLogprobs,
    CutsTexts,
    RoundsTimes,
    SortsByKey,
    SwallowsErrors,
)
