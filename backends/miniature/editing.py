"""Edits: scenes to be edited, requests to edit them, and how the edited scene comes out.

Knows nothing of who judges.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from parrot.backends.miniature.briefs import OPS, Brief, Edit, Op, Style, Want, want_of
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import expected
from parrot.backends.miniature.realise import cluttered, mistaken, random_item, random_scene
from parrot.backends.miniature.requests import random_style
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    LETTERS,
    SIZES,
    Colour,
    Item,
    Place,
    Scene,
    Shape,
    Size,
    scene_of,
)

IGNORED: Final = 0.12  # the edit is not made at all
ASTRAY: Final = 0.06  # it is made to another thing
HARMED: Final = 0.1  # a thing that should stay is changed; once a thing
EXTRA: Final = 0.06  # something is added that nobody asked for
GROUND: Final = 0.08  # the background is changed


def random_edit(chance: Chance) -> tuple[Scene, Brief]:
    """A scene to be edited, and a request to edit it."""
    op = chance.pick(OPS)
    source = _source_for(op, chance)
    style, ground, quality = random_style(chance)
    ground = ground and op is not Op.BACKGROUND
    edit = _edit_for(op, source, style, chance)
    return source, Brief(style, (), source.background if ground else None, quality, edit)


def _source_for(op: Op, chance: Chance) -> Scene:
    count = chance.pick({Op.ADD: (1, 2, 3), Op.REMOVE: (2, 3, 4)}.get(op, (1, 2, 3)))
    while True:
        scene = random_scene(chance, count=count, twins=False)
        lettered = any(i.shape is Shape.LETTER for i in scene.items)
        plain = any(i.shape is not Shape.LETTER for i in scene.items)
        if lettered if op is Op.LETTER else plain:
            return scene


def _edit_for(op: Op, source: Scene, style: Style, chance: Chance) -> Edit:
    if op is Op.BACKGROUND:
        return Edit(op, background=chance.other(BACKGROUNDS, source.background))
    if op is Op.ADD:
        return Edit(op, new=want_of(_newcomer(source, chance.pick(source.free), chance), style))
    lettered = op is Op.LETTER or (op in (Op.RECOLOUR, Op.MOVE) and chance.hit(0.5))
    among = [i for i in source.items if (i.shape is Shape.LETTER) is lettered]
    old = chance.pick(among or source.items)
    target = want_of(old, style)
    return _change(Edit(op, target), old, source, chance)


def _change(edit: Edit, old: Item, source: Scene, chance: Chance) -> Edit:
    match edit.op:
        case Op.RECOLOUR if edit.target:
            return evolve(edit, new=evolve(edit.target, colour=_fresh_colour(old, source, chance)))
        case Op.REPLACE:
            style = Style.DETAILED if edit.target and edit.target.place else Style.TERSE
            new = want_of(_newcomer(source, old.place, chance), style)
            return evolve(edit, new=evolve(new, place=None))
        case Op.MOVE:
            return evolve(edit, place=chance.pick(source.free))
        case Op.LETTER:
            return evolve(edit, letter=chance.other(LETTERS, old.letter))
    return edit


def _newcomer(source: Scene, place: Place, chance: Chance) -> Item:
    while True:
        item = random_item(chance, place)
        if all((i.shape, i.colour) != (item.shape, item.colour) for i in source.items):
            return item


def _fresh_colour(old: Item, source: Scene, chance: Chance) -> Colour:
    used = {i.colour for i in source.items if i.shape is old.shape}
    return chance.pick([c for c in COLOURS if c not in used])


def _made(want: Want, old: Item | None, free: tuple[Place, ...], chance: Chance) -> Item:
    size = want.size or (old.size if old else chance.pick(SIZES))
    size = Size.LARGE if want.shape is Shape.LETTER else size
    return Item(want.shape, want.colour, size, want.place or chance.pick(free), want.letter)


def edited(edit: Edit, source: Scene, chance: Chance) -> Scene:
    """The source with the edit made as asked, and nothing else changed."""
    want, old = expected(edit, source)
    items = [item for item in source.items if item != old or edit.op is Op.BACKGROUND]
    if want:
        items.append(_made(want, old, source.free, chance))
    return scene_of(items, edit.background or source.background)


def _astray(edit: Edit, source: Scene, chance: Chance) -> Edit:
    others = [i for i in source.items if edit.target and not edit.target.fits(i)]
    others = [i for i in others if (i.shape is Shape.LETTER) is (edit.op is Op.LETTER)]
    if not others or edit.target is None:
        return edit
    return evolve(edit, target=want_of(chance.pick(others), Style.DETAILED))


def _harmed(item: Item, chance: Chance) -> Item | None:
    what = chance.below(4)
    if what == 0:
        return None
    if what == 1 and item.shape is not Shape.LETTER:
        return evolve(item, shape=chance.other(FIGURES, item.shape))
    if what == 2 and item.shape is not Shape.LETTER:
        return evolve(item, size=chance.other(SIZES, item.size))
    return evolve(item, colour=chance.other(COLOURS, item.colour))


def attempt_edit(edit: Edit, source: Scene, chance: Chance) -> Scene:
    """One try at an edit, mistakes included."""
    if chance.hit(IGNORED):
        goal = source
    else:
        goal = edited(_astray(edit, source, chance) if chance.hit(ASTRAY) else edit, source, chance)
    items: list[Item] = []
    for item in goal.items:
        made: Item | None = item
        if item not in source.items:
            made = mistaken(item, chance, sized=False)
        elif chance.hit(HARMED):
            made = _harmed(item, chance)
        if made:
            items.append(made)
    return cluttered(scene_of(items, goal.background), chance, EXTRA, GROUND)
