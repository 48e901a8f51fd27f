"""What two sets of pairs share: the same requests and images, and nearly the same.

Pure: works on traits (texts, digests, perceptual hashes), opens nothing. One set is held in an index
and the other streams by. Both near searches are exact: nothing above a threshold is missed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum

from attrs import field, frozen

from parrot.core.looks import Look, NearLooks
from parrot.core.texts import NearTexts, normalised


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
        looks: dict[str, Look] = {}
        for pair in pairs:
            self.size += 1
            self._requests[_request(pair)].add(pair.id)
            for image in pair.images:
                self._images[image.sha256].add(pair.id)
                looks[image.sha256] = image
        self._texts = None if near_text is None else NearTexts(self._requests, near_text)
        self._looks = None if near_image is None else NearLooks(tuple(looks.values()), near_image)

    def matches(self, other: Traits) -> Iterator[Match]:
        """Every indexed pair that the other overlaps with; what is the same is not also near."""
        request = _request(other)
        for name in sorted(self._requests.get(request, ())):
            yield Match(Kind.SAME_REQUEST, name, other.id)
        for found, value in self._texts.near(request) if self._texts else ():
            for name in sorted(self._requests[found]):
                yield Match(Kind.NEAR_REQUEST, name, other.id, value)
        for image in other.images:
            for name in sorted(self._images.get(image.sha256, ())):
                yield Match(Kind.SAME_IMAGE, name, other.id)
            for look, value in self._looks.near(image) if self._looks else ():
                for name in sorted(self._images[look.sha256]):
                    yield Match(Kind.NEAR_IMAGE, name, other.id, value)


def _request(pair: Traits) -> tuple[str, ...]:
    return (*pair.sources, normalised(pair.prompt))


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
