"""The requests of a study of refinement, and what a drawing is truly worth: read from its pixels.

Critics and policies never see the reader; here it is the judge that tells what their choices won.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from parrot.backends.images import original_bytes
from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.draw import decode, image_of, png_of
from parrot.backends.miniature.human import overall, utilities
from parrot.backends.miniature.pairs import PairTruth, stream
from parrot.backends.miniature.reader import Seen, read
from parrot.backends.miniature.world import SIDE, Scene
from parrot.core.errors import ImageError
from parrot.core.judgements import request_key
from parrot.core.values import Image, PreferencePair, Request

REQUEST_SEED: Final = 8_000
_SPARE: Final = 64  # pairs, of which some ask what another one asks
SUFFIX: Final = ", sharp and clean"
"""Words that ask for quality alone, as the world's own requests say them."""


@frozen(slots=True)
class Wish:
    """A request of the test split, with what is known about it."""

    id: str
    request: Request
    brief: Brief
    source: Scene | None
    applicable: frozenset[str]

    def worth(self, image: Image) -> float | None:
        """True utility in [0, 1]; None where the reader can make nothing of the image."""
        try:
            found = read(decode(original_bytes(image)))
        except ImageError:
            return None
        if not isinstance(found, Seen):
            return None
        return overall(utilities(self.brief, found.drawing, self.applicable, self.source))


def wishes(n: int) -> Iterator[Wish]:
    """So many requests, new images and edits, no two alike, in words that no training has seen."""
    seen: set[str] = set()
    for pair, truth in stream(2 * n + _SPARE, seed=REQUEST_SEED, split="test"):
        if len(seen) == n:
            return
        key = request_key(pair.request)
        if key not in seen:
            seen.add(key)
            yield wish_of(pair, truth)


def wish_of(pair: PreferencePair, truth: PairTruth) -> Wish:
    """The request of a pair; what was drawn for it is left."""
    applicable = frozenset(truth.utilities_a)
    return Wish(pair.id, pair.request, truth.brief, truth.source, applicable)


def nothing() -> Image:
    """A plain grey image: what a critic is shown that shall write without seeing."""
    import numpy as np

    return image_of(png_of(np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)))
