"""Which of two records is worth more, and a store that keeps them in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

from parrot.core.asks import Finish, Reply
from parrot.core.interfaces import Key, Record

_LONGEST = (1 << 32) - 1


def worth(record: Record) -> int:
    """How much a record can answer, so that a store keeps the better of two; 0 for a failure.

    Whole beats stopped after the scores beats cut at the token limit; then more log-probabilities
    beat fewer; then, among cut replies, the longer limit. Fits 63 bits.
    """
    reply = record.outcome
    if not isinstance(reply, Reply):
        return 0
    whole = {Finish.LENGTH: 1, Finish.SCORES: 2}.get(reply.finish, 3)
    logprobs = 0 if record.top_logprobs is None else record.top_logprobs + 1
    length = min(record.max_tokens, _LONGEST) if reply.finish is Finish.LENGTH else 0
    return whole << 40 | logprobs << 32 | length


def supersedes(new: Record, old: Record) -> bool:
    """Whether `new` takes the place of `old`: it is worth more, or both are failures."""
    gain, kept = worth(new), worth(old)
    return gain > kept or gain == kept == 0


class MemoryStore:
    """A `Store` in a dict: nothing outlives it. The reference that others are checked against."""

    def __init__(self) -> None:
        self._records: dict[Key, Record] = {}

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
        """Those of the keys under which a reply is stored."""
        return {key for key, one in self.get(keys).items() if isinstance(one.outcome, Reply)}

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        """The stored records of those keys that have one."""
        return {key: self._records[key] for key in keys if key in self._records}

    def put(self, records: Iterable[Record], /) -> None:
        """All or nothing; the better record of a key stays."""
        for record in tuple(records):
            old = self._records.get(record.key)
            if old is None or supersedes(record, old):
                self._records[record.key] = record

    def scan(self) -> Iterator[Record]:
        """Every record in the order in which its key first came."""
        yield from tuple(self._records.values())
