"""How images look: a difference hash of 128 bits, 64 across and 64 down, and 8 by 8 colours.

Survives re-encoding, resizing and small local changes; not cropping, turning or mirroring.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from parrot.backends.images import pixels
from parrot.core.looks import Look
from parrot.core.overlap import Traits
from parrot.core.values import Image, PreferencePair

if TYPE_CHECKING:
    from PIL import Image as Pillow

_SIDE = 8


def traits_of(pair: PreferencePair, *, look: bool = True) -> Traits:
    """What is compared of a pair. look: also hash what the images look like (decodes them).

    Raises ImageError for an image that cannot be decoded.
    """
    images = (pair.image_a, pair.image_b, *pair.request.sources)
    return Traits(
        pair.id,
        pair.request.prompt,
        tuple(image.sha256 for image in pair.request.sources),
        tuple(look_of(image) if look else Look(image.sha256) for image in images),
    )


def look_of(image: Image) -> Look:
    """What the image looks like. Raises ImageError where it cannot be decoded."""
    from PIL import Image as Pillow

    picture = pixels(image)
    colours = picture.resize((_SIDE, _SIDE), Pillow.Resampling.BOX).tobytes()
    return Look(image.sha256, _difference_hash(picture.convert("L")), colours)


def _difference_hash(grey: Pillow.Image) -> int | None:
    """Where a miniature gets brighter to the right, then downwards; None where it is flat."""
    across = _rows(grey, _SIDE + 1, _SIDE)
    down = [list(column) for column in zip(*_rows(grey, _SIDE, _SIDE + 1), strict=True)]
    steps = [b - a for row in (*across, *down) for a, b in pairwise(row)]
    if not any(steps):
        return None
    return sum(1 << place for place, step in enumerate(steps) if step > 0)


def _rows(grey: Pillow.Image, width: int, height: int) -> list[list[int]]:
    from PIL import Image as Pillow

    values = list(grey.resize((width, height), Pillow.Resampling.BOX).tobytes())
    return [values[at : at + width] for at in range(0, len(values), width)]
