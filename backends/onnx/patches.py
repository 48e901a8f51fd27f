"""From a picture to the patches that a Qwen3-VL tower reads, as its processors make them.

A patch is a square of pixels over so many frames; patches that one token joins stand together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from parrot.backends.onnx.card import Looks
from parrot.core.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image as Pillow

Array = np.ndarray[Any, Any]


@frozen(slots=True)
class Patched:
    """A picture in patches: (rows * columns, values). name: what pictures alike have alike."""

    name: tuple[str, str]
    values: Array = field(eq=False)
    rows: int
    columns: int

    def tokens(self, looks: Looks) -> int:
        """Tokens of the language model that the picture takes."""
        return self.rows * self.columns // looks.merge**2


def size_for(height: int, width: int, looks: Looks) -> tuple[int, int]:
    """Height and width after resizing: of whole tokens, within the limits, nearly in proportion.

    Raises ImageError where one side is over 200 times the other.
    """
    if max(height, width) > 200 * min(height, width):
        raise ImageError(f"an image of {width} x {height} is too long: over 200 to 1")
    unit = looks.patch * looks.merge
    tall, wide = round(height / unit) * unit, round(width / unit) * unit
    if tall * wide > looks.most:
        shrink = math.sqrt(height * width / looks.most)
        tall = max(unit, math.floor(height / shrink / unit) * unit)
        wide = max(unit, math.floor(width / shrink / unit) * unit)
    elif tall * wide < looks.least:
        grow = math.sqrt(looks.least / (height * width))
        tall = math.ceil(height * grow / unit) * unit
        wide = math.ceil(width * grow / unit) * unit
    return tall, wide


def patched(picture: Pillow.Image, name: tuple[str, str], looks: Looks) -> Patched:
    """A picture in patches. Raises ImageError as `size_for` does."""
    from PIL import Image as Pillow

    plain = _rgb(picture)
    tall, wide = size_for(plain.height, plain.width, looks)
    if plain.size != (wide, tall):
        plain = plain.resize((wide, tall), Pillow.Resampling(looks.resample))
    values: Array = (np.asarray(plain).astype(np.float64) * looks.scale).astype(np.float32)
    values = (values - np.array(looks.mean, np.float32)) / np.array(looks.deviation, np.float32)
    rows, columns = tall // looks.patch, wide // looks.patch
    m, p = looks.merge, looks.patch
    cut = values.transpose(2, 0, 1).reshape(3, rows // m, m, p, columns // m, m, p)
    cut = cut.transpose(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None]
    cut = np.broadcast_to(cut, (*cut.shape[:5], looks.frames, p, p))
    return Patched(name, cut.reshape(rows * columns, -1), rows, columns)


def _rgb(picture: Pillow.Image) -> Pillow.Image:
    from PIL import Image as Pillow

    if "A" not in picture.getbands() and picture.info.get("transparency") is None:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    white = Pillow.new("RGBA", clear.size, (255, 255, 255, 255))
    return Pillow.alpha_composite(white, clear).convert("RGB")


def coordinates_of(rows: int, columns: int, looks: Looks) -> Array:
    """Row and column of every patch, in the order of the patches: (patches, 2)."""
    m = looks.merge
    both = np.indices((rows, columns)).reshape(2, rows // m, m, columns // m, m)
    return both.transpose(1, 3, 2, 4, 0).reshape(-1, 2)


def places_of(rows: int, columns: int, looks: Looks) -> tuple[Array, Array]:
    """Where each patch lies in the learned table, bilinear: indices and weights, (patches, 4)."""
    low, high, share = [], [], []
    for axis, size in enumerate((rows, columns)):
        index = coordinates_of(rows, columns, looks)[:, axis].astype(np.float32)
        place = index * np.float32(looks.table - 1) / np.float32(max(size - 1, 1))
        floor = np.floor(place)
        low.append(floor.astype(np.int64).clip(0, looks.table - 1))
        high.append((floor.astype(np.int64) + 1).clip(0, looks.table - 1))
        share.append(place - floor)
    (top, left), (bottom, right), (down, over) = low, high, share
    places = np.stack([top * looks.table + left, top * looks.table + right,
                       bottom * looks.table + left, bottom * looks.table + right], axis=1)  # fmt: skip
    weights = np.stack(
        [(1 - down) * (1 - over), (1 - down) * over, down * (1 - over), down * over], 1
    )
    return places, weights.astype(np.float32)
