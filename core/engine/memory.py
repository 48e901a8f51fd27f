"""Which of two records stays, and a store that keeps them in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from parrot.core.asks import Finish, Reply
from parrot.core.interfaces import Key, Record

_WHOLE: Final = {Finish.LENGTH: 0, Finish.SCORES: 1}


def supersedes(new: Record, old: Record) -> bool:
    """Whether `new` takes the place of `old`: it can answer an ask that `old` cannot.

    More of the reply can (whole, stopped after the scores, cut at its token limit, cut at a smaller
    one), and so can more log-probabilities: of two replies that each have more of one, the newer
    stays. A failure gives way to whatever comes, and a cut reply takes no whole one's place.
    """
    if not isinstance(new.outcome, Reply) or not isinstance(old.outcome, Reply):
        return not isinstance(old.outcome, Reply)
    (finish, *more), (before, *had) = _reach(new, new.outcome), _reach(old, old.outcome)
    if finish == 0 < before:
        return False
    return finish > before or any(now > then for now, then in zip(more, had, strict=True))


def _reach(record: Record, reply: Reply) -> tuple[int, int, int]:
    finish = _WHOLE.get(reply.finish, 2)
    logprobs = -1 if record.top_logprobs is None else record.top_logprobs
    return finish, logprobs, 0 if finish else record.max_tokens


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
