"""What two sets of pairs share: the same requests and images, and nearly the same.

Pure: works on traits (texts, digests, perceptual hashes), opens nothing. One set is held in an index
and the other streams by. Both near searches are exact: nothing above a threshold is missed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import pairwise

from attrs import field, frozen

from parrot.core.texts import likeness, normalised, shingles

HASH_BITS = 128
_DENSE = 96  # bits set in either of two unlike pictures full of edges


@frozen(slots=True)
class Look:
    """An image as it is compared: digest, and perceptual hash of 128 bits (None of a flat one)."""

    sha256: str
    hash: int | None = None


@frozen(slots=True)
class Traits:
    """What is compared of a pair. sources: digests; images: A, B and the sources."""

    id: str
    prompt: str
    sources: tuple[str, ...] = ()
    images: tuple[Look, ...] = ()


class Kind(StrEnum):
    """How two pairs overlap."""

    SAME_REQUEST = "same-request"
    NEAR_REQUEST = "near-request"
    SAME_IMAGE = "same-image"
    NEAR_IMAGE = "near-image"


@frozen(slots=True)
class Match:
    """A pair of the indexed set and what it shares with another.

    likeness: 1.0 of what is the same; of texts their Jaccard likeness, of images the share of equal
    bits.
    """

    kind: Kind
    id: str
    other: str
    likeness: float = 1.0


class OverlapIndex:
    """The set that is held. near_text: least Jaccard likeness of requests, in (0, 1].

    near_image: most differing bits of 128, in proportion fewer of a picture with few edges. None for
    either: no search. Requests of edits are near only where their sources are the same.
    """

    def __init__(
        self,
        pairs: Iterable[Traits],
        *,
        near_text: float | None = 0.8,
        near_image: int | None = 8,
    ) -> None:
        self.size = 0
        self._requests: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self._images: dict[str, set[str]] = defaultdict(set)
        hashes: dict[int, set[str]] = defaultdict(set)
        for pair in pairs:
            self.size += 1
            self._requests[_request(pair)].add(pair.id)
            for image in pair.images:
                self._images[image.sha256].add(pair.id)
                if image.hash is not None:
                    hashes[image.hash].add(pair.id)
        self._texts = None if near_text is None else _Texts(self._requests, near_text)
        self._looks = None if near_image is None else _Looks(hashes, near_image)

    def matches(self, other: Traits) -> Iterator[Match]:
        """Every indexed pair that the other overlaps with; what is the same is not also near."""
        request = _request(other)
        for name in sorted(self._requests.get(request, ())):
            yield Match(Kind.SAME_REQUEST, name, other.id)
        for found, value in self._texts.near(request) if self._texts else ():
            for name in sorted(self._requests[found]):
                yield Match(Kind.NEAR_REQUEST, name, other.id, value)
        for image in other.images:
            same = self._images.get(image.sha256, set())
            for name in sorted(same):
                yield Match(Kind.SAME_IMAGE, name, other.id)
            near = self._looks.near(image.hash) if self._looks and image.hash is not None else ()
            for names, value in near:
                for name in sorted(names - same):
                    yield Match(Kind.NEAR_IMAGE, name, other.id, value)


def _request(pair: Traits) -> tuple[str, ...]:
    return (*pair.sources, normalised(pair.prompt))


class _Texts:
    """Texts by the rarest of their shingles: two that are alike enough share one of those."""

    def __init__(self, requests: Mapping[tuple[str, ...], object], least: float) -> None:
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


class _Looks:
    """Hashes by bands of their bits: with one band more than bits may differ, one band is equal."""

    def __init__(self, hashes: Mapping[int, set[str]], most: int) -> None:
        self._most, self._hashes = most, hashes
        edges = [HASH_BITS * n // (most + 1) for n in range(most + 2)]
        self._bands = [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]
        self._by_band: list[dict[int, list[int]]] = [defaultdict(list) for _ in self._bands]
        for value in hashes:
            for (low, mask), table in zip(self._bands, self._by_band, strict=True):
                table[value >> low & mask].append(value)

    def near(self, value: int) -> Iterator[tuple[set[str], float]]:
        seen: set[int] = set()
        for (low, mask), table in zip(self._bands, self._by_band, strict=True):
            for other in table.get(value >> low & mask, ()):
                differing = (value ^ other).bit_count()
                dense = min(1.0, (value | other).bit_count() / _DENSE)
                if other not in seen and differing <= self._most * dense:
                    seen.add(other)
                    yield self._hashes[other], 1 - differing / HASH_BITS


@frozen(slots=True)
class Overlap:
    """What was found. best: for each indexed pair and kind, the match that is most alike."""

    indexed: int
    streamed: int
    best: tuple[Match, ...] = field()

    @property
    def counts(self) -> dict[str, int]:
        """How many indexed pairs overlap in each way."""
        found = Counter(match.kind for match in self.best)
        return {kind.value: found[kind] for kind in Kind}

    @property
    def touched(self) -> int:
        """How many indexed pairs overlap in any way."""
        return len({match.id for match in self.best})


def overlap(index: OverlapIndex, others: Iterable[Traits]) -> Overlap:
    """Streams the other set past the index; memory holds one match per indexed pair and kind."""
    best: dict[tuple[str, Kind], Match] = {}
    streamed = 0
    for other in others:
        streamed += 1
        for match in index.matches(other):
            before = best.get((match.id, match.kind))
            if before is None or match.likeness > before.likeness:
                best[match.id, match.kind] = match
    ordered = sorted(best.values(), key=lambda m: (list(Kind).index(m.kind), -m.likeness, m.id))
    return Overlap(index.size, streamed, tuple(ordered))
