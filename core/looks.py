"""Images compared by their looks: a hash of edges and a colour miniature, and a search among many.

Pure: takes what was computed from pixels elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from attrs import frozen

HASH_BITS = 128
COLOUR_GAP = 4.0
"""Mean difference of two miniatures, in steps of 255, up to which their colours are alike."""

SPREAD_SHARE = 0.15
"""The same gap as a share of how far an image's colours lie from their mean: a small drawing on plain
ground differs little from any other in steps of 255."""

_DENSE = 96  # bits set in either of two unlike pictures full of edges


@frozen(slots=True)
class Look:
    """An image as it is compared.

    hash: 128 bits that say where it gets brighter, None of a flat image or where none is wanted.
    miniature: its colours on a small grid, as bytes; all of one length.
    """

    sha256: str
    hash: int | None = None
    miniature: bytes = b""


def colour_gap(one: bytes, other: bytes) -> float:
    """Mean difference of two miniatures of one size, in [0, 255]."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / max(1, len(one))


class NearLooks:
    """Looks to search among; exact, by bands of bits: with one band more than may differ, one is equal.

    most: bits that may differ, in proportion fewer where few are set (a drawing on plain ground).
    """

    def __init__(self, looks: Sequence[Look], most: int) -> None:
        self._looks, self._most = looks, most
        edges = [HASH_BITS * n // (most + 1) for n in range(most + 2)]
        self._bands = [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]
        self._by_band: list[dict[int, list[int]]] = [defaultdict(list) for _ in self._bands]
        for number, look in enumerate(looks):
            for table, band in zip(self._by_band, self._parts(look), strict=False):
                table[band].append(number)

    def _parts(self, look: Look) -> list[int]:
        if look.hash is None:
            return []
        return [look.hash >> low & mask for low, mask in self._bands]

    def near(self, look: Look) -> Iterator[tuple[Look, float]]:
        """Those that look alike, with the share of equal bits; not those of the same digest."""
        seen: set[int] = set()
        for table, band in zip(self._by_band, self._parts(look), strict=False):
            for number in table.get(band, ()):
                if number in seen:
                    continue
                seen.add(number)
                other = self._looks[number]
                if other.sha256 != look.sha256 and self._alike(look, other):
                    yield other, 1 - _differing(look, other) / HASH_BITS

    def _alike(self, one: Look, other: Look) -> bool:
        dense = min(1.0, ((one.hash or 0) | (other.hash or 0)).bit_count() / _DENSE)
        if _differing(one, other) > self._most * dense:
            return False
        spread = max(_spread(one.miniature), _spread(other.miniature))
        return colour_gap(one.miniature, other.miniature) <= min(COLOUR_GAP, SPREAD_SHARE * spread)


def _spread(miniature: bytes) -> float:
    mean = sum(miniature) / max(1, len(miniature))
    return sum(abs(value - mean) for value in miniature) / max(1, len(miniature))


def _differing(one: Look, other: Look) -> int:
    return ((one.hash or 0) ^ (other.hash or 0)).bit_count()
