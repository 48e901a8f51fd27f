"""What a request demands of an image, demand by demand, and how far each is met.

Pure: scenes in, shares out. The hidden human sums these shares over the true scene, the simulated
teacher over the scene it believes to see.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import permutations
from typing import Final

from attrs import frozen

from parrot.backends.miniature.briefs import Brief, Edit, Op, Want, located
from parrot.backends.miniature.world import (
    Background,
    Drawing,
    Flaw,
    Item,
    Place,
    Scene,
    Shape,
)

TEXT_FAITHFULNESS: Final = "text_faithfulness"
IMAGE_FAITHFULNESS: Final = "image_faithfulness"
PHYSICAL_QUALITY: Final = "physical_quality"
TEXT_RENDERING: Final = "text_rendering"


class Aspect(StrEnum):
    """What a demand is about."""

    SHAPE = "shape"  # the thing is there, with its shape
    COLOUR = "colour"
    SIZE = "size"
    PLACE = "place"
    COUNT = "count"  # as many things as were asked for, no more
    BACKGROUND = "background"
    LETTER = "letter"  # the letter is the right one, and whole
    GONE = "gone"  # what was to go has gone
    KEPT = "kept"  # a thing that was to stay has stayed as it was
    ADDED = "added"  # nothing was added that nobody asked for


@frozen(slots=True)
class Check:
    """One demand. share: how far it is met, in [0, 1].

    want: the thing asked for, or the thing that should stay or go. found: what stands for it in the
    image, None where nothing does. number, ground: what COUNT and BACKGROUND ask for.
    """

    dimension: str
    aspect: Aspect
    share: float
    want: Want | None = None
    found: Item | None = None
    number: int = 0
    ground: Background | None = None


def _likeness(want: Want, item: Item) -> int:
    shape, colour = item.shape is want.shape, item.colour is want.colour
    if not (shape or colour):
        return 0
    detail = (want.place is item.place) * 2 + (want.size is item.size)
    return 16 * shape + 12 * colour + 4 * (item.letter == want.letter) + detail


def matched(wants: tuple[Want, ...], items: tuple[Item, ...]) -> tuple[Item | None, ...]:
    """For each want the item that stands for it, so that all together are as alike as can be."""
    table = [[_likeness(want, item) for item in items] for want in wants]
    slots = [*range(len(items)), *[-1] * max(0, len(wants) - len(items))]
    best: tuple[int, ...] = ()
    most = -1
    for order in permutations(slots, len(wants)):
        total = sum(row[i] for row, i in zip(table, order, strict=True) if i >= 0)
        if total > most:
            best, most = order, total
    return tuple(items[i] if i >= 0 and table[k][i] else None for k, i in enumerate(best))


def _letter_share(want: Want, found: Item | None, drawing: Drawing) -> float:
    if found is None or found.letter != want.letter:
        return 0.0
    defect = drawing.defect
    cut = defect is not None and defect.flaw is Flaw.CUT and defect.place is found.place
    return 0.5 if cut else 1.0


def _of_want(want: Want, found: Item | None, drawing: Drawing) -> list[Check]:
    held = [
        (Aspect.SHAPE, found is not None and found.shape is want.shape),
        (Aspect.COLOUR, found is not None and found.colour is want.colour),
    ]
    if want.size and want.shape is not Shape.LETTER:
        held.append((Aspect.SIZE, found is not None and found.size is want.size))
    if want.place:
        held.append((Aspect.PLACE, found is not None and found.place is want.place))
    checks = [Check(TEXT_FAITHFULNESS, aspect, float(met), want, found) for aspect, met in held]
    if want.shape is Shape.LETTER:
        share = _letter_share(want, found, drawing)
        checks.append(Check(TEXT_RENDERING, Aspect.LETTER, share, want, found))
    return checks


def _of_ground(dimension: str, ground: Background, scene: Scene) -> Check:
    share = float(scene.background is ground)
    return Check(dimension, Aspect.BACKGROUND, share, ground=ground)


def drawing_checks(brief: Brief, drawing: Drawing) -> list[Check]:
    """The demands of a request for a new image."""
    scene, wants = drawing.scene, brief.wants
    checks: list[Check] = []
    for want, found in zip(wants, matched(wants, scene.items), strict=True):
        checks += _of_want(want, found, drawing)
    exact = float(len(scene.items) == len(wants))
    checks.append(Check(TEXT_FAITHFULNESS, Aspect.COUNT, exact, number=len(wants)))
    if brief.background:
        checks.append(_of_ground(TEXT_FAITHFULNESS, brief.background, scene))
    return checks


def _exact(item: Item) -> Want:
    return Want(item.shape, item.colour, item.letter, item.size, item.place)


def _gone(edit: Edit, old: Item, scene: Scene) -> Check:
    """Whether the old thing has left its place; what is removed must leave it empty."""
    left = scene.at(old.place)
    same = left is not None and (left.shape, left.colour, left.letter) == (
        old.shape,
        old.colour,
        old.letter,
    )
    gone = left is None if edit.op is Op.REMOVE else not same
    return Check(TEXT_FAITHFULNESS, Aspect.GONE, float(gone), _exact(old), left)


def expected(edit: Edit, source: Scene) -> tuple[Want | None, Item | None]:
    """What an edit should bring about: the thing that should be there, and the one changed."""
    old = located(edit.target, source) if edit.target else None
    new = edit.new
    if edit.op is Op.ADD or old is None:
        return new, old
    match edit.op:
        case Op.MOVE:
            return Want(old.shape, old.colour, old.letter, None, edit.place), old
        case Op.LETTER:
            return Want(old.shape, old.colour, edit.letter, None, old.place), old
        case Op.RECOLOUR if new:
            return Want(old.shape, new.colour, old.letter, None, old.place), old
        case Op.REPLACE if new:
            return Want(new.shape, new.colour, new.letter, new.size, old.place), old
    return None, old


def _change_checks(edit: Edit, source: Scene, drawing: Drawing) -> tuple[list[Check], set[Place]]:
    want, old = expected(edit, source)
    scene = drawing.scene
    checks: list[Check] = []
    touched: set[Place] = {old.place} if old else set()
    if want:
        if want.place:
            found = scene.at(want.place)
        else:
            # A judge that missees the source may not find the old thing in it: then anywhere will do.
            anywhere = edit.op is not Op.ADD
            fresh = tuple(i for i in scene.items if anywhere or i.place in source.free)
            found = matched((want,), fresh)[0]
        checks += [c for c in _of_want(want, found, drawing) if c.aspect is not Aspect.PLACE]
        if edit.op is Op.ADD and want.place:
            checks += [c for c in _of_want(want, found, drawing) if c.aspect is Aspect.PLACE]
        touched |= {want.place} if want.place else {found.place} if found else set()
    if old:
        checks.append(_gone(edit, old, scene))
    if edit.op is Op.BACKGROUND and edit.background:
        checks.append(_of_ground(TEXT_FAITHFULNESS, edit.background, scene))
    return checks, touched


def _kept(item: Item, scene: Scene) -> Check:
    found = scene.at(item.place)
    share = 0.0
    if found:
        same_shape = (found.shape, found.letter) == (item.shape, item.letter)
        share = (same_shape + (found.colour is item.colour) + (found.size is item.size)) / 3
    return Check(IMAGE_FAITHFULNESS, Aspect.KEPT, share, _exact(item), found)


def edit_checks(edit: Edit, source: Scene, drawing: Drawing) -> list[Check]:
    """The demands of an edit: the change is made, and all else stays."""
    scene = drawing.scene
    checks, touched = _change_checks(edit, source, drawing)
    checks += [_kept(item, scene) for item in source.items if item.place not in touched]
    extra = [p for p in source.free if p not in touched and scene.at(p)]
    added = scene.at(extra[0]) if extra else None
    checks.append(Check(IMAGE_FAITHFULNESS, Aspect.ADDED, float(not extra), found=added))
    if edit.op is not Op.BACKGROUND:
        checks.append(_of_ground(IMAGE_FAITHFULNESS, source.background, scene))
    return checks


def checks_of(brief: Brief, drawing: Drawing, source: Scene | None = None) -> list[Check]:
    """Every demand of a request on one image. source: the scene to be edited, for an edit."""
    if brief.edit is None:
        return drawing_checks(brief, drawing)
    if source is None:
        raise ValueError("an edit is judged against its source scene")
    return edit_checks(brief.edit, source, drawing)
