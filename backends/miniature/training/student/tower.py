"""Stage 0: the vision tower learns to see by itself, under a classifier that is thrown away.

Without it a language model of this size learns to caption from its own words and stays blind for
a long time (measured in a trial of this world).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import nn

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.draw import draw
from parrot.backends.miniature.training.student.batches import patches
from parrot.backends.miniature.training.student.lens import Lens
from parrot.backends.miniature.training.student.lessons import IMAGE_TOKENS, PATCH
from parrot.backends.miniature.training.student.net import WIDTH
from parrot.backends.miniature.training.student.situations import free_scene, spoiled
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    FLAWS,
    LETTERS,
    PLACES,
    SIDE,
    SIZES,
    STRENGTHS,
    Drawing,
    Place,
    Shape,
)

IMAGES: Final = 96
"""Images a step."""
SPLITS: Final = (
    1 + len(FIGURES) + len(LETTERS),
    len(COLOURS),
    len(SIZES),
    len(BACKGROUNDS),
    len(PLACES),  # a place that names itself can be looked up by its name
)
_SOUND: Final = 1 + len(FLAWS) * len(STRENGTHS)
_SKIP: Final = -100


class Reader(nn.Module):
    """The classifier: of each place what it holds, of the whole image its soundness."""

    def __init__(self) -> None:
        super().__init__()
        # The merged tokens and those of the deep stack must both tell all of it.
        self.place = nn.ModuleList(nn.Linear(WIDTH, sum(SPLITS)) for _ in range(2))
        self.whole = nn.ModuleList(nn.Linear(WIDTH, _SOUND) for _ in range(2))

    def forward(self, features: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of places (images * places, classes) and of images, summed over both features."""
        places = [head(one) for head, one in zip(self.place, features, strict=True)]
        wholes = [
            head(one).reshape(-1, IMAGE_TOKENS, _SOUND).mean(1)
            for head, one in zip(self.whole, features, strict=True)
        ]
        return torch.stack(places), torch.stack(wholes)


def reader_of(seed: int) -> Reader:
    """A fresh classifier; the same for a seed. The global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Reader()


def examples(lens: Lens, seed: int, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Patches, what each place holds (images * places, 5 targets), and how sound each image is."""
    drawings = [_drawing(seed, step, index) for index in range(IMAGES)]
    seen = lens.through([draw(one) for one in drawings], seed, "tower", step)
    targets = [_targets(one, place) for one in drawings for place in PLACES]
    sound = [_soundness(one) for one in drawings]
    return patches(np.stack(seen)), torch.tensor(targets), torch.tensor(sound)


def _drawing(*words: object) -> Drawing:
    chance = Chance("student tower", *words)
    return spoiled(free_scene(chance), chance)


def _targets(drawing: Drawing, place: Place) -> tuple[int, ...]:
    around = (BACKGROUNDS.index(drawing.scene.background), PLACES.index(place))
    item = drawing.scene.at(place)
    if item is None:
        return (0, _SKIP, _SKIP, *around)
    colour = COLOURS.index(item.colour)
    if item.shape is Shape.LETTER:
        return (1 + len(FIGURES) + LETTERS.index(item.letter), colour, _SKIP, *around)
    return (1 + FIGURES.index(item.shape), colour, SIZES.index(item.size), *around)


def _soundness(drawing: Drawing) -> int:
    defect = drawing.defect
    if defect is None:
        return 0
    return 1 + FLAWS.index(defect.flaw) * len(STRENGTHS) + STRENGTHS.index(defect.strength)


def tower_loss(
    model: Any, reader: Reader, shown: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    """The classifier's loss on one step's examples, and the shares it has right."""
    values, targets, sound = shown
    side = SIDE // PATCH
    grid = torch.tensor([[1, side, side]], device=values.device).repeat(len(sound), 1)
    out = model.model.visual(values, grid_thw=grid)
    places, wholes = reader([out.pooler_output, *out.deepstack_features])
    loss = sum(nn.functional.cross_entropy(one, sound) for one in wholes.float())
    right = torch.ones(len(targets), dtype=torch.bool, device=values.device)
    for k, one in enumerate(places.float().split(SPLITS, dim=-1)):
        for scores in one:
            part = nn.functional.cross_entropy(scores, targets[:, k], ignore_index=_SKIP)
            loss = loss + part
        right &= (one[0].argmax(-1) == targets[:, k]) | (targets[:, k] == _SKIP)
    shares = {
        "places": float(right.float().mean()),
        "soundness": float((wholes[0].argmax(-1) == sound).float().mean()),
    }
    return torch.as_tensor(loss), shares
