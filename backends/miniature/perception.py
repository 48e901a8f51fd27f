"""What the simulated teacher believes to see: the exact reader's drawing, misseen systematically.

The same image is misseen alike by every ask, whatever its wording: a second look by the same
teacher repeats the first one's errors.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from parrot.backends.images import original_bytes
from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.human import overall, utilities
from parrot.backends.miniature.reader import Abstained, Reader
from parrot.backends.miniature.world import COLOURS, Drawing, Item, Scene
from parrot.core.values import Image


class Eyes:
    """Looks at images for one level of error."""

    def __init__(self, level: str, rates: ErrorRates) -> None:
        self._level, self._rates, self._reader = level, rates, Reader()
        self._believed: dict[str, Drawing] = {}

    def look(self, image: Image) -> Drawing:
        """The drawing that is believed to be there; an image not of this world looks empty."""
        held = self._believed.get(image.sha256)
        if held is None:
            held = self._look(image)
            if len(self._believed) > 65536:
                self._believed.clear()
            self._believed[image.sha256] = held
        return held

    def _look(self, image: Image) -> Drawing:
        seen = self._reader.read(image.sha256, original_bytes(image))
        if isinstance(seen, Abstained):
            return seen.nearest or Drawing(Scene(()))
        chance = Chance("misseen", self._level, image.sha256)
        items: list[Item] = []
        for item in seen.drawing.scene.items:
            recoloured, missed = chance.hit(self._rates.colour), chance.hit(self._rates.item)
            colour = chance.other(COLOURS, item.colour) if recoloured else item.colour
            if not missed:
                items.append(evolve(item, colour=colour))
        defect = None if chance.hit(self._rates.defect) else seen.drawing.defect
        return Drawing(evolve(seen.drawing.scene, items=tuple(items)), defect)


def worth(
    brief: Brief | None, drawing: Drawing, applicable: frozenset[str], source: Scene | None
) -> Mapping[str, float]:
    """What a drawing is worth by dimension, in [0, 1]; all 0.5 for a request not of this world."""
    if brief is None or (brief.edit is not None and source is None):
        return dict.fromkeys(applicable, 0.5)
    return utilities(brief, drawing, applicable, source)


def balance(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """How much better A is overall."""
    return overall(a) - overall(b)
