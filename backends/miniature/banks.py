"""Templates of every place as the reader may find it: plain, tinted, blurred, cut.

A bank is a matrix of places on one defect; the nearest rows come from one product of matrices.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parrot.backends.miniature.cells import (
    GROUNDS,
    LOOKS,
    Look,
    Pixels,
    cell,
    item_of,
    paint,
)
from parrot.backends.miniature.defects import VARIANTS, blurred, cut_cover, tinted
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    CELL,
    GRID,
    PLACES,
    STRENGTHS,
    Background,
    Defect,
    Flaw,
    Item,
    Place,
    Strength,
)

Values = NDArray[np.float32]
SPREAD: Final[tuple[Look | None, ...]] = (None, *LOOKS)
"""What a place can hold; None is nothing."""


class Bank:
    """Templates of one place, for each background in turn the looks of `SPREAD`."""

    __slots__ = ("_norms", "_table")

    def __init__(self, places: list[Pixels]) -> None:
        table = np.stack(places).reshape(len(places), -1).astype(np.float32)
        self._table: Values = np.ascontiguousarray(table.T)
        self._norms: Values = np.square(table).sum(axis=1)

    def nearest(self, flat: Values, weight: Values | None = None) -> tuple[Background, list[int]]:
        """The background that all four places fit best, and the nearest look of each on it.

        flat: a row a place. weight: 0 where a value is not to count.
        """
        if weight is None:
            gaps = self._norms - 2.0 * (flat @ self._table)
        else:
            gaps = weight @ np.square(self._table) - 2.0 * ((flat * weight) @ self._table)
        by_ground = gaps.reshape(len(flat), len(BACKGROUNDS), len(SPREAD))
        ground = int(by_ground.min(axis=2).sum(axis=0).argmin())
        return BACKGROUNDS[ground], [int(i) for i in by_ground[:, ground].argmin(axis=1)]

    def item(self, pick: int, place: Place) -> Item | None:
        """What a pick of `nearest` is, at a place."""
        look = SPREAD[pick]
        return item_of(look, place) if look else None


def _empty(background: Background) -> Pixels:
    return np.full((CELL, CELL, 3), GROUNDS[background], dtype=np.uint8)


def _plain(background: Background, look: Look | None) -> Pixels:
    return cell(background, *look) if look else _empty(background)


def _all(background: Background) -> list[Pixels]:
    return [_plain(background, look) for look in SPREAD]


@cache
def plain_bank() -> Bank:
    """Templates without any defect."""
    return Bank([one for ground in BACKGROUNDS for one in _all(ground)])


def _tinted(strength: Strength, variant: int) -> Bank:
    places = [one for ground in BACKGROUNDS for one in _all(ground)]
    return Bank([tinted(one, strength, variant) for one in places])


def _blurred(strength: Strength) -> Bank:
    # Alone on its background: what spreads over from another place is left to the proof.
    out = []
    for ground in BACKGROUNDS:
        for one in _all(ground):
            canvas = np.tile(_empty(ground), (GRID, GRID, 1))
            canvas[:CELL, :CELL] = one
            # Rolled so that all four sides of the place border on empty ground.
            half = CELL // 2
            rolled = np.roll(canvas, (half, half), axis=(0, 1))
            spread = np.roll(blurred(rolled, strength), (-half, -half), axis=(0, 1))
            out.append(spread[:CELL, :CELL])
    return Bank(out)


def _cut(strength: Strength, variant: int) -> Bank:
    out = []
    for ground in BACKGROUNDS:
        out.append(_empty(ground))
        for look in LOOKS:
            cover = cut_cover(item_of(look, PLACES[0]), strength, variant)
            out.append(paint(ground, look[1], cover))
    return Bank(out)


@cache
def banks_for() -> tuple[tuple[Defect, Bank], ...]:
    """A bank for each defect that changes how every place looks; CUT defects lack their place."""
    banks = [(Defect(Flaw.BLUR, s), _blurred(s)) for s in STRENGTHS]
    for flaw, made in ((Flaw.TINT, _tinted), (Flaw.CUT, _cut)):
        banks += [
            (Defect(flaw, s, v), made(s, v)) for s in STRENGTHS for v in range(VARIANTS[flaw])
        ]
    return tuple(banks)
