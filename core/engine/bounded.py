"""A store of bounded size in memory, before another that is only read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping

from parrot.core.asks import Finish, Reply
from parrot.core.engine.memory import supersedes
from parrot.core.errors import ConfigError
from parrot.core.interfaces import Key, Record, Store


class BoundedStore:
    """A `Store` that keeps the `most` records used last and forgets the others.

    behind: looked into for what is not here, never written: many processes may share it.
    """

    def __init__(self, most: int, behind: Store | None = None) -> None:
        if most < 1:
            raise ConfigError("a bounded store keeps at least one record")
        self._most, self._behind = most, behind
        self._records: dict[Key, Record] = {}
        self._used: OrderedDict[Key, None] = OrderedDict()  # least used first

    def __len__(self) -> int:
        return len(self._records)

    def have(self, keys: Collection[Key], /) -> set[Key]:
        """Those of the keys under which a reply is stored."""
        return {key for key, one in self.get(keys).items() if isinstance(one.outcome, Reply)}

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        """The stored records of those keys that have one; they count as used."""
        found = {key: self._records[key] for key in keys if key in self._records}
        for key in found:
            self._used.move_to_end(key)
        lacking = [key for key in keys if key not in found or not _whole(found[key])]
        if lacking and self._behind is not None:
            better = self._behind.get(lacking).items()
            found |= {k: r for k, r in better if k not in found or supersedes(r, found[k])}
        return found

    def put(self, records: Iterable[Record], /) -> None:
        """The better record of a key stays; the least used go."""
        for record in tuple(records):
            old = self._records.get(record.key)
            if old is None or supersedes(record, old):
                self._records[record.key] = record
            self._used[record.key] = None
            self._used.move_to_end(record.key)
        while len(self._records) > self._most:
            del self._records[self._used.popitem(last=False)[0]]

    def scan(self) -> Iterator[Record]:
        """What is here in the order in which its key came; not what lies behind."""
        yield from tuple(self._records.values())


def _whole(record: Record) -> bool:
    return isinstance(record.outcome, Reply) and record.outcome.finish is Finish.END
