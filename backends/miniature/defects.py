"""What each physical flaw does to pixels, at three strengths and in several forms.

Deterministic: the patterns of noise and of stray marks come from a fixed hash, not from a generator
whose stream a library may change.
"""

from __future__ import annotations

from functools import cache
from hashlib import shake_256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parrot.backends.miniature.cells import FULL, GROUNDS, Coverage, Pixels, blend, coverage
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.world import (
    CELL,
    CORNERS,
    SIDE,
    Defect,
    Flaw,
    Item,
    Place,
    Scene,
    Strength,
)

VARIANTS: Final = {Flaw.BLUR: 1, Flaw.NOISE: 16, Flaw.CUT: 2, Flaw.STRAY: 12, Flaw.TINT: 2}
"""How many forms each flaw has. CUT: from below, from the right. TINT: warm, cold."""
BLUR_PASSES: Final = {Strength.SLIGHT: 1, Strength.CLEAR: 4, Strength.HEAVY: 9}
NOISE_SPAN: Final = {Strength.SLIGHT: 28, Strength.CLEAR: 56, Strength.HEAVY: 96}
CUT_SHARE: Final = {Strength.SLIGHT: 0.25, Strength.CLEAR: 0.42, Strength.HEAVY: 0.6}
STRAY_HALF: Final = {Strength.SLIGHT: 0.6, Strength.CLEAR: 1.1, Strength.HEAVY: 1.7}
TINT_SHARE: Final = {Strength.SLIGHT: 10, Strength.CLEAR: 20, Strength.HEAVY: 32}  # of 64
TINTS: Final = ((216, 120, 40), (40, 110, 200))
STRAY_INK: Final = (255, 20, 150)


@cache
def _blur(passes: int) -> NDArray[np.float64]:
    step = np.eye(SIDE) * 0.5 + np.eye(SIDE, k=1) * 0.25 + np.eye(SIDE, k=-1) * 0.25
    step[0, 0] = step[-1, -1] = 0.75
    return np.linalg.matrix_power(step, passes)


def blurred(canvas: Pixels, strength: Strength) -> Pixels:
    """Each pixel spread over its neighbours; edges repeat."""
    spread = _blur(BLUR_PASSES[strength])
    planes = np.matmul(np.matmul(spread, canvas.transpose(2, 0, 1).astype(np.float64)), spread.T)
    # Nudged off the halves, where machines may round apart.
    out: Pixels = np.floor(planes + (0.5 + 1e-7)).astype(np.uint8).transpose(1, 2, 0)
    return out


@cache
def grain(variant: int) -> NDArray[np.int32]:
    """A pattern of noise: -128 to 127, the same on every machine."""
    seed = f"parrot miniature noise {variant}".encode()
    raw = np.frombuffer(shake_256(seed).digest(SIDE * SIDE * 3), dtype=np.uint8)
    return raw.reshape(SIDE, SIDE, 3).astype(np.int32) - 128


def noisy(canvas: Pixels, strength: Strength, variant: int) -> Pixels:
    """Grain over the whole image, evenly spread up to the strength's span."""
    noise = grain(variant) * NOISE_SPAN[strength] // 128
    out: Pixels = np.clip(canvas + noise, 0, 255).astype(np.uint8)
    return out


def cut_cover(item: Item, strength: Strength, variant: int) -> Coverage:
    """The item's coverage of its place after a part is erased; from below (0) or the right (1)."""
    cover = coverage(item.shape, item.size, item.letter).copy()
    lines = cover if variant == 0 else cover.T
    held = np.flatnonzero(lines.any(axis=1))
    first, last = int(held[0]), int(held[-1]) + 1
    gone = max(1, round(CUT_SHARE[strength] * (last - first)))
    lines[last - gone :] = 0
    return cover


def cut(canvas: Pixels, scene: Scene, defect: Defect) -> Pixels:
    """One item with a part erased, as if it were cut off."""
    item = scene.at(defect.place) if defect.place else None
    if item is None:
        raise ValueError(f"no item to cut at {defect.place!r}")
    row, column = CORNERS[item.place]
    kept = cut_cover(item, defect.strength, defect.variant)
    lost = coverage(item.shape, item.size, item.letter) > kept
    ground = np.array(GROUNDS[scene.background], dtype=np.uint8)
    canvas[row : row + CELL, column : column + CELL][lost] = ground
    return canvas


@cache
def stray_cover(strength: Strength, variant: int) -> Coverage:
    """How much of each pixel a stray mark covers: one straight scratch across the image."""
    chance = Chance("parrot miniature stray", variant)
    x0, y0 = 3 + 10 * chance.below(1000) / 1000, 4 + 24 * chance.below(1000) / 1000
    x1, y1 = 19 + 10 * chance.below(1000) / 1000, 4 + 24 * chance.below(1000) / 1000
    steps = (np.arange(SIDE * 4) + 0.5) / 4
    x, y = steps[None, :], steps[:, None]
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    near = (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 <= STRAY_HALF[strength] ** 2
    cover: Coverage = near.reshape(SIDE, 4, SIDE, 4).sum(axis=(1, 3), dtype=np.int32) * (FULL // 16)
    cover.setflags(write=False)
    return cover


def scratched(canvas: Pixels, strength: Strength, variant: int) -> Pixels:
    """A stray mark over the image, in a colour that no item has."""
    ink = np.array(STRAY_INK, dtype=np.int32)
    return blend(canvas.astype(np.int32), ink, stray_cover(strength, variant))


def tinted(canvas: Pixels, strength: Strength, variant: int) -> Pixels:
    """A warm (0) or cold (1) cast over the whole image."""
    cover = np.full(canvas.shape[:-1], TINT_SHARE[strength], dtype=np.int32)
    return blend(canvas.astype(np.int32), np.array(TINTS[variant], dtype=np.int32), cover)


def spoil(canvas: Pixels, scene: Scene, defect: Defect) -> Pixels:
    """The scene's pixels with the defect. `canvas` may be changed."""
    match defect.flaw:
        case Flaw.BLUR:
            return blurred(canvas, defect.strength)
        case Flaw.NOISE:
            return noisy(canvas, defect.strength, defect.variant)
        case Flaw.CUT:
            return cut(canvas, scene, defect)
        case Flaw.STRAY:
            return scratched(canvas, defect.strength, defect.variant)
        case Flaw.TINT:
            return tinted(canvas, defect.strength, defect.variant)


_FLAWS: Final = tuple(Flaw)
_STRENGTHS: Final = tuple(Strength)


def random_defect(chance: Chance, scene: Scene) -> Defect:
    """A defect that the scene can have, all kinds and strengths as likely."""
    places: tuple[Place, ...] = tuple(item.place for item in scene.items)
    flaw = chance.pick(_FLAWS if places else tuple(f for f in _FLAWS if f is not Flaw.CUT))
    strength = chance.pick(_STRENGTHS)
    place = chance.pick(places) if flaw is Flaw.CUT else None
    return Defect(flaw, strength, chance.below(VARIANTS[flaw]), place)
