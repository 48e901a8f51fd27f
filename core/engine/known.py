"""A store before others that are only read: what other runs were answered is not asked again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from parrot.core.asks import Reply
from parrot.core.engine.memory import supersedes
from parrot.core.interfaces import Key, Record, Store


class WithKnown:
    """A store that copies from others what is asked of it and they have better.

    It closes none of them: they are opened and closed by who gives them.
    """

    def __init__(self, own: Store, others: Sequence[Store]) -> None:
        self._own, self._others = own, tuple(others)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def have(self, keys: Collection[Key], /) -> set[Key]:
        """Those of the keys under which a reply is stored, here or there."""
        return {key for key, one in self.get(keys).items() if isinstance(one.outcome, Reply)}

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        """The best records of those keys that have one; what comes from elsewhere is kept."""
        wanted = set(keys)
        found = dict(self._own.get(wanted))
        new: dict[Key, Record] = {}
        for other in self._others:
            for key, record in other.get(wanted).items():
                if isinstance(record.outcome, Reply) and _better(record, found.get(key)):
                    found[key] = new[key] = record
        if new:
            self._own.put(new.values())
        return found

    def put(self, records: Iterable[Record], /) -> None:
        """All or nothing, into the store itself."""
        self._own.put(records)

    def scan(self) -> Iterator[Record]:
        """What the store itself holds."""
        return self._own.scan()


def _better(new: Record, old: Record | None) -> bool:
    return old is None or (supersedes(new, old) and not supersedes(old, new))
