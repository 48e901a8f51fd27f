"""How a scene comes out: what was asked for, with the mistakes that image generators make.

Draws scenes, requests for them and tries at those requests. Knows nothing of who judges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve

from parrot.backends.miniature.briefs import Brief, Style, Want, want_of
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.defects import random_defect
from parrot.backends.miniature.requests import random_style
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    LETTERS,
    PLACES,
    SIZES,
    Drawing,
    Item,
    Place,
    Scene,
    Shape,
    Size,
    scene_of,
)

HOW_MANY: Final = ((1, 2, 3, 4), (0.3, 0.4, 0.2, 0.1))
LETTER_SHARE: Final = 0.22  # of scenes that hold a letter; at most one
TWIN_SHARE: Final = 0.08  # of items that look like the one before, so that numbers are asked for
DEFECT_SHARE: Final = 0.4
MISTAKES: Final = {
    "missing": 0.06,
    "colour": 0.09,
    "shape": 0.06,
    "size": 0.08,
    "place": 0.08,
    "letter": 0.3,
    "extra": 0.12,
    "background": 0.1,
}
"""How often each goes wrong in an image: once a thing, or once an image for the last two."""


def random_item(chance: Chance, place: Place) -> Item:
    """Any figure, at a place."""
    return Item(chance.pick(FIGURES), chance.pick(COLOURS), chance.pick(SIZES), place)


def random_scene(chance: Chance, *, count: int = 0, twins: bool = True) -> Scene:
    """A scene as people ask for. count: of items, drawn where 0. twins: may two be alike?"""
    count = count or chance.weighted(*HOW_MANY)
    items: list[Item] = []
    for place in chance.shuffled(PLACES)[:count]:
        if twins and items and chance.hit(TWIN_SHARE):
            items.append(evolve(items[-1], place=place))
            continue
        item = random_item(chance, place)
        while any((i.shape, i.colour) == (item.shape, item.colour) for i in items):
            item = random_item(chance, place)
        items.append(item)
    if chance.hit(LETTER_SHARE):
        first = items[0]
        letter = chance.pick(LETTERS)
        if not any(i.shape is first.shape and i.colour is first.colour for i in items[1:]):
            items[0] = Item(Shape.LETTER, first.colour, Size.LARGE, first.place, letter)
    return scene_of(items, chance.pick(BACKGROUNDS))


def brief_for(scene: Scene, chance: Chance, style: Style | None = None) -> Brief:
    """A request that the scene would satisfy. style: drawn where None."""
    drawn, ground, quality = random_style(chance)
    style = style or drawn
    wants = tuple(sorted((want_of(i, style) for i in scene.items), key=_group(scene, style)))
    return Brief(style, wants, scene.background if ground else None, quality)


def _group(scene: Scene, style: Style) -> Callable[[Want], int]:
    order: dict[Want, int] = {}
    for item in scene.items:
        order.setdefault(want_of(item, style), len(order))
    return order.__getitem__


def ideal(brief: Brief, chance: Chance) -> Scene:
    """A scene that satisfies a request for a new image; what it leaves open is drawn."""
    taken = {want.place for want in brief.wants if want.place}
    free = chance.shuffled([place for place in PLACES if place not in taken])
    items = [
        Item(
            want.shape,
            want.colour,
            want.size or (Size.LARGE if want.letter else chance.pick(SIZES)),
            want.place or free.pop(),
            want.letter,
        )
        for want in brief.wants
    ]
    return scene_of(items, brief.background or chance.pick(BACKGROUNDS))


def mistaken(item: Item, chance: Chance, *, sized: bool) -> Item | None:
    """The item as it comes out: often right, sometimes wrong in a way, sometimes not at all."""
    if chance.hit(MISTAKES["missing"]):
        return None
    if chance.hit(MISTAKES["colour"]):
        item = evolve(item, colour=chance.other(COLOURS, item.colour))
    if item.shape is Shape.LETTER:
        if chance.hit(MISTAKES["letter"]):
            item = evolve(item, letter=chance.other(LETTERS, item.letter))
        return item
    if chance.hit(MISTAKES["shape"]):
        item = evolve(item, shape=chance.other(FIGURES, item.shape))
    if sized and chance.hit(MISTAKES["size"]):
        item = evolve(item, size=chance.other(SIZES, item.size))
    return item


def attempt(brief: Brief, chance: Chance) -> Scene:
    """One try at a request for a new image, mistakes included."""
    goal = ideal(brief, chance)
    sized = brief.style is Style.DETAILED
    items = [made for item in goal.items if (made := mistaken(item, chance, sized=sized))]
    items = _displaced(items, chance) if sized else items
    scene = scene_of(items, goal.background)
    return cluttered(scene, chance, MISTAKES["extra"], MISTAKES["background"])


def _displaced(items: list[Item], chance: Chance) -> list[Item]:
    for i, item in enumerate(items):
        free = [p for p in PLACES if all(p is not other.place for other in items)]
        if free and chance.hit(MISTAKES["place"]):
            items[i] = evolve(item, place=chance.pick(free))
    return items


def cluttered(scene: Scene, chance: Chance, extra: float, ground: float) -> Scene:
    """The scene with now and then a thing too many, or on a wrong background."""
    items, background = list(scene.items), scene.background
    if scene.free and (chance.hit(extra) or not items):
        items.append(random_item(chance, chance.pick(scene.free)))
    if chance.hit(ground):
        background = chance.other(BACKGROUNDS, background)
    return scene_of(items, background)


def spoiled(scene: Scene, chance: Chance) -> Drawing:
    """The scene as an image, now and then with a defect."""
    if not chance.hit(DEFECT_SHARE):
        return Drawing(scene)
    return Drawing(scene, random_defect(chance, scene))
