"""Requests compared as texts: normal form, character shingles, their likeness."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

SHINGLE = 4
_GAPS = re.compile(r"[\W_]+")


def normalised(text: str) -> str:
    """The text without case, punctuation and spare blanks: what two equal requests share."""
    return _GAPS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def shingles(text: str) -> frozenset[str]:
    """Runs of four characters of the normal form with a blank at each end; at least one."""
    padded = f" {normalised(text)} "
    return frozenset(padded[i : i + SHINGLE] for i in range(max(1, len(padded) - SHINGLE + 1)))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard likeness in [0, 1]: shared shingles over all."""
    return len(one & other) / len(one | other) if one or other else 1.0


class NearTexts:
    """Requests to search among; exact, since two that are alike enough share a rare shingle.

    requests: tuples whose last member is the text; only those with equal other members are
    compared. least: Jaccard likeness in (0, 1].
    """

    def __init__(self, requests: Iterable[tuple[str, ...]], least: float) -> None:
        self._least = least
        self._shingles = {request: shingles(request[-1]) for request in requests}
        self._counts = Counter(s for found in self._shingles.values() for s in found)
        self._by_shingle: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for request, found in self._shingles.items():
            for shingle in self._rarest(found):
                self._by_shingle[shingle].append(request)

    def _rarest(self, found: frozenset[str]) -> list[str]:
        ordered = sorted(found, key=lambda s: (self._counts[s], s))
        return ordered[: len(found) - math.ceil(self._least * len(found) - 1e-9) + 1]

    def near(self, request: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
        """Those that are alike, with their likeness; not the request itself."""
        own = shingles(request[-1])
        seen = {request}
        for shingle in self._rarest(own):
            for other in self._by_shingle.get(shingle, ()):
                if other in seen or other[:-1] != request[:-1]:
                    continue
                seen.add(other)
                value = likeness(own, self._shingles[other])
                if value >= self._least:
                    yield other, value
