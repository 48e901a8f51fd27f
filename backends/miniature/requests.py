"""The wording of requests, and back: a brief to a prompt, a prompt to a brief.

Words on quality and on the background stand as often on terse requests as on detailed ones, and a
bare terse request is as common as a detailed one, so that no model may confuse rarity with meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from attrs import frozen

from parrot.backends.miniature.briefs import Brief, Edit, Op, Style, Want
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    PLACES,
    SIZES,
    Background,
    Colour,
    Place,
    Shape,
    Size,
)

TERSE_SHARE: Final = 2 / 3
"""Share of terse requests. With half of each style bare, bare terse = detailed = one in three."""
BARE_SHARE: Final = 1 / 2
SUFFIXES: Final = ((True, False), (False, True), (True, True))
"""Background named, quality named; each as likely among requests that are not bare."""

_LEADS: Final = ("", "a picture of ", "show ", "draw ")
_QUALITY: Final = ("sharp and clean", "crisp and neat", "in high quality")
_NUMBERS: Final = {2: "two", 3: "three", 4: "four"}
_EDITS: Final = {
    Op.RECOLOUR: ("make the {t} {c}", "change the {t} to {c}", "paint the {t} {c}"),
    Op.REPLACE: ("replace the {t} with a {n}", "turn the {t} into a {n}"),
    Op.REMOVE: ("remove the {t}", "take away the {t}"),
    Op.ADD: ("add a {n}", "put in a {n}"),
    Op.MOVE: ("move the {t} to the {p}", "shift the {t} to the {p}"),
    Op.BACKGROUND: ("change the background to {b}", "make the background {b}"),
    Op.LETTER: ('change the {t} to "{l}"', 'replace the {t} with "{l}"'),
}
KEEP: Final = ", and keep everything else as it is"


def noun(shape: Shape, letter: str = "") -> str:
    """What the thing is called, without its colour."""
    return f'letter "{letter}"' if shape is Shape.LETTER else shape.value


def phrase(want: Want) -> str:
    """The thing as a request names it: "small red circle at the top left"."""
    size = f"{want.size.value} " if want.size and want.shape is not Shape.LETTER else ""
    place = f" at the {want.place.value}" if want.place else ""
    return f"{size}{want.colour.value} {noun(want.shape, want.letter)}{place}"


def plural(want: Want) -> str:
    """Several of the thing; only what has no size and place is counted."""
    return phrase(want) + ("es" if want.shape is Shape.CROSS else "s")


def listed(parts: list[str]) -> str:
    """Parts joined as a sentence joins them."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _drawing_words(brief: Brief) -> str:
    counted = Counter(brief.wants)
    parts = [
        f"a {phrase(want)}" if count == 1 else f"{_NUMBERS[count]} {plural(want)}"
        for want, count in counted.items()
    ]
    ground = f" on a {brief.background.value} background" if brief.background else ""
    return listed(parts) + ground


def _edit_words(brief: Brief, edit: Edit, form: str) -> str:
    words = form.format(
        t=edit.target and phrase(edit.target),
        n=edit.new and phrase(edit.new),
        c=edit.new and edit.new.colour.value,
        p=edit.place and edit.place.value,
        b=edit.background and edit.background.value,
        l=edit.letter,
    )
    keep = KEEP if brief.style is Style.DETAILED else ""
    ground = f", on the same {brief.background.value} background" if brief.background else ""
    return words + keep + ground


def wording(brief: Brief) -> str:
    """The brief in the plainest of its wordings, without a word on quality."""
    if brief.edit is None:
        return _drawing_words(brief)
    return _edit_words(brief, brief.edit, _EDITS[brief.edit.op][0])


def prompt_of(brief: Brief, chance: Chance) -> str:
    """A prompt that asks for the brief; which of its wordings is drawn."""
    edit, lead = brief.edit, "" if brief.edit else chance.pick(_LEADS)
    if edit:
        words = _edit_words(brief, edit, chance.pick(_EDITS[edit.op]))
    else:
        words = lead + _drawing_words(brief)
    return f"{words}, {chance.pick(_QUALITY)}" if brief.quality else words


def random_style(chance: Chance) -> tuple[Style, bool, bool]:
    """A style, whether the background is named, and whether quality is."""
    style = Style.TERSE if chance.hit(TERSE_SHARE) else Style.DETAILED
    if chance.hit(BARE_SHARE):
        return style, False, False
    background, quality = chance.pick(SUFFIXES)
    return style, background, quality


def _any(words: tuple[str, ...]) -> str:
    return "|".join(words)


_SIZE, _COLOUR = _any(tuple(SIZES)), _any(tuple(COLOURS))
_SHAPE, _PLACE, _GROUND = _any(tuple(FIGURES)), _any(tuple(PLACES)), _any(tuple(BACKGROUNDS))
_THING = re.compile(
    rf"(?:\b(?P<number>two|three|four) )?(?:\b(?P<size>{_SIZE}) )?\b(?P<colour>{_COLOUR}) "
    rf"(?:(?P<shape>{_SHAPE})(?:e?s)?\b|letter \"(?P<letter>[A-Z])\")(?: at the (?P<place>{_PLACE}))?"
)
_NAMED_GROUND = re.compile(rf"\bon (?:a|the same) (?P<ground>{_GROUND}) background")
_NEW_GROUND = re.compile(rf"\b(?:change|make) the background (?:to )?(?P<ground>{_GROUND})\b")
_NEW_LETTER = re.compile(r"\b(?:to|with|into) (?:the letter )?\"(?P<letter>[A-Z])\"")
_NEW_COLOUR = re.compile(
    rf"\b(?:make|change|paint) the .+? (?:to )?(?P<colour>{_COLOUR})(?![\w ]*\w)"
)
_NEW_PLACE = re.compile(rf"\b(?:move|shift) the .+? to the (?P<place>{_PLACE})\b")
_AMOUNT: Final = {"two": 2, "three": 3, "four": 4}


@frozen(slots=True)
class Mention:
    """Where a text names a thing. count: how many of it; start, end: of its characters."""

    want: Want
    count: int
    start: int
    end: int


def mentions_in(text: str) -> tuple[Mention, ...]:
    """Every place where a text names things with their colour, in order."""
    found: list[Mention] = []
    for hit in _THING.finditer(text):
        size, place, letter = hit["size"], hit["place"], hit["letter"]
        want = Want(
            Shape.LETTER if letter else Shape(hit["shape"]),
            Colour(hit["colour"]),
            letter or "",
            Size(size) if size and not letter else None,
            Place(place) if place else None,
        )
        found.append(Mention(want, _AMOUNT.get(hit["number"] or "", 1), hit.start(), hit.end()))
    return tuple(found)


def things_in(text: str) -> tuple[Want, ...]:
    """Every thing that a text names with its colour, in order and as often as it says."""
    return tuple(m.want for m in mentions_in(text) for _ in range(m.count))


def brief_of(prompt: str, *, is_edit: bool) -> Brief | None:
    """What a prompt asks for, read from its words; None where it names nothing of this world."""
    ground = _NAMED_GROUND.search(prompt)
    background = Background(ground["ground"]) if ground else None
    quality = any(words in prompt for words in _QUALITY)
    things = things_in(prompt)
    if not is_edit:
        style = Style.DETAILED if any(w.place or w.size for w in things) else Style.TERSE
        return Brief(style, things, background, quality) if things else None
    edit = _edit_of(prompt, things)
    style = Style.DETAILED if KEEP in prompt else Style.TERSE
    return Brief(style, (), background, quality, edit) if edit else None


def _edit_of(prompt: str, things: tuple[Want, ...]) -> Edit | None:
    if hit := _NEW_GROUND.search(prompt):
        return Edit(Op.BACKGROUND, background=Background(hit["ground"]))
    if not things:
        return None
    first = things[0]
    if re.search(r"\b(?:remove|take away)\b", prompt):
        return Edit(Op.REMOVE, target=first)
    if re.search(r"\b(?:add|put in) a\b", prompt):
        return Edit(Op.ADD, new=first)
    if len(things) > 1 and re.search(r"\b(?:replace|turn)\b", prompt):
        return Edit(Op.REPLACE, target=first, new=things[1])
    return _change_of(prompt, first)


def _change_of(prompt: str, target: Want) -> Edit | None:
    if target.letter and (hit := _NEW_LETTER.search(prompt)):
        return Edit(Op.LETTER, target=target, letter=hit["letter"])
    if hit := _NEW_PLACE.search(prompt):
        return Edit(Op.MOVE, target=target, place=Place(hit["place"]))
    if hit := _NEW_COLOUR.search(prompt):
        new = Want(target.shape, Colour(hit["colour"]), target.letter, target.size, target.place)
        return Edit(Op.RECOLOUR, target=target, new=new)
    return None
