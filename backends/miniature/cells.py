"""What each item looks like: supersampled coverage, palettes, and cells ready to be pasted.

All blending is in integers, so that every machine draws the same bytes.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parrot.backends.miniature.world import (
    BACKGROUNDS,
    CELL,
    COLOURS,
    FIGURES,
    LETTERS,
    SIZES,
    Background,
    Colour,
    Item,
    Place,
    Shape,
    Size,
)

Pixels = NDArray[np.uint8]
"""Rows, columns and three channels, 0 to 255."""
Coverage = NDArray[np.int32]
"""Rows and columns; 0 is outside an item, 64 wholly inside."""

FULL: Final = 64
_FINE: Final = 8  # samples along each side of a pixel: 64 in all, so coverage is exact

INKS: Final = {
    Colour.RED: (224, 36, 36),
    Colour.GREEN: (36, 160, 60),
    Colour.BLUE: (44, 84, 236),
    Colour.YELLOW: (244, 208, 28),
    Colour.PURPLE: (150, 50, 180),
    Colour.CYAN: (40, 204, 220),
}
GROUNDS: Final = {
    Background.WHITE: (246, 246, 246),
    Background.GREY: (124, 124, 124),
    Background.BLACK: (22, 22, 22),
}
_RADIUS: Final = {Size.SMALL: 3.4, Size.LARGE: 6.6}
_STROKES: Final[dict[str, tuple[tuple[float, float, float, float], ...]]] = {
    "A": ((-0.75, 1, 0, -1), (0, -1, 0.75, 1), (-0.42, 0.3, 0.42, 0.3)),
    "C": (
        (0.7, -0.75, 0.3, -1),
        (0.3, -1, -0.3, -1),
        (-0.3, -1, -0.7, -0.5),
        (-0.7, -0.5, -0.7, 0.5),
        (-0.7, 0.5, -0.3, 1),
        (-0.3, 1, 0.3, 1),
        (0.3, 1, 0.7, 0.75),
    ),
    "E": ((-0.6, -1, -0.6, 1), (-0.6, -1, 0.65, -1), (-0.6, 0, 0.45, 0), (-0.6, 1, 0.65, 1)),
    "H": ((-0.65, -1, -0.65, 1), (0.65, -1, 0.65, 1), (-0.65, 0, 0.65, 0)),
    "K": ((-0.6, -1, -0.6, 1), (-0.6, 0.15, 0.65, -1), (-0.25, -0.1, 0.7, 1)),
    "T": ((-0.75, -1, 0.75, -1), (0, -1, 0, 1)),
    "X": ((-0.7, -1, 0.7, 1), (-0.7, 1, 0.7, -1)),
    "Z": ((-0.7, -1, 0.7, -1), (0.7, -1, -0.7, 1), (-0.7, 1, 0.7, 1)),
}
_STROKE_SCALE: Final = 5.6
_STROKE_HALF: Final = 0.95  # half the width of a stroke, in pixels


def _figure(shape: Shape, radius: float) -> NDArray[np.bool_]:
    steps = (np.arange(CELL * _FINE) + 0.5) / _FINE - CELL / 2
    x, y = steps[None, :], steps[:, None]
    if shape is Shape.CIRCLE:
        return x * x + y * y <= radius * radius
    if shape is Shape.SQUARE:
        return np.maximum(abs(x), abs(y)) <= 0.88 * radius
    if shape is Shape.TRIANGLE:
        return (y <= 0.85 * radius) & (2 * abs(x) <= 1.1 * (y + radius))
    arm = np.minimum(abs(x), abs(y)) <= 0.3 * radius
    return arm & (np.maximum(abs(x), abs(y)) <= radius)


def _letter(letter: str) -> NDArray[np.bool_]:
    steps = (np.arange(CELL * _FINE) + 0.5) / _FINE - CELL / 2
    x, y = steps[None, :], steps[:, None]
    inside = np.zeros((CELL * _FINE, CELL * _FINE), dtype=np.bool_)
    for stroke in _STROKES[letter]:
        x0, y0, x1, y1 = (_STROKE_SCALE * end for end in stroke)
        dx, dy = x1 - x0, y1 - y0
        along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)
        along = np.clip(along, 0.0, 1.0)
        gap = (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2
        inside |= gap <= _STROKE_HALF**2
    return inside


@cache
def coverage(shape: Shape, size: Size, letter: str = "") -> Coverage:
    """How much of each pixel of its place an item covers."""
    fine = _letter(letter) if shape is Shape.LETTER else _figure(shape, _RADIUS[size])
    counted: Coverage = fine.reshape(CELL, _FINE, CELL, _FINE).sum(axis=(1, 3), dtype=np.int32)
    counted.setflags(write=False)
    return counted


def blend(ground: NDArray[np.int32], ink: NDArray[np.int32], cover: Coverage) -> Pixels:
    """Ink over ground: `cover` of 64 gives the ink, 0 the ground."""
    weight = cover[..., None]
    mixed = (ground * (FULL - weight) + ink * weight + FULL // 2) // FULL
    return mixed.astype(np.uint8)


def paint(background: Background, colour: Colour, cover: Coverage) -> Pixels:
    """A place with something of one colour on it."""
    ground = np.array(GROUNDS[background], dtype=np.int32)
    return blend(ground, np.array(INKS[colour], dtype=np.int32), cover)


@cache
def cell(background: Background, shape: Shape, colour: Colour, size: Size, letter: str) -> Pixels:
    """A place with an item on it, ready to be pasted."""
    painted = paint(background, colour, coverage(shape, size, letter))
    painted.setflags(write=False)
    return painted


Look = tuple[Shape, Colour, Size, str]
"""What an item looks like, wherever it is."""

LOOKS: Final[tuple[Look, ...]] = tuple(
    (shape, colour, size, "") for shape in FIGURES for colour in COLOURS for size in SIZES
) + tuple((Shape.LETTER, colour, Size.LARGE, letter) for letter in LETTERS for colour in COLOURS)
"""Every look there is."""


def look_of(item: Item) -> Look:
    """What an item looks like."""
    return (item.shape, item.colour, item.size, item.letter)


def item_of(look: Look, place: Place) -> Item:
    """An item of that look, at a place."""
    shape, colour, size, letter = look
    return Item(shape, colour, size, place, letter)


__all__ = [
    "BACKGROUNDS",
    "FULL",
    "GROUNDS",
    "INKS",
    "LOOKS",
    "Coverage",
    "Look",
    "Pixels",
    "blend",
    "cell",
    "coverage",
    "item_of",
    "look_of",
    "paint",
]
