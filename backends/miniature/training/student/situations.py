"""Requests with tries at them, as lessons need them: every way of going wrong about as often.

Real tries are mostly right, and a student of them learns to answer "present" without looking. Here
a wanted thing is as likely wrong as right, and wrong in every way that can be seen. All that is
drawn belongs to one split: prompts, sources and tries alike.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from parrot.backends.miniature.briefs import Brief, Edit, Op, Style
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.defects import random_defect
from parrot.backends.miniature.editing import edited, random_edit
from parrot.backends.miniature.pairs import Split, in_split, scene_in_split
from parrot.backends.miniature.realise import brief_for, ideal, random_item, random_scene
from parrot.backends.miniature.requests import prompt_of
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    LETTERS,
    SIZES,
    Drawing,
    Item,
    Scene,
    Shape,
    scene_of,
)


class Miss(StrEnum):
    """What can be wrong with one thing."""

    ABSENT = "absent"
    COLOUR = "colour"
    SHAPE = "shape"
    SIZE = "size"
    PLACE = "place"
    LETTER = "letter"


WRONG: Final = 0.5  # of the things that a request asks for
HARMED: Final = 0.25  # of the things that an edit should leave alone
SWAPPED: Final = 0.12  # of tries with two things: their colours change places
EXTRA: Final = 0.2
GROUND: Final = 0.2
IGNORED: Final = 0.2  # of edits
DEFECT: Final = 0.4


@frozen(slots=True)
class Situation:
    """A request and images made for it. source: the scene to be edited, for an edit."""

    prompt: str
    brief: Brief
    source: Scene | None
    tries: tuple[Drawing, ...]


def situation(
    chance: Chance,
    *,
    edit: bool,
    tries: int = 1,
    split: Split = "train",
    style: Style | None = None,
) -> Situation:
    """A request, terse and detailed alike, with so many tries, all of the split."""
    while True:
        made = _situation(chance, tries, split, edit=edit, style=style)
        if made is not None:
            return made


def _situation(
    chance: Chance, tries: int, split: Split, *, edit: bool, style: Style | None
) -> Situation | None:
    source: Scene | None = None
    if edit:
        source, brief = random_edit(chance)
    else:
        brief = brief_for(random_scene(chance), chance, style or chance.pick(tuple(Style)))
    prompt = prompt_of(brief, chance)
    if not in_split(split, prompt) or (source and not scene_in_split(split, source)):
        return None
    made: list[Drawing] = []
    for _ in range(tries):
        goal = brief.edit and source and _edited(brief.edit, source, chance)
        scene = goal or attempt(brief, chance)
        if not scene_in_split(split, scene):
            return None
        made.append(spoiled(scene, chance))
    return Situation(prompt, brief, source, tuple(made))


def spoiled(scene: Scene, chance: Chance) -> Drawing:
    """The scene as an image, sound or with a defect."""
    return Drawing(scene, random_defect(chance, scene) if chance.hit(DEFECT) else None)


def free_scene(chance: Chance, split: Split = "train") -> Scene:
    """A scene that nobody asked for, with any number of things."""
    while True:
        scene = random_scene(chance, count=chance.pick((1, 2, 3, 4)))
        if scene_in_split(split, scene):
            return scene


def attempt(brief: Brief, chance: Chance) -> Scene:
    """One try at a request for a new image."""
    goal = ideal(brief, chance)
    items = _swapped(list(goal.items), chance) if chance.hit(SWAPPED) else list(goal.items)
    return _cluttered(_with_misses(items, WRONG, chance), goal, chance)


def _edited(edit: Edit, source: Scene, chance: Chance) -> Scene:
    goal = source if chance.hit(IGNORED) else edited(_astray(edit, source, chance), source, chance)
    kept = [item for item in goal.items if item in source.items]
    made = [item for item in goal.items if item not in source.items]
    items = _with_misses(kept, HARMED, chance) + _with_misses(made, WRONG, chance)
    return _cluttered(_apart(items), goal, chance)


def _astray(edit: Edit, source: Scene, chance: Chance) -> Edit:
    """Now and then the change is made to another thing than the one meant."""
    others = [item for item in source.items if edit.target and not edit.target.fits(item)]
    if not (others and edit.target and edit.op is not Op.LETTER and chance.hit(0.1)):
        return edit
    other = chance.pick(others)
    target = evolve(edit.target, shape=other.shape, colour=other.colour, letter=other.letter)
    return evolve(edit, target=evolve(target, size=None, place=other.place))


def _apart(items: list[Item]) -> list[Item]:
    """At most one thing a place: the first keeps it."""
    return list({item.place: item for item in reversed(items)}.values())


def _with_misses(items: list[Item], rate: float, chance: Chance) -> list[Item]:
    out = list(items)
    for item in items:
        if chance.hit(rate):
            out.remove(item)
            wrong = _missed(item, out, chance)
            out += [wrong] if wrong else []
    return out


def _missed(item: Item, others: list[Item], chance: Chance) -> Item | None:
    lettered = item.shape is Shape.LETTER
    able = [Miss.ABSENT, Miss.COLOUR, Miss.PLACE]
    able += [Miss.LETTER, Miss.LETTER] if lettered else [Miss.SHAPE, Miss.SIZE]
    match chance.pick(able):
        case Miss.COLOUR:
            return evolve(item, colour=chance.other(COLOURS, item.colour))
        case Miss.SHAPE:
            return evolve(item, shape=chance.other(FIGURES, item.shape))
        case Miss.SIZE:
            return evolve(item, size=chance.other(SIZES, item.size))
        case Miss.LETTER:
            return evolve(item, letter=chance.other(LETTERS, item.letter))
        case Miss.PLACE:
            free = [p for p in scene_of(others, BACKGROUNDS[0]).free if p is not item.place]
            return evolve(item, place=chance.pick(free)) if free else None
    return None


def _swapped(items: list[Item], chance: Chance) -> list[Item]:
    if len(items) < 2:
        return items
    one, other, *rest = chance.shuffled(items)
    return [evolve(one, colour=other.colour), evolve(other, colour=one.colour), *rest]


def _cluttered(items: list[Item], goal: Scene, chance: Chance) -> Scene:
    scene, ground = scene_of(items, goal.background), goal.background
    if scene.free and (chance.hit(EXTRA) or not items):
        items = [*items, random_item(chance, chance.pick(scene.free))]
    if chance.hit(GROUND):
        ground = chance.other(BACKGROUNDS, ground)
    return scene_of(items, ground)
