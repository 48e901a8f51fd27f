"""Which records of a long file are shown: a few of each kind, chosen by a seed, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, zip_longest
from random import Random
from typing import Final, Generic, TypeVar

T = TypeVar("T")
OTHER: Final = "other"
_STRATA: Final = 48


class Strata(Generic[T]):
    """A reservoir of at most `each` items a stratum, of at most 48 strata and one for the rest.

    Every item of a stratum is as likely to be held as any other (Vitter 1985, algorithm R), and the
    same items in the same order leave the same ones. Memory does not grow with their number.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self.counts: Counter[str] = Counter()
        self._held: dict[str, list[tuple[int, T]]] = {}
        self._rngs: dict[str, Random] = {}

    def add(self, stratum: str, item: T) -> None:
        """Holds the item, perhaps in the place of another."""
        if stratum not in self._held:
            stratum = stratum if len(self._held) < _STRATA else OTHER
            self._held.setdefault(stratum, [])
            self._rngs.setdefault(stratum, Random(f"report/{stratum}".encode("utf-8", "replace")))
        seen, held = self.counts[stratum], self._held[stratum]
        self.counts[stratum] += 1
        if len(held) < self._each:
            held.append((seen, item))
            return
        at = self._rngs[stratum].randrange(seen + 1)
        if at < self._each:
            held[at] = (seen, item)

    def chosen(self, most: int) -> Iterator[tuple[str, list[T]]]:
        """Strata as they first came, with their items in input order: at most `most` items in all.

        Where they are more, each stratum gives one in turn.
        """
        rows = [[(name, one) for one in held] for name, held in self._held.items()]
        turns = (one for one in chain.from_iterable(zip_longest(*rows)) if one)
        taken: dict[str, list[tuple[int, T]]] = {}
        for (name, one), _ in zip(turns, range(most), strict=False):
            taken.setdefault(name, []).append(one)
        for name in self._held:
            if name in taken:
                yield name, [item for _, item in sorted(taken[name], key=lambda one: one[0])]
