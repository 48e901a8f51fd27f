"""What the simulated teacher believes to see: the exact reader's drawing, misseen systematically.

The same image is misseen alike by every ask, whatever its wording: a second look by the same
teacher repeats the first one's errors.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from parrot.backends.images import original_bytes
from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance, unit
from parrot.backends.miniature.claims import holds
from parrot.backends.miniature.defects import random_defect
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.human import utilities
from parrot.backends.miniature.reader import Abstained, Reader
from parrot.backends.miniature.realise import random_item
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    LETTERS,
    SIZES,
    Drawing,
    Flaw,
    Item,
    Scene,
    Shape,
    scene_of,
)
from parrot.core.values import Image

REMEMBERED: Final = 65536
"""How many images are remembered; the oldest are read again when they come back."""


class Eyes:
    """Looks at images with one level's errors. Not for many threads."""

    def __init__(self, level: str, rates: ErrorRates) -> None:
        self._level, self._rates, self._reader = level, rates, Reader(REMEMBERED)
        self._believed: OrderedDict[str, Drawing] = OrderedDict()

    def look(self, image: Image) -> Drawing:
        """The drawing that is believed to be there; an image not of this world looks as it may.

        Raises ImageError where the image cannot be opened.
        """
        held = self._believed.get(image.sha256)
        if held is None:
            held = self._believed[image.sha256] = self._misseen(image.sha256, self.exact(image))
            if len(self._believed) > REMEMBERED:
                self._believed.popitem(last=False)
        return held

    def exact(self, image: Image) -> Drawing:
        """The drawing that the exact reader finds, or its nearest guess."""
        seen = self._reader.read(image.sha256, original_bytes(image))
        if isinstance(seen, Abstained):
            return seen.nearest or Drawing(Scene(()))
        return seen.drawing

    def confirms(self, image: Image, claim: str) -> bool | None:
        """Whether the claim seems so of the image; None where the sentence is not understood."""
        so = holds(claim, self.look(image))
        if so is False:
            return unit("nods", self._level, image.sha256, claim) < self._rates.nods
        return so

    def _misseen(self, digest: str, seen: Drawing) -> Drawing:
        chance, rates = Chance("misseen", self._level, digest), self._rates
        items = [one for item in seen.scene.items if (one := _misread(item, rates, chance))]
        items = _misplaced(items, rates, chance)
        ground = seen.scene.background
        if chance.hit(rates.ground):
            ground = chance.other(BACKGROUNDS, ground)
        scene = scene_of(items, ground)
        if scene.free and chance.hit(rates.phantom):
            scene = scene_of([*items, random_item(chance, chance.pick(scene.free))], ground)
        return self._soundness(seen, scene, chance)

    def _soundness(self, seen: Drawing, scene: Scene, chance: Chance) -> Drawing:
        defect, rates = seen.defect, self._rates
        overlooked, fancied = chance.hit(rates.defect), chance.hit(rates.fancy)
        if defect is None:
            return Drawing(scene, random_defect(chance, scene) if fancied else None)
        unseen = defect.flaw is Flaw.CUT and (not defect.place or scene.at(defect.place) is None)
        return Drawing(scene, None if overlooked or unseen else defect)


def _misread(item: Item, rates: ErrorRates, chance: Chance) -> Item | None:
    if chance.hit(rates.item):
        return None
    if chance.hit(rates.colour):
        item = evolve(item, colour=chance.other(COLOURS, item.colour))
    if item.shape is Shape.LETTER:
        other = chance.hit(rates.letter)
        return evolve(item, letter=chance.other(LETTERS, item.letter)) if other else item
    if chance.hit(rates.shape):
        item = evolve(item, shape=chance.other(FIGURES, item.shape))
    if chance.hit(rates.size):
        item = evolve(item, size=chance.other(SIZES, item.size))
    return item


def _misplaced(items: list[Item], rates: ErrorRates, chance: Chance) -> list[Item]:
    for i, item in enumerate(items):
        free = scene_of(items, BACKGROUNDS[0]).free
        if free and chance.hit(rates.place):
            items[i] = evolve(item, place=chance.pick(free))
    return items


def worth(
    brief: Brief | None, drawing: Drawing, applicable: frozenset[str], source: Scene | None
) -> Mapping[str, float]:
    """What a drawing is worth by dimension, in [0, 1]; all 0.5 for a request not of this world."""
    if brief is None or (brief.edit is not None and source is None):
        return dict.fromkeys(applicable, 0.5)
    return utilities(brief, drawing, applicable, source)
