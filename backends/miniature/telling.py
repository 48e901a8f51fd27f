"""What a judge of this world makes of one drawing: worth by dimension, and claims that bear it out.

Used for one image alone and for each of two. Knows nothing of labels and hints.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Final

from attrs import define, evolve, frozen

from parrot.backends.miniature.briefs import Brief, Op, Want
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import (
    IMAGE_FAITHFULNESS,
    PHYSICAL_QUALITY,
    TEXT_FAITHFULNESS,
    TEXT_RENDERING,
    Aspect,
    Check,
    checks_of,
)
from parrot.backends.miniature.claims import (
    adds,
    counts,
    is_rid_of,
    lacks,
    shows,
    sound_or_flawed,
    stands_on,
    still_shows,
    thing_of,
    wrong_letter,
)
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.phrases import OPENINGS
from parrot.backends.miniature.requests import listed, phrase, wording
from parrot.backends.miniature.world import HARM, Drawing, Item, Scene

KNOWN: Final = (TEXT_FAITHFULNESS, IMAGE_FAITHFULNESS, PHYSICAL_QUALITY, TEXT_RENDERING)
MOST_FAULTS: Final = 2
"""Faults told of an image in one dimension; a reply stays short, as a small student needs it."""


@define(slots=True)
class Told:
    """One image judged: worth in [0, 1] and sentences, by dimension. Bent in place by a hint."""

    worth: dict[str, float]
    claims: dict[str, list[str]]


@frozen(slots=True)
class Subject:
    """What is judged: one drawing for one request. name: what sentences call the image."""

    name: str
    drawing: Drawing
    brief: Brief | None
    source: Scene | None

    @property
    def checks(self) -> list[Check]:
        """The request's demands; none where the request is not of this world."""
        if self.brief is None or (self.brief.edit is not None and self.source is None):
            return []
        return checks_of(self.brief, self.drawing, self.source)


def told_of(subject: Subject, keys: tuple[str, ...], rates: ErrorRates, chance: Chance) -> Told:
    """The judgement of one drawing in the dimensions `keys`; faults now and then slip by."""
    checks = list(_noticed(subject.checks, rates, chance))
    defect = subject.drawing.defect
    if defect and chance.hit(rates.slip):
        defect = None
    values = {
        key: fmean(shares)
        for key in KNOWN
        if (shares := [c.share for c in checks if c.dimension == key])
    }
    values[PHYSICAL_QUALITY] = 1.0 - (HARM[defect.strength] if defect else 0.0)
    claims = {
        key: _claims(subject, [c for c in checks if c.dimension == key], chance) for key in KNOWN
    }
    claims[PHYSICAL_QUALITY] = [sound_or_flawed(subject.name, defect, chance)]
    return Told(
        {key: _worth(key, values, known=bool(checks)) for key in keys},
        {key: claims.get(key) or _whole(subject, chance) for key in keys},
    )


def _worth(key: str, values: dict[str, float], *, known: bool) -> float:
    if not known and key != PHYSICAL_QUALITY:
        return 0.5
    # A dimension of a user's own rubric is judged by the image as a whole.
    return values.get(key, 1.0) if key in KNOWN else fmean(values.values())


def _noticed(checks: list[Check], rates: ErrorRates, chance: Chance) -> Iterator[Check]:
    """The checks, of which a fault about one thing as a whole may slip by."""
    slipped: dict[object, bool] = {}
    for check in checks:
        if check.share < 1.0:
            about = check.want or check.aspect
            if about not in slipped:
                slipped[about] = chance.hit(rates.slip)
            if slipped[about]:
                yield evolve(check, share=1.0)
                continue
        yield check


def _claims(subject: Subject, checks: list[Check], chance: Chance) -> list[str]:
    """At most a few faults, else what there is to praise."""
    faults: dict[object, str] = {}
    for check in checks:
        if check.share < 1.0:
            about = check.want or check.aspect
            if about not in faults and len(faults) < MOST_FAULTS:
                faults[about] = _fault(subject, check, chance)
    return list(faults.values()) or _praise(subject, checks, chance)


def _fault(subject: Subject, check: Check, chance: Chance) -> str:
    name, found, want = subject.name, check.found, check.want
    match check.aspect:
        case Aspect.COUNT:
            return counts(name, len(subject.drawing.scene.items), check.number, chance)
        case Aspect.BACKGROUND if check.ground:
            return stands_on(name, subject.drawing.scene.background, check.ground, chance)
        case Aspect.GONE if found:
            return still_shows(name, thing_of(found))
        case Aspect.ADDED if found:
            return adds(name, thing_of(found))
        case Aspect.LETTER if found and want and check.share == 0.0:
            return wrong_letter(name, found, want.letter, chance)
        case Aspect.LETTER if found:
            return sound_or_flawed(name, subject.drawing.defect, chance)
    assert want is not None
    if found:
        return shows(name, [thing_of(found)], chance, instead=want)
    there = sum(map(want.fits, subject.drawing.scene.items))
    return lacks(name, want, chance, there=there)


def _praise(subject: Subject, checks: list[Check], chance: Chance) -> list[str]:
    found = list(dict.fromkeys(c.found for c in checks if c.found and c.want))
    if checks and checks[0].dimension == IMAGE_FAITHFULNESS:
        return [f"in {subject.name} the rest is as it was"]
    said: list[str] = []
    if found:
        said.append(shows(subject.name, _things(found), chance))
    for check in checks:
        if check.aspect is Aspect.BACKGROUND and check.ground:
            said.append(stands_on(subject.name, check.ground, check.ground, chance))
        elif check.aspect is Aspect.GONE and check.want and _removes(subject):
            said.append(is_rid_of(subject.name, check.want, chance))
    return said


def _removes(subject: Subject) -> bool:
    edit = subject.brief.edit if subject.brief else None
    return edit is not None and edit.op is Op.REMOVE


def _things(items: list[Item]) -> list[Want]:
    return [thing_of(item) for item in items]


def _whole(subject: Subject, chance: Chance) -> list[str]:
    """For a request or a dimension that the judge cannot take apart: what is to be seen."""
    return [shows(subject.name, _things(list(subject.drawing.scene.items)), chance)]


def analysis(brief: Brief | None, source: Scene | None, chance: Chance) -> str:
    """What the request asks for, thing by thing, and what the source shows, where it has one."""
    said = [chance.pick(OPENINGS)]
    if brief is not None:
        said.append(f"Asked for: {wording(brief)}.")
    if source is not None:
        things = listed([phrase(one) for one in _things(list(source.items))] or ["nothing"])
        said.append(f"The source shows {things} on a {source.background.value} background.")
    return " ".join(said)


def sentences(claims: list[str]) -> str:
    """Claims as running text."""
    return " ".join(f"{c[0].upper()}{c[1:]}." for c in claims)
