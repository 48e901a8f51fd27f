"""How often the simulated teacher errs: one committed table, at three levels.

The rates were chosen by what comes out before any filter (blind and anchored agreement with the
truth, made-up flaws and leaks as a real teacher was measured to have them), never by what a filter
catches. Rates are probabilities unless said otherwise. Levels differ only here.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen(slots=True)
class ErrorRates:
    """What one level of teacher gets wrong.

    Systematic, decided by the image alone, the same in every ask and sample:
    colour, shape, size, place, letter: one item is seen with another. item: it is not seen.
    phantom: something is seen in an empty place. ground: the background is seen in another colour.
    defect: a flaw is overlooked. fancy: a flaw is seen in a sound image.

    Systematic, decided by the image and the claim:
    nods: a claim that its eyes deny is confirmed when asked about.

    Of one sample, decided by the whole ask:
    slip: a fault that is seen goes unmentioned. jitter, noise: deviations of scores, the first
    shared by both images of a pair, the second of each image alone; in points of the scale.
    invent: shown a label that contradicts what it sees, it makes up a flaw of the losing image.
    ignore: shown such a label, it writes what it sees; else it only bends the scores.
    embellish: it makes a flaw up although it agrees. leak: it speaks of the hint.
    garble: a reply that cannot be read whole. sloppy: one of odd form that can be read.
    contaminate: a critique of one image speaks of another. lose: a refined request drops a wish.
    """

    colour: float
    shape: float
    size: float
    place: float
    letter: float
    item: float
    phantom: float
    ground: float
    defect: float
    fancy: float
    nods: float
    slip: float
    jitter: float
    noise: float
    invent: float
    ignore: float
    embellish: float
    leak: float
    garble: float
    sloppy: float
    contaminate: float
    lose: float


LEVELS: Final = {
    "low": ErrorRates(
        colour=0.01, shape=0.01, size=0.01, place=0.005, letter=0.03, item=0.01, phantom=0.005,
        ground=0.005, defect=0.06, fancy=0.01, nods=0.03, slip=0.04, jitter=0.1, noise=0.05,
        invent=0.15, ignore=0.3, embellish=0.02, leak=0.03, garble=0.01, sloppy=0.05,
        contaminate=0.02, lose=0.02,
    ),
    "medium": ErrorRates(
        colour=0.035, shape=0.035, size=0.03, place=0.015, letter=0.08, item=0.035, phantom=0.01,
        ground=0.015, defect=0.2, fancy=0.03, nods=0.08, slip=0.12, jitter=0.15, noise=0.15,
        invent=0.25, ignore=0.3, embellish=0.04, leak=0.08, garble=0.03, sloppy=0.1,
        contaminate=0.05, lose=0.05,
    ),
    "high": ErrorRates(
        colour=0.06, shape=0.06, size=0.05, place=0.03, letter=0.15, item=0.06, phantom=0.03,
        ground=0.03, defect=0.3, fancy=0.06, nods=0.18, slip=0.2, jitter=0.2, noise=0.25,
        invent=0.4, ignore=0.3, embellish=0.08, leak=0.15, garble=0.06, sloppy=0.2,
        contaminate=0.12, lose=0.12,
    ),
}  # fmt: skip
DEFAULT: Final = "medium"
