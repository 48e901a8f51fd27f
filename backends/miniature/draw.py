"""From a drawing to pixels and to the bytes of a PNG, and back to pixels.

The PNGs are not compressed: a scene fits one disk block either way, and their bytes, hence their
digests, then do not depend on which zlib a machine has.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from hashlib import sha256
from io import BytesIO
from typing import Final

import numpy as np

from parrot.backends.images import DAMAGE
from parrot.backends.miniature.cells import GROUNDS, Pixels, cell
from parrot.backends.miniature.defects import spoil
from parrot.backends.miniature.world import CELL, CORNERS, SIDE, Background, Drawing, Scene
from parrot.core.errors import ImageError
from parrot.core.values import Image


@cache
def _ground(background: Background) -> Pixels:
    return np.full((SIDE, SIDE, 3), GROUNDS[background], dtype=np.uint8)


def pixels_of(scene: Scene) -> Pixels:
    """The scene without any defect."""
    canvas = _ground(scene.background).copy()
    for i in scene.items:
        row, column = CORNERS[i.place]
        canvas[row : row + CELL, column : column + CELL] = cell(
            scene.background, i.shape, i.colour, i.size, i.letter
        )
    return canvas


def draw(drawing: Drawing) -> Pixels:
    """The image: its scene, then its defect. 32 rows, 32 columns, 3 channels."""
    canvas = pixels_of(drawing.scene)
    return canvas if drawing.defect is None else spoil(canvas, drawing.scene, drawing.defect)


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


_ROW: Final = 1 + 3 * SIDE
_RAW: Final = SIDE * _ROW
_HEAD: Final = b"\x89PNG\r\n\x1a\n" + _chunk(
    b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
)
_DATA: Final = b"IDAT\x78\x01\x01" + struct.pack("<HH", _RAW, _RAW ^ 0xFFFF)
_LENGTH: Final = struct.pack(">I", _RAW + 11)
_TAIL: Final = _chunk(b"IEND", b"")
_START: Final = _HEAD + _LENGTH + _DATA


def png_of(pixels: Pixels) -> bytes:
    """The bytes of a PNG of a 32x32 image, the same on every machine."""
    rows = np.zeros((SIDE, _ROW), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(SIDE, 3 * SIDE)
    raw = rows.tobytes()
    body = _DATA + raw + struct.pack(">I", zlib.adler32(raw))
    return b"".join((_HEAD, _LENGTH, body, struct.pack(">I", zlib.crc32(body)), _TAIL))


def image_of(png: bytes) -> Image:
    """The image whose bytes these are."""
    return Image(sha256(png).hexdigest(), "image/png", png)


def decode(data: bytes) -> Pixels:
    """The pixels of any image file. Raises ImageError where it cannot be decoded."""
    if len(data) == len(_START) + _RAW + 8 + len(_TAIL) and data.startswith(_START):
        rows = np.frombuffer(data, dtype=np.uint8, count=_RAW, offset=len(_START))
        return rows.reshape(SIDE, _ROW)[:, 1:].reshape(SIDE, SIDE, 3)
    return _decode_any(data)


def _decode_any(data: bytes) -> Pixels:
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(data)) as opened:
            return np.asarray(opened.convert("RGB"))
    except (*DAMAGE, Pillow.DecompressionBombError) as error:
        raise ImageError(f"an image cannot be decoded: {error}") from error
