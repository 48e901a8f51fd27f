"""What the generator learns from: requests, the scene each should give, the source of an edit.

A batch is decided by (seed, step) alone. Requests are the world's own (`requests`, `editing`), in the
world's own mix: quality and background words as often on terse requests as on detailed ones, a bare
terse request as common as a detailed one. Every scene is as was asked for and without defects, so
that nothing but the request decides what is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import frozen

from parrot.backends.miniature.briefs import Brief, Style
from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.draw import pixels_of
from parrot.backends.miniature.editing import edited, random_edit
from parrot.backends.miniature.pairs import Split, in_split
from parrot.backends.miniature.realise import brief_for, random_scene
from parrot.backends.miniature.requests import prompt_of
from parrot.backends.miniature.world import Scene

SPLIT: Final[Split] = "train"
"""Training sees no request of the test split, whose requests measure."""


@frozen(slots=True)
class Shown:
    """One example. scene: what should be drawn; source: what is edited, None for a new image."""

    prompt: str
    brief: Brief
    scene: Scene
    source: Scene | None = None


def drawn(chance: Chance, *, style: Style | None = None, split: Split = SPLIT) -> Shown:
    """A request for a new image, and the scene that it was made for."""
    while True:
        scene = random_scene(chance)
        brief = brief_for(scene, chance, style)
        prompt = prompt_of(brief, chance)
        if in_split(split, prompt):
            return Shown(prompt, brief, scene)


def changed(chance: Chance, *, split: Split = SPLIT) -> Shown:
    """A request for an edit, its source, and the source as it should become."""
    while True:
        source, brief = random_edit(chance)
        prompt = prompt_of(brief, chance)
        if brief.edit and in_split(split, prompt):
            return Shown(prompt, brief, edited(brief.edit, source, chance), source)


def drawn_batch(size: int, *, seed: int, step: int) -> tuple[Shown, ...]:
    """The requests for new images of one step."""
    chance = Chance("parrot miniature generator draws", seed, step)
    return tuple(drawn(chance) for _ in range(size))


def changed_batch(size: int, *, seed: int, step: int) -> tuple[Shown, ...]:
    """The edits of one step."""
    chance = Chance("parrot miniature generator edits", seed, step)
    return tuple(changed(chance) for _ in range(size))


def fresh_drawn(count: int, style: Style, *, seed: int = 0) -> tuple[Shown, ...]:
    """Requests of the test split, of one style, for measuring."""
    chance = Chance("parrot miniature generator measured", style.value, seed)
    return tuple(drawn(chance, style=style, split="test") for _ in range(count))


def fresh_changed(count: int, *, seed: int = 0) -> tuple[Shown, ...]:
    """Edits of the test split, for measuring."""
    chance = Chance("parrot miniature generator measured", "edit", seed)
    return tuple(changed(chance, split="test") for _ in range(count))


def pixels_for(scenes: Sequence[Scene]) -> Pixels:
    """The scenes' images: as many, 32, 32, 3."""
    return np.stack([pixels_of(scene) for scene in scenes])
