"""The hidden human: what each image is worth to it by the truth, and the noisy label it gives.

Nothing else in the library may look in here, save what measures against the truth. Utilities are in
[0, 1]. The label's noise has one stated deviation, `LABEL_NOISE`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import (
    IMAGE_FAITHFULNESS,
    PHYSICAL_QUALITY,
    TEXT_FAITHFULNESS,
    TEXT_RENDERING,
    checks_of,
)
from parrot.backends.miniature.world import HARM, Drawing, Scene
from parrot.core.values import Both, Label, Votes

WEIGHTS: Final = {
    TEXT_FAITHFULNESS: 1.2,
    IMAGE_FAITHFULNESS: 1.0,
    PHYSICAL_QUALITY: 0.8,
    TEXT_RENDERING: 1.0,
}
"""How much the human cares for each dimension that applies."""
LABEL_NOISE: Final = 0.1
"""Deviation of the noise in the difference of overall utilities that sets the label."""
DIMENSION_NOISE: Final = 0.1
"""Deviation of the noise in the difference of one dimension's utilities."""
TIE_BAND: Final = 0.05
"""Differences smaller than this are a TIE."""
RATERS: Final = 5
RATER_NOISE: Final = LABEL_NOISE * math.sqrt(RATERS)
"""Deviation of one rater: the label is set by the mean over all of them."""
GOOD_FROM: Final = 0.75
"""A TIE whose mean utility is at least this says that both are good."""
FULL_STRENGTH: Final = 0.4
"""The difference from which a preference is as strong as can be."""


def utilities(
    brief: Brief, drawing: Drawing, applicable: frozenset[str], source: Scene | None = None
) -> dict[str, float]:
    """What one image is worth in each dimension that applies, by the truth."""
    shares: dict[str, list[float]] = {}
    for check in checks_of(brief, drawing, source):
        shares.setdefault(check.dimension, []).append(check.share)
    defect = drawing.defect
    shares[PHYSICAL_QUALITY] = [1.0 - (HARM[defect.strength] if defect else 0.0)]
    return {
        key: sum(shares[key]) / len(shares[key]) if key in shares else 1.0
        for key in WEIGHTS
        if key in applicable
    }


def overall(values: Mapping[str, float]) -> float:
    """The weighted mean over the dimensions that apply."""
    return sum(WEIGHTS[k] * v for k, v in values.items()) / sum(WEIGHTS[k] for k in values)


def label_of(margin: float) -> Label:
    """A preference from a difference A minus B of utilities."""
    if abs(margin) < TIE_BAND:
        return Label.TIE
    return Label.A if margin > 0 else Label.B


@frozen(slots=True)
class Opinion:
    """What the human says of a pair."""

    label: Label
    both: Both | None
    strength: float | None
    votes: Votes
    dimension_labels: Mapping[str, Label] = field(hash=False)


def opinion(a: Mapping[str, float], b: Mapping[str, float], chance: Chance) -> Opinion:
    """Five noisy raters; the label is that of their mean, so it may differ from most votes."""
    worth_a, worth_b = overall(a), overall(b)
    felt = [worth_a - worth_b + chance.gauss(RATER_NOISE) for _ in range(RATERS)]
    votes = [label_of(margin) for margin in felt]
    margin = sum(felt) / RATERS
    label = label_of(margin)
    tie = label is Label.TIE
    good = (worth_a + worth_b) / 2 >= GOOD_FROM
    return Opinion(
        label=label,
        both=(Both.GOOD if good else Both.BAD) if tie else None,
        strength=None if tie else round(min(1.0, abs(margin) / FULL_STRENGTH), 3),
        votes=Votes(votes.count(Label.A), votes.count(Label.B), votes.count(Label.TIE)),
        dimension_labels={k: label_of(a[k] - b[k] + chance.gauss(DIMENSION_NOISE)) for k in a},
    )
