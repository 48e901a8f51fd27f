"""What a request asks for, as values: things wanted, an edit to make, words on quality.

Knows nothing of wording (see `requests`) or of images.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from parrot.backends.miniature.world import Background, Colour, Item, Place, Scene, Shape, Size


class Style(StrEnum):
    """Whether a request says where and how large (DETAILED) or only what (TERSE)."""

    TERSE = "terse"
    DETAILED = "detailed"


class Op(StrEnum):
    """What an edit does."""

    RECOLOUR = "recolour"
    REPLACE = "replace"
    REMOVE = "remove"
    ADD = "add"
    MOVE = "move"
    BACKGROUND = "background"
    LETTER = "letter"


OPS = tuple(Op)


@frozen(slots=True)
class Want:
    """One thing that a request names. What it leaves open is None; letters have no size."""

    shape: Shape
    colour: Colour
    letter: str = ""
    size: Size | None = None
    place: Place | None = None

    def fits(self, item: Item) -> bool:
        """Whether the item is wholly what is wanted."""
        return (
            item.shape is self.shape
            and item.colour is self.colour
            and item.letter == self.letter
            and self.size in (None, item.size)
            and self.place in (None, item.place)
        )


def want_of(item: Item, style: Style) -> Want:
    """The item as a request of that style names it."""
    if style is Style.TERSE:
        return Want(item.shape, item.colour, item.letter)
    size = None if item.shape is Shape.LETTER else item.size
    return Want(item.shape, item.colour, item.letter, size, item.place)


@frozen(slots=True)
class Edit:
    """One change. target: the thing changed, as the request names it; new: what comes of it.

    MOVE: `place` is where to. BACKGROUND: `background` is the new one. LETTER: `letter` is.
    """

    op: Op
    target: Want | None = None
    new: Want | None = None
    place: Place | None = None
    background: Background | None = None
    letter: str = ""


@frozen(slots=True)
class Brief:
    """What a request asks for. wants: of a drawing, in order; empty where it is an edit.

    background: named, and to be so. quality: whether the request speaks of quality.
    """

    style: Style
    wants: tuple[Want, ...] = field(default=())
    background: Background | None = None
    quality: bool = False
    edit: Edit | None = None


def located(target: Want, scene: Scene) -> Item | None:
    """The item that the words mean: the first that fits, else the nearest kin, else None."""
    for item in scene.items:
        if target.fits(item):
            return item
    for item in scene.items:
        if item.shape is target.shape and item.colour is target.colour:
            return item
    return None
