"""Lessons that need no request: what an image shows, place by place, and questions about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from parrot.backends.miniature.briefs import Style, Want, want_of
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.claims import thing_of
from parrot.backends.miniature.pairs import Split
from parrot.backends.miniature.requests import listed, noun, phrase
from parrot.backends.miniature.training.student.lessons import (
    SLOT,
    Lesson,
    lesson,
    plain_ask,
)
from parrot.backends.miniature.training.student.situations import (
    free_scene,
    situation,
    spoiled,
)
from parrot.backends.miniature.world import (
    COLOURS,
    FIGURES,
    PLACES,
    SIZES,
    Defect,
    Drawing,
    Flaw,
    Item,
    Place,
    Scene,
    Shape,
)

DESCRIBE: Final = "Describe the image."
LIST: Final = "List the image place by place."
LIST_BOTH: Final = "List both images place by place."
ANSWER: Final = "Answer each question behind it."
QUESTIONS: Final = 6
_NOTHING: Final = "nothing"
_FLAWS: Final = {
    Flaw.BLUR: "blurred",
    Flaw.NOISE: "noisy",
    Flaw.CUT: "cut off",
    Flaw.STRAY: "marred by a stray mark",
    Flaw.TINT: "tinted",
}
_DEGREES: Final = {"slight": "slightly", "clear": "clearly", "heavy": "heavily"}
_COUNTS: Final = ("no", "one", "two", "three", "four")


def described(drawing: Drawing) -> str:
    """The caption that a student learns: every thing, the background, how sound it is."""
    items = drawing.scene.items
    things = listed([f"a {phrase(thing_of(item))}" for item in items]) if items else _NOTHING
    ground = f"on a {drawing.scene.background.value} background"
    return f"The image shows {things} {ground}. It is {soundness(drawing.defect)}."


def soundness(defect: Defect | None) -> str:
    """How sound an image is, in two words or so."""
    if defect is None:
        return "free of flaws"
    return f"{_DEGREES[defect.strength.value]} {_FLAWS[defect.flaw]}"


def caption(chance: Chance, split: Split) -> Lesson:
    """Describe one image."""
    drawing = spoiled(free_scene(chance, split), chance)
    return lesson("caption", plain_ask(SLOT, DESCRIBE), described(drawing), drawing)


def at(scene: Scene, place: Place) -> str:
    """What is at a place, without saying where that is."""
    item = scene.at(place)
    return phrase(Want(item.shape, item.colour, item.letter, item.size)) if item else _NOTHING


def places(chance: Chance, split: Split) -> Lesson:
    """List one image place by place."""
    drawing = spoiled(free_scene(chance, split), chance)
    lines = [f"{place.value}: {at(drawing.scene, place)}" for place in PLACES]
    return lesson("places", plain_ask(SLOT, LIST), "\n".join(lines), drawing)


def both_places(chance: Chance, split: Split) -> Lesson:
    """List two images of one request, or a source and its edit, place by place."""
    edit = chance.hit(0.5)
    made = situation(chance, edit=edit, tries=1 if edit else 2, split=split)
    one = Drawing(made.source) if made.source else made.tries[1]
    other = made.tries[0]
    names = ("Source image:", "Image:") if edit else ("Image A:", "Image B:")
    lines = [f"{p.value}: {at(one.scene, p)}, {at(other.scene, p)}" for p in PLACES]
    ask = plain_ask(names[0], SLOT, names[1], SLOT, LIST_BOTH)
    return lesson("both places", ask, "\n".join(lines), one, other)


_Ask = Callable[[Drawing, Chance], tuple[str, str, str]]


def _what(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    place = chance.pick(PLACES)
    return "what", f"What is at the {place.value}?", at(drawing.scene, place)


def _somebody(scene: Scene, chance: Chance) -> Item:
    """A thing that is there, or as often one that differs from it in one way."""
    item = chance.pick(scene.items)
    what = chance.below(7)
    if what == 0:
        return Item(
            item.shape, chance.other(COLOURS, item.colour), item.size, item.place, item.letter
        )
    if what == 1 and item.shape is not Shape.LETTER:
        return Item(chance.other(FIGURES, item.shape), item.colour, item.size, item.place)
    if what == 2 and item.shape is not Shape.LETTER:
        return Item(item.shape, item.colour, chance.other(SIZES, item.size), item.place)
    if what == 3:
        return Item(
            item.shape, item.colour, item.size, chance.other(PLACES, item.place), item.letter
        )
    return item


def _is_there(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    item = _somebody(drawing.scene, chance)
    detail = Style.DETAILED if chance.hit(0.5) else Style.TERSE
    want = want_of(item, detail)
    there = any(want.fits(one) for one in drawing.scene.items)
    return "is there", f"Is there a {phrase(want)}?", "yes" if there else "no"


def _where(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    item = _somebody(drawing.scene, chance)
    want = want_of(item, Style.TERSE)
    found = [one.place.value for one in drawing.scene.items if want.fits(one)]
    said = f"at the {listed(found)}" if found else "nowhere"
    return "where", f"Where is a {phrase(want)}?", said


def _how_many(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    del chance
    return "how many", "How many objects are there?", _COUNTS[len(drawing.scene.items)]


def _colour(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    item = chance.pick(drawing.scene.items)
    name = noun(item.shape, item.letter)
    return "colour", f"Which colour is the {name} at the {item.place.value}?", item.colour.value


def _size(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    item = chance.pick(drawing.scene.items)
    return "size", f"How large is the object at the {item.place.value}?", item.size.value


def _ground(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    del chance
    return "background", "Which background is it?", drawing.scene.background.value


def _flaw(drawing: Drawing, chance: Chance) -> tuple[str, str, str]:
    del chance
    return "flaw", "How sound is the image?", soundness(drawing.defect)


_KINDS: Final[tuple[_Ask, ...]] = (
    _what,
    _what,
    _is_there,
    _is_there,
    _is_there,
    _where,
    _where,
    _colour,
    _how_many,
    _colour,
    _size,
    _ground,
    _flaw,
)


def asked(drawing: Drawing, chance: Chance, count: int = QUESTIONS) -> list[tuple[str, str, str]]:
    """Questions about a drawing: kind, question and answer."""
    return [chance.pick(_KINDS)(drawing, chance) for _ in range(count)]


def questions(chance: Chance, split: Split) -> Lesson:
    """Several questions about one image, each said again with its answer behind it.

    So an answer stands beside what it has to look up; a list of bare answers is learned far slower.
    """
    drawing = spoiled(free_scene(chance, split), chance)
    made = asked(drawing, chance)
    text = "\n".join(question for _, question, _ in made)
    answer = "\n".join(f"{question} {said}" for _, question, said in made)
    return lesson("questions", plain_ask(SLOT, f"{text}\n{ANSWER}"), answer, drawing)
