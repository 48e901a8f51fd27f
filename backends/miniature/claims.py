"""Sentences about one image that can be checked by looking at it: written, understood, checked.

Every kind of claim that is written here is understood here, in each of its wordings; the tests
hold the two together. Knows nothing of scores, labels or hints.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from attrs import frozen

from parrot.backends.miniature.briefs import Want
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.requests import listed, noun, phrase, things_in
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

_SHOWS: Final = ("{n} shows {t}", "{n} has {t}", "in {n} one sees {t}")
_LACKS: Final = ("{n} lacks {t}", "{n} has no {b}", "there is no {b} in {n}", "{n} misses {t}")
_GONE: Final = ("the {b} is gone from {n}", "{n} is rid of the {b}")
_COUNT: Final = ("{n} holds {c} in all instead of {w}", "{n} holds {c} in all, not {w}")
_GROUND: Final = ("{n} has a {g} background",)
_ANOTHER: Final = ("{n} has a {g} background instead of a {w} one",)
_SOUND: Final = (
    "{n} is crisp and free of flaws",
    "{n} is clean and whole",
    "{n} has no visible flaw",
)
_FLAWED: Final = {
    Flaw.BLUR: ("{n} is {d} blurred", "a {a} blur lies over {n}"),
    Flaw.NOISE: ("{n} is {d} noisy", "{a} noise covers {n}"),
    Flaw.CUT: ("a part of an object in {n} is {d} cut off",),
    Flaw.STRAY: ("a stray mark {d} mars {n}", "{n} is {d} marred by a stray mark"),
    Flaw.TINT: ("{n} is {d} tinted", "a {a} colour cast lies over {n}"),
}
_TELLS: Final = {
    Flaw.BLUR: re.compile(r"\bblur"),
    Flaw.NOISE: re.compile(r"\bnois[ey]"),
    Flaw.CUT: re.compile(r"\bcut off\b"),
    Flaw.STRAY: re.compile(r"\bstray mark\b"),
    Flaw.TINT: re.compile(r"\b(?:tinted|colour cast)\b"),
}
_DEGREES: Final = {
    Strength.SLIGHT: ("slightly", "slight"),
    Strength.CLEAR: ("clearly", "clear"),
    Strength.HEAVY: ("heavily", "heavy"),
}
_ORDINALS: Final = ("", "second", "third", "fourth", "fifth")
_NUMBERS: Final = ("no object", "one object", "two objects", "three objects", "four objects")

_IS_SOUND = re.compile(r"\b(?:free of flaws|clean and whole|no visible flaw)\b")
_IS_LACKING = re.compile(r"\b(?:lacks|misses|has no|there is no)\b", re.IGNORECASE)
_IS_NTH = re.compile(r"\b(second|third|fourth|fifth)\b")
_IS_GONE = re.compile(r"\bis (?:gone from|rid of)\b")
_IS_EXCESS = re.compile(r"\b(?:still|adds)\b")
_IS_COUNT = re.compile(rf"\bholds ({'|'.join(_NUMBERS)}) in all\b")
_IS_GROUND = re.compile(rf"\ba ({'|'.join(BACKGROUNDS)}) background\b")
_INSTEAD = re.compile(r"\binstead of\b|,? \bnot\b")


def thing_of(item: Item) -> Want:
    """An item as claims name it: with its size and place."""
    size = None if item.shape is Shape.LETTER else item.size
    return Want(item.shape, item.colour, item.letter, size, item.place)


def _a(want: Want) -> str:
    return f"a {phrase(want)}"


def shows(name: str, things: list[Want], chance: Chance, *, instead: Want | None = None) -> str:
    """The image shows these things; `instead` of another."""
    words = listed([_a(one) for one in things]) if things else "nothing but the background"
    said = chance.pick(_SHOWS).format(n=name, t=words)
    return f"{said} instead of {_a(instead)}" if instead else said


def still_shows(name: str, thing: Want) -> str:
    """A thing is there that should have gone."""
    return f"{name} still shows {_a(thing)}"


def adds(name: str, thing: Want) -> str:
    """A thing is there that nobody asked for."""
    return f"{name} adds {_a(thing)} that nobody asked for"


def is_rid_of(name: str, thing: Want, chance: Chance) -> str:
    """A thing has gone, as it should."""
    return chance.pick(_GONE).format(n=name, b=phrase(thing))


def lacks(name: str, thing: Want, chance: Chance, *, there: int = 0) -> str:
    """A thing is not there, or not once more: `there` says how many are."""
    bare = f"{_ORDINALS[there]} {phrase(thing)}".strip()
    return chance.pick(_LACKS).format(n=name, t=f"a {bare}", b=bare)


def counts(name: str, number: int, wanted: int, chance: Chance) -> str:
    """So many objects, where another number was asked for."""
    return chance.pick(_COUNT).format(n=name, c=_NUMBERS[number], w=_NUMBERS[wanted].split()[0])


def stands_on(name: str, ground: Background, wanted: Background, chance: Chance) -> str:
    """On which background, and on which it should be."""
    form = chance.pick(_GROUND if ground is wanted else _ANOTHER)
    return form.format(n=name, g=ground.value, w=wanted.value)


def sound_or_flawed(name: str, defect: Defect | None, chance: Chance) -> str:
    """How sound the image is."""
    if defect is None:
        return chance.pick(_SOUND).format(n=name)
    adverb, adjective = _DEGREES[defect.strength]
    return chance.pick(_FLAWED[defect.flaw]).format(n=name, d=adverb, a=adjective)


def wrong_letter(name: str, found: Item, wanted: str, chance: Chance) -> str:
    """Another letter than the one asked for."""
    where = f"{found.colour.value} {noun(found.shape, found.letter)} at the {found.place.value}"
    return chance.pick(_SHOWS).format(n=name, t=f'a {where} instead of "{wanted}"')


class Says(StrEnum):
    """What kind of thing a claim says."""

    SHOWS = "shows"
    LACKS = "lacks"
    COUNT = "count"
    FLAW = "flaw"
    SOUND = "sound"
    GROUND = "ground"


@frozen(slots=True)
class Understood:
    """A claim taken apart. fault: whether it holds something against the image.

    number: of objects, for COUNT; of such things that may be there all the same, for LACKS.
    """

    says: Says
    fault: bool
    things: tuple[Want, ...] = ()
    flaw: Flaw | None = None
    strength: Strength | None = None
    ground: Background | None = None
    number: int = 0


def understood(claim: str) -> Understood | None:
    """What a sentence of the teacher's kind claims, None for any other."""
    if _IS_SOUND.search(claim):
        return Understood(Says.SOUND, fault=False)
    for flaw, tells in _TELLS.items():
        if tells.search(claim):
            return Understood(Says.FLAW, fault=True, flaw=flaw, strength=_strength(claim))
    if count := _IS_COUNT.search(claim):
        return Understood(Says.COUNT, fault=True, number=_NUMBERS.index(count[1]))
    said, *rest = _INSTEAD.split(claim, maxsplit=1)
    if ground := _IS_GROUND.search(said):
        return Understood(Says.GROUND, fault=bool(rest), ground=Background(ground[1]))
    things = things_in(said)
    if not things:
        return None
    if _IS_LACKING.search(said):
        nth = _IS_NTH.search(said)
        number = _ORDINALS.index(nth[1]) if nth else 0
        return Understood(Says.LACKS, fault=True, things=things, number=number)
    if _IS_GONE.search(said):
        return Understood(Says.LACKS, fault=False, things=things)
    return Understood(Says.SHOWS, fault=bool(rest or _IS_EXCESS.search(said)), things=things)


def _strength(claim: str) -> Strength | None:
    for strength, words in _DEGREES.items():
        if any(re.search(rf"\b{word}\b", claim) for word in words):
            return strength
    return None


def holds(claim: str, drawing: Drawing) -> bool | None:
    """Whether a claim is so of a drawing; None where the sentence is not of the teacher's kind."""
    said = understood(claim)
    if said is None:
        return None
    scene, defect = drawing.scene, drawing.defect
    match said.says:
        case Says.FLAW:
            return defect is not None and defect.flaw is said.flaw
        case Says.SOUND:
            return defect is None
        case Says.GROUND:
            return scene.background is said.ground
        case Says.COUNT:
            return len(scene.items) == said.number
        case Says.LACKS:
            return all(sum(map(w.fits, scene.items)) <= said.number for w in said.things)
    return all(any(w.fits(i) for i in scene.items) for w in said.things)
