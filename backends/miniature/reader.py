"""The exact reader: from the pixels of any 32x32 image to what is drawn there, or an abstention.

Nearest templates, then a proof: the reading is drawn again and compared with the image. It measures
generators and feeds the simulated teacher; no critic and no policy may see it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Final

import numpy as np
from attrs import frozen

from parrot.backends.miniature.banks import Bank, Values, banks_for, plain_bank
from parrot.backends.miniature.cells import FULL, LOOKS, Pixels, item_of
from parrot.backends.miniature.defects import NOISE_SPAN, STRAY_INK, VARIANTS, grain, stray_cover
from parrot.backends.miniature.draw import decode, draw
from parrot.backends.miniature.world import (
    CELL,
    GRID,
    PLACES,
    SIDE,
    STRENGTHS,
    Background,
    Defect,
    Drawing,
    Flaw,
    Item,
    Scene,
    scene_of,
)

EXACT: Final = 0.5
"""Residual up to which a reading without a defect is taken at once, in grey levels."""
SMEARED: Final = 3.0
"""Residual up to which a blurred reading is worth polishing."""
LIMIT: Final = 26.0
"""Residual above which the reader abstains."""
TELLING: Final = 0.8
"""A defect is believed where it brings the residual below this share of the plain reading's."""


class Unread(StrEnum):
    """Why the reader abstains."""

    SIZE = "size"  # not 32x32 pixels
    RESIDUAL = "residual"  # nothing in this world looks enough like it


@frozen(slots=True)
class Seen:
    """What is drawn. residual: root mean square difference from it, in grey levels (0 to 255)."""

    drawing: Drawing
    residual: float


@frozen(slots=True)
class Abstained:
    """The image is none of this world's. nearest: the best guess, to look at."""

    reason: Unread
    residual: float
    nearest: Drawing | None = None


Reading = Seen | Abstained


def read(pixels: Pixels) -> Reading:
    """What is drawn in an image: 32 rows, 32 columns, 3 channels, 0 to 255."""
    if pixels.shape != (SIDE, SIDE, 3):
        return Abstained(Unread.SIZE, float("inf"))
    flat = _cells(pixels)
    plain = _proved(pixels, Drawing(_scene(flat, plain_bank())))
    if plain.residual <= EXACT:
        return plain
    found = _spoiled(pixels, flat, plain)
    best = found if found.residual <= TELLING * plain.residual else plain
    if best.residual > LIMIT:
        return Abstained(Unread.RESIDUAL, best.residual, best.drawing)
    return best


def _spoiled(pixels: Pixels, flat: Values, plain: Seen) -> Seen:
    best = plain
    for guess in _guesses(pixels, flat, plain.drawing.scene):
        best = _nearer(best, _proved(pixels, guess))
        if best.residual == 0.0:
            return best
    defect = best.drawing.defect
    if defect and defect.flaw is Flaw.BLUR and best.residual <= SMEARED:
        return _polished(pixels, best)
    return best


def _nearer(one: Seen, other: Seen) -> Seen:
    return other if other.residual < one.residual else one


def _cells(pixels: Pixels) -> Values:
    """Four rows, one a place in the order of `PLACES`, of a place's values."""
    split = pixels.reshape(GRID, CELL, GRID, CELL, 3).swapaxes(1, 2)
    return split.reshape(len(PLACES), CELL * CELL * 3).astype(np.float32)


def _scene(flat: Values, bank: Bank) -> Scene:
    """The scene whose templates are nearest, all places on one background."""
    ground, picks = bank.nearest(flat)
    return _with(bank, ground, picks)


def _with(bank: Bank, ground: Background, picks: list[int]) -> Scene:
    items: list[Item] = []
    for place, pick in zip(PLACES, picks, strict=True):
        item = bank.item(pick, place)
        if item:
            items.append(item)
    return scene_of(items, ground)


def _proved(pixels: Pixels, drawing: Drawing) -> Seen:
    gap = draw(drawing).astype(np.int16) - pixels
    return Seen(drawing, float(np.sqrt(np.mean(np.square(gap, dtype=np.float64)))))


def _guesses(pixels: Pixels, flat: Values, plain: Scene) -> Iterator[Drawing]:
    """Drawings worth a proof, by what could be wrong with the image."""
    yield from _stray(pixels)
    yield from _noise(pixels, plain)
    for defect, bank in banks_for():
        scene = _scene(flat, bank)
        if defect.flaw is not Flaw.CUT:
            yield Drawing(scene, defect)
            continue
        for item in scene.items:
            whole = [i for i in plain.items if i.place is not item.place]
            yield Drawing(
                scene_of([*whole, item], plain.background),
                Defect(Flaw.CUT, defect.strength, defect.variant, item.place),
            )


def _stray(pixels: Pixels) -> Iterator[Drawing]:
    """The mark that best covers the pixels of its own ink, then the scene around it."""
    inked = (np.abs(pixels.astype(np.int16) - STRAY_INK) <= 60).all(axis=2)
    if inked.sum() < 4:
        return
    marks = [(s, v) for v in range(VARIANTS[Flaw.STRAY]) for s in STRENGTHS]
    covers = [stray_cover(s, v) for s, v in marks]
    fits = [float((inked == (c > FULL // 2)).mean()) for c in covers]
    for k in sorted(range(len(marks)), key=lambda i: -fits[i])[:3]:
        strength, variant = marks[k]
        clear = (covers[k] == 0)[..., None] * np.ones(3, dtype=np.float32)
        flat, weight = _cells(pixels), _cells(clear.astype(np.uint8))
        bank = plain_bank()
        ground, picks = bank.nearest(flat, weight)
        yield Drawing(_with(bank, ground, picks), Defect(Flaw.STRAY, strength, variant))


def _noise(pixels: Pixels, plain: Scene) -> Iterator[Drawing]:
    """The pattern most like what the plain scene leaves over; the scene read without it."""
    left = pixels.astype(np.float32) - draw(Drawing(plain))
    variant = int((_grains() @ left.ravel()).argmax())
    for strength in STRENGTHS:
        grain = _grains()[variant].reshape(pixels.shape) * (NOISE_SPAN[strength] / 128)
        scene = _scene(_cells(pixels - grain), plain_bank())
        yield Drawing(scene, Defect(Flaw.NOISE, strength, variant))


@cache
def _grains() -> Values:
    patterns = [grain(variant).ravel() for variant in range(VARIANTS[Flaw.NOISE])]
    return np.stack(patterns).astype(np.float32)


def _polished(pixels: Pixels, best: Seen) -> Seen:
    """Under a blur the places run into one another: other looks of each item are tried in turn."""
    for item in best.drawing.scene.items:
        for look in LOOKS:
            if look[1] is item.colour:
                scene, defect = best.drawing.scene, best.drawing.defect
                others = [i for i in scene.items if i.place is not item.place]
                changed = scene_of([*others, item_of(look, item.place)], scene.background)
                best = _nearer(best, _proved(pixels, Drawing(changed, defect)))
        if best.residual == 0.0:
            break
    return best


class Reader:
    """Reads image files and remembers the latest readings by digest. Not for many threads."""

    __slots__ = ("_held", "_most")

    def __init__(self, most: int = 65536) -> None:
        self._most = most
        self._held: OrderedDict[str, Reading] = OrderedDict()

    def read(self, sha256: str, data: bytes) -> Reading:
        """What is drawn in an image file. Raises ImageError where it cannot be decoded."""
        held = self._held.get(sha256)
        if held is not None:
            return held
        reading = read(decode(data))
        self._held[sha256] = reading
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return reading
