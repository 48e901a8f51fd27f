"""The small world: what a drawn scene can hold, as values.

Knows nothing of pixels, requests or judges. Every size here is frozen: the student and the
generator that ship with the library are trained on scenes of exactly this form.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

SIDE: Final = 32
"""Width and height of every scene, in pixels."""
GRID: Final = 2
"""Places along each side."""
CELL: Final = SIDE // GRID
"""Width and height of a place, in pixels."""


class Shape(StrEnum):
    """What an item is. A LETTER says which in `Item.letter`."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    CROSS = "cross"
    LETTER = "letter"


class Colour(StrEnum):
    """What colour an item has."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    PURPLE = "purple"
    CYAN = "cyan"


class Size(StrEnum):
    """How large an item is; letters are always large."""

    SMALL = "small"
    LARGE = "large"


class Place(StrEnum):
    """Where an item is."""

    TOP_LEFT = "top left"
    TOP_RIGHT = "top right"
    BOTTOM_LEFT = "bottom left"
    BOTTOM_RIGHT = "bottom right"


class Background(StrEnum):
    """What lies behind the items."""

    WHITE = "white"
    GREY = "grey"
    BLACK = "black"


FIGURES: Final = (Shape.CIRCLE, Shape.SQUARE, Shape.TRIANGLE, Shape.CROSS)
COLOURS: Final = tuple(Colour)
SIZES: Final = tuple(Size)
PLACES: Final = tuple(Place)
BACKGROUNDS: Final = tuple(Background)
LETTERS: Final = ("A", "C", "E", "H", "K", "T", "X", "Z")

CORNERS: Final = {place: (CELL * (i // GRID), CELL * (i % GRID)) for i, place in enumerate(PLACES)}
"""The row and column of each place's upper left pixel."""


@frozen(slots=True)
class Item:
    """One thing in a scene. letter: one of `LETTERS` where the shape is LETTER, else empty."""

    shape: Shape
    colour: Colour
    size: Size
    place: Place
    letter: str = ""


@frozen(slots=True)
class Scene:
    """At most one item a place, in the order of `PLACES`, before a background."""

    items: tuple[Item, ...] = field()
    background: Background = Background.WHITE

    def at(self, place: Place) -> Item | None:
        """The item at a place, None where the place is empty."""
        for item in self.items:
            if item.place is place:
                return item
        return None

    @property
    def free(self) -> tuple[Place, ...]:
        """The empty places, in order."""
        taken = {item.place for item in self.items}
        return tuple(place for place in PLACES if place not in taken)


_ORDER: Final = {place: i for i, place in enumerate(PLACES)}


def scene_of(items: list[Item] | tuple[Item, ...], background: Background) -> Scene:
    """A scene with its items put in the order of `PLACES`."""
    return Scene(tuple(sorted(items, key=lambda item: _ORDER[item.place])), background)


class Flaw(StrEnum):
    """What can be physically wrong with an image."""

    BLUR = "blur"
    NOISE = "noise"
    CUT = "cut"  # a part of one item is erased
    STRAY = "stray"  # a mark that belongs to nothing
    TINT = "tint"  # the colours of the whole image are shifted


class Strength(StrEnum):
    """How strong a flaw is."""

    SLIGHT = "slight"
    CLEAR = "clear"
    HEAVY = "heavy"


FLAWS: Final = tuple(Flaw)
STRENGTHS: Final = tuple(Strength)
HARM: Final = {Strength.SLIGHT: 0.3, Strength.CLEAR: 0.6, Strength.HEAVY: 0.9}
"""What a flaw takes from an image's physical quality, on a scale of 0 to 1."""


@frozen(slots=True)
class Defect:
    """One flaw of one image. variant: which of the flaw's forms, from 0; place: of a CUT item."""

    flaw: Flaw
    strength: Strength
    variant: int = 0
    place: Place | None = None


@frozen(slots=True)
class Drawing:
    """Everything that is true of one image: its scene, and its defect if it has one."""

    scene: Scene
    defect: Defect | None = None


def scene_to_dict(scene: Scene) -> dict[str, Any]:
    """A scene as plain data."""
    return {
        "background": scene.background.value,
        "items": [
            [i.size.value, i.colour.value, i.shape.value, i.place.value, i.letter]
            for i in scene.items
        ],
    }


def scene_from_dict(data: dict[str, Any]) -> Scene:
    """The inverse of `scene_to_dict`. Raises ValueError on a word that the world lacks."""
    items = tuple(
        Item(Shape(shape), Colour(colour), Size(size), Place(place), letter)
        for size, colour, shape, place, letter in data["items"]
    )
    return Scene(items, Background(data["background"]))


def drawing_to_dict(drawing: Drawing) -> dict[str, Any]:
    """A drawing as plain data."""
    defect = drawing.defect
    return {
        **scene_to_dict(drawing.scene),
        "defect": defect
        and [
            defect.flaw.value,
            defect.strength.value,
            defect.variant,
            defect.place and defect.place.value,
        ],
    }


def drawing_from_dict(data: dict[str, Any]) -> Drawing:
    """The inverse of `drawing_to_dict`."""
    defect = data.get("defect")
    if not defect:
        return Drawing(scene_from_dict(data))
    flaw, strength, variant, place = defect
    return Drawing(
        scene_from_dict(data),
        Defect(Flaw(flaw), Strength(strength), int(variant), Place(place) if place else None),
    )
