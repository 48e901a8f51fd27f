"""Seeded chance: the same words in give the same draws out, on every machine and version.

Only `random.Random.random` is used, whose stream Python guarantees; no global state is touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")


def digest_of(*words: object) -> int:
    """64 bits over the words, in order."""
    text = "\x1f".join(map(str, words))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def unit(*words: object) -> float:
    """A number in [0, 1) that the words decide."""
    return digest_of(*words) / 2**64


class Chance:
    """A stream of draws that the words decide."""

    __slots__ = ("_next",)

    def __init__(self, *words: object) -> None:
        self._next = Random(digest_of(*words)).random

    def hit(self, rate: float) -> bool:
        """True with the given probability."""
        return self._next() < rate

    def below(self, count: int) -> int:
        """An integer from 0 to count - 1, each as likely."""
        return int(self._next() * count)

    def pick(self, among: Sequence[T]) -> T:
        """One of a non-empty sequence, each as likely."""
        return among[int(self._next() * len(among))]

    def other(self, among: Sequence[T], than: T) -> T:
        """One of a sequence that differs from `than`."""
        return self.pick([one for one in among if one != than])

    def weighted(self, among: Sequence[T], weights: Sequence[float]) -> T:
        """One of a sequence, as likely as its weight."""
        left = self._next() * sum(weights)
        for one, weight in zip(among, weights, strict=True):
            left -= weight
            if left < 0:
                return one
        return among[-1]

    def shuffled(self, among: Sequence[T]) -> list[T]:
        """All of a sequence in a drawn order."""
        out = list(among)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def gauss(self, deviation: float) -> float:
        """A normal draw of mean 0."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self._next()))
        return deviation * radius * math.cos(2.0 * math.pi * self._next())
