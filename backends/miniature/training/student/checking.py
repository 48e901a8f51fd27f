"""Lessons that hold a request against images: statements to confirm, and demands gone through."""

from __future__ import annotations

from typing import Final

from attrs import fields

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import Aspect, Check, checks_of
from parrot.backends.miniature.claims import holds, lacks, shows, thing_of
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.pairs import Split
from parrot.backends.miniature.requests import phrase
from parrot.backends.miniature.telling import KNOWN, Subject, told_of
from parrot.backends.miniature.training.student.lessons import (
    SAMPLING,
    SLOT,
    Lesson,
    lesson,
    plain_ask,
    request_of,
)
from parrot.backends.miniature.training.student.situations import Situation, situation
from parrot.backends.miniature.world import Drawing
from parrot.core.prompts.checking import check_claims
from parrot.core.prompts.fences import image_parts, request_parts

STATEMENTS: Final = 6
GO_THROUGH: Final = "Go through the request: is each thing as asked?"
EXACT: Final = ErrorRates(**{one.name: 0.0 for one in fields(ErrorRates)})
"""A judge that never errs."""
_NAMES: Final = ("this image", "the image")
_COUNTS: Final = ("no", "one", "two", "three", "four", "five")


def claims_about(name: str, drawing: Drawing, made: Situation, chance: Chance) -> list[str]:
    """What a judge would say of that drawing in this situation, all of it true of it."""
    subject = Subject(name, drawing, made.brief, made.source)
    told = told_of(subject, KNOWN, EXACT, chance)
    said = [claim for key in KNOWN for claim in told.claims[key]]
    said += [shows(name, [thing_of(item)], chance) for item in drawing.scene.items]
    wants = dict.fromkeys(check.want for check in subject.checks if check.want)
    lost = [want for want in wants if not any(want.fits(i) for i in drawing.scene.items)]
    said += [lacks(name, want, chance) for want in lost]
    return list(dict.fromkeys(said))


def statements(chance: Chance, split: Split) -> Lesson:
    """Claims about one image to be answered yes or no, as the grounded check asks them.

    False ones are true of another try at the same request, so that each has to be looked up.
    """
    made = situation(chance, edit=chance.hit(0.4), tries=3, split=split)
    drawing, *others = made.tries
    name = chance.pick(_NAMES)
    true = claims_about(name, drawing, made, chance)
    false = [c for one in others for c in claims_about(name, one, made, chance)]
    false = [c for c in dict.fromkeys(false) if holds(c, drawing) is False]
    true = [c for c in true if holds(c, drawing)]
    picked = [_one(true, false, chance) for _ in range(STATEMENTS)]
    said = list(dict.fromkeys(c for c in picked if c))
    request = request_of(made.prompt, made.source)
    ask = check_claims(request, SLOT, said, sampling=SAMPLING)
    answer = "\n".join(
        f"{n}: {'yes' if holds(claim, drawing) else 'no'}" for n, claim in enumerate(said, start=1)
    )
    return lesson("statements", ask, answer, made.source, drawing)


def _one(true: list[str], false: list[str], chance: Chance) -> str | None:
    among = false if chance.hit(0.5) and false else true
    return chance.pick(among) if among else None


def demands(chance: Chance, split: Split) -> Lesson:
    """Each demand of a request in turn: as asked, or what there is instead."""
    made = demanded(chance, split)
    drawing = made.tries[0]
    lines = [f"{what}: {said}" for _, what, said in gone_through(made, drawing)]
    request = request_of(made.prompt, made.source)
    ask = plain_ask(*request_parts(request), *image_parts(Image=SLOT), GO_THROUGH)
    return lesson("demands", ask, "\n".join(lines), made.source, drawing)


def demanded(chance: Chance, split: Split) -> Situation:
    """The situation that a lesson of `demands` is made of."""
    return situation(chance, edit=chance.hit(0.5), split=split)


def gone_through(made: Situation, drawing: Drawing) -> list[tuple[str, str, str]]:
    """Every demand: the kind of mismatch ("none" where met), what is asked for, how it is."""
    by_thing: dict[object, list[Check]] = {}
    for check in checks_of(made.brief, drawing, made.source):
        by_thing.setdefault(_about(check), []).append(check)
    return [_line(checks, drawing) for checks in by_thing.values()]


def _about(check: Check) -> object:
    if check.want and check.aspect not in (Aspect.GONE, Aspect.KEPT):
        return ("thing", check.want, check.found)
    return (check.aspect, check.want)


def _line(checks: list[Check], drawing: Drawing) -> tuple[str, str, str]:
    first = checks[0]
    wrong = [check.aspect.value for check in checks if check.share < 1.0]
    kind = "none"
    if wrong:
        kind = "absent" if first.want and first.found is None else wrong[0]
    return kind, _name(first), _said(first, drawing, met=not wrong)


def _name(check: Check) -> str:
    match check.aspect:
        case Aspect.COUNT:
            return "in all"
        case Aspect.BACKGROUND if check.ground:
            return f"{check.ground.value} background"
        case Aspect.ADDED:
            return "added"
        case Aspect.GONE if check.want:
            return f"no more {phrase(check.want)}"
        case Aspect.KEPT if check.want:
            return f"still {phrase(check.want)}"
    assert check.want is not None
    return phrase(check.want)


def _said(check: Check, drawing: Drawing, *, met: bool) -> str:
    match check.aspect:
        case Aspect.COUNT:
            count = _COUNTS[len(drawing.scene.items)]
            return f"{count}, as asked" if met else f"{count} instead of {_COUNTS[check.number]}"
        case Aspect.BACKGROUND:
            return "as asked" if met else f"{drawing.scene.background.value}"
        case Aspect.ADDED if check.found:
            return phrase(thing_of(check.found))
        case Aspect.ADDED:
            return "nothing"
    if met:
        return "as asked"
    return phrase(thing_of(check.found)) if check.found else "absent"


def is_met(what: str, said: str) -> bool:
    """Whether a line of an answer says that its demand is met."""
    return said.endswith("as asked") or (what == "added" and said == "nothing")
