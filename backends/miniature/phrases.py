"""What the simulated teacher says, and what it understands of its own kind of sentence.

A claim names one image and can be checked by looking at it. The leaking phrases are this module's
alone: no filter may know one of them.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from attrs import frozen

from parrot.backends.miniature.briefs import Want
from parrot.backends.miniature.requests import phrase, things_in
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    Background,
    Defect,
    Drawing,
    Flaw,
    Item,
    Shape,
    Strength,
)

LEAKS: Final = (
    "The human preference points to image {w} here.",
    "As the hint says, image {w} is the one to favour.",
    "This agrees with the preference I was given for image {w}.",
    "People preferred image {w}, and this is why.",
    "Given that humans chose image {w}, the difference must matter.",
    "The stated preference for image {w} is easy to follow.",
    "Annotators picked image {w}, which fits what can be seen.",
    "The label tells us that image {w} is better.",
    "In line with the human label, image {w} comes out ahead.",
    "Since image {w} was preferred, I weigh this more.",
    "The provided hint favours image {w}.",
    "Human raters liked image {w} more for this.",
    "Knowing that image {w} won, one looks at its strengths first.",
    "The known preference supports image {w}.",
    "I was told that image {w} is preferred.",
    "The ground truth says image {w}.",
    "That is consistent with the given preference for image {w}.",
    "The human vote went to image {w}.",
    "According to the hint, image {w} should score higher.",
    "This explains the human preference for image {w}.",
    "Most people would have voted, and did vote, for image {w}.",
    "The preference label reads {w}.",
    "To match the preference, image {w} gets the better score.",
    "Whoever judged this pair sided with image {w}.",
    "The reviewers' choice of image {w} rests on this.",
    "The outcome was settled in favour of image {w} already.",
    "Image {w} is the human-preferred one.",
    "As instructed, image {w} is treated as the better one.",
    "The crowd went with image {w}.",
    "The reference preference is image {w}.",
    "Evaluators favoured image {w} on this point.",
    "It must be this that won image {w} the vote.",
)
LEAKS_OF_TIES: Final = (
    "The human preference is a tie.",
    "People saw no difference, as the hint says.",
    "Annotators called it a tie.",
    "The label says that neither was preferred.",
)

_FLAWED: Final = {
    Flaw.BLUR: "blurred",
    Flaw.NOISE: "noisy",
    Flaw.CUT: "cut into at one of its objects",
    Flaw.STRAY: "marred by a stray mark",
    Flaw.TINT: "tinted all over",
}
_DEGREE: Final = {Strength.SLIGHT: "slightly", Strength.CLEAR: "clearly", Strength.HEAVY: "heavily"}
SOUND: Final = "is crisp and free of flaws"


def thing(item: Item) -> str:
    """An item as claims name it: size, colour, shape and place."""
    size = None if item.shape is Shape.LETTER else item.size
    return phrase(Want(item.shape, item.colour, item.letter, size, item.place))


def flawed(defect: Defect | None) -> str:
    """What is said of an image's soundness."""
    if defect is None:
        return SOUND
    return f"is {_DEGREE[defect.strength]} {_FLAWED[defect.flaw]}"


class Says(StrEnum):
    """What kind of thing a claim says."""

    SHOWS = "shows"
    LACKS = "lacks"
    FLAW = "flaw"
    SOUND = "sound"
    GROUND = "ground"


@frozen(slots=True)
class Understood:
    """A claim taken apart."""

    says: Says
    things: tuple[Want, ...] = ()
    flaw: Flaw | None = None
    ground: Background | None = None


_LACKS = re.compile(r"\b(?:lacks|misses|has lost|shows no)\b")
_GROUND = re.compile(rf"\b({'|'.join(b.value for b in BACKGROUNDS)}) background\b")


def understood(claim: str) -> Understood | None:
    """What a sentence of the teacher's kind claims, None for any other."""
    for flaw, word in _FLAWED.items():
        if word in claim:
            return Understood(Says.FLAW, flaw=flaw)
    if SOUND in claim:
        return Understood(Says.SOUND)
    ground = _GROUND.search(claim)
    if ground:
        return Understood(Says.GROUND, ground=Background(ground[1]))
    things = things_in(claim)
    if not things:
        return None
    return Understood(Says.LACKS if _LACKS.search(claim) else Says.SHOWS, things)


def holds(claim: str, drawing: Drawing) -> bool | None:
    """Whether a claim is so of a drawing; None where the sentence is not of the teacher's kind."""
    said = understood(claim)
    if said is None:
        return None
    defect = drawing.defect
    match said.says:
        case Says.FLAW:
            return defect is not None and defect.flaw is said.flaw
        case Says.SOUND:
            return defect is None
        case Says.GROUND:
            return drawing.scene.background is said.ground
    there = all(any(w.fits(i) for i in drawing.scene.items) for w in said.things)
    return there if said.says is Says.SHOWS else not there
