"""Images to train the autoencoder on: this world's scenes and more crowded ones, sound and spoiled.

A batch is decided by (seed, step) alone, so that a resumed run sees what an uninterrupted one saw.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from parrot.backends.miniature.cells import LOOKS, Pixels, item_of
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.defects import random_defect
from parrot.backends.miniature.draw import draw
from parrot.backends.miniature.editing import edited, random_edit
from parrot.backends.miniature.realise import attempt, brief_for, random_scene
from parrot.backends.miniature.world import BACKGROUNDS, PLACES, Drawing, Scene, scene_of

CROWDED: Final = 0.5
"""Share of scenes whose every place may hold anything: they show each look more often."""
EDITED: Final = 0.15
SPOILED: Final = 0.2
FILLED: Final = 0.85  # of a crowded scene's places


def crowded(chance: Chance) -> Scene:
    """Anything at any place, letters beside letters: more than any request asks for."""
    items = [item_of(chance.pick(LOOKS), place) for place in PLACES if chance.hit(FILLED)]
    return scene_of(items, chance.pick(BACKGROUNDS))


def any_scene(chance: Chance) -> Scene:
    """A crowded scene, a try at a request, or what an edit makes of a scene."""
    if chance.hit(CROWDED):
        return crowded(chance)
    if chance.hit(EDITED / (1 - CROWDED)):
        source, brief = random_edit(chance)
        return edited(brief.edit, source, chance) if brief.edit else source
    return attempt(brief_for(random_scene(chance), chance), chance)


def any_drawing(chance: Chance) -> Drawing:
    """Any scene, now and then with a defect."""
    scene = any_scene(chance)
    return Drawing(scene, random_defect(chance, scene) if chance.hit(SPOILED) else None)


def image_batch(size: int, *, seed: int, step: int) -> Pixels:
    """The images of one step: size, 32 rows, 32 columns, 3 channels, 0 to 255."""
    chance = Chance("parrot miniature autoencoder", seed, step)
    return np.stack([draw(any_drawing(chance)) for _ in range(size)])


def fresh_scenes(count: int, *, seed: int = 0) -> tuple[Scene, ...]:
    """Scenes as people ask for, for measuring; the same for the same seed."""
    chance = Chance("parrot miniature fresh scenes", seed)
    return tuple(random_scene(chance) for _ in range(count))
