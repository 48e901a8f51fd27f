"""Which beginning prompts share, and what was computed for the latest of them.

Knows token ids; what is kept for a beginning (a cache of keys and values) is its caller's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final, Generic, Protocol, TypeVar

T = TypeVar("T")
LEAST: Final = 8
"""Tokens from which on a shared beginning is worth a cache of its own."""
KEPT: Final = 4
"""Shared beginnings whose caches stay for later batches."""


class Prompt(Protocol):
    """A prompt in tokens. shared: how many ids stand before its first image."""

    @property
    def ids(self) -> list[int]: ...

    @property
    def shared(self) -> int: ...


class Beginnings(Generic[T]):
    """Remembers what was computed for beginnings that prompts of a batch, or of two in a row, share."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], T] = OrderedDict()
        self._last: list[int] = []

    def forget(self) -> None:
        """Frees all that is kept."""
        self._kept.clear()
        self._last = []

    def length(self, prompts: Sequence[Prompt]) -> int:
        """How many ids all prompts begin with, images excluded; 0 where it is not worth it.

        A prompt alone is held against the first of the batch before.
        """
        first = prompts[0].ids
        most = min(min(p.shared, len(p.ids) - 1) for p in prompts)
        others = [p.ids for p in prompts[1:]] or ([self._last] if self._last else [])
        self._last = first
        if not others:
            return 0
        alike = takewhile(
            lambda i: all(len(o) > i and o[i] == first[i] for o in others), range(most)
        )
        count = sum(1 for _ in alike)
        for held in self._kept:
            if 0.8 * count <= len(held) <= most and all(
                p.ids[: len(held)] == list(held) for p in prompts
            ):
                return len(held)
        return count if count >= LEAST else 0

    def of(self, ids: Sequence[int], make: Callable[[], T]) -> T:
        """What is kept for these ids, made where it is not."""
        key = tuple(ids)
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]
