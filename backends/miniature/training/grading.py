"""How well drawings meet their requests, as the exact reader reads them from the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.checks import Aspect, Check, checks_of
from parrot.backends.miniature.reader import Seen, read
from parrot.backends.miniature.training.captions import Shown
from parrot.backends.miniature.world import Drawing


def graded(shown: Sequence[Shown], images: Sequence[Pixels]) -> dict[str, float]:
    """Shares over the requests: objects (drawn whole as asked), met (every demand), unread, intended.

    What the reader abstains from counts as not met. intended: things of the scene behind the request
    that are drawn just so, told of or not: what a request's detail brings.
    """
    seen = [read(image) for image in images]
    checks = [_checks(one, what) for one, what in zip(shown, seen, strict=True)]
    objects = [right for some in checks for right in _objects(some)]
    met = [bool(some) and all(c.share == 1.0 for c in some) for some in checks]
    figures = {
        "objects": fmean(objects) if objects else 0.0,
        "met": fmean(met),
        "intended": fmean(
            right for one, what in zip(shown, seen, strict=True) for right in _intended(one, what)
        ),
        "unread": fmean(not isinstance(what, Seen) for what in seen),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _checks(one: Shown, what: object) -> list[Check]:
    """The demands of a request on what was read; on an empty image where nothing was."""
    drawing = what.drawing if isinstance(what, Seen) else None
    if drawing is None:
        return [
            Check(c.dimension, c.aspect, 0.0, c.want)
            for c in checks_of(one.brief, Drawing(one.scene), one.source)
        ]
    return checks_of(one.brief, drawing, one.source)


def _intended(one: Shown, what: object) -> list[bool]:
    scene = what.drawing.scene if isinstance(what, Seen) else None
    return [scene is not None and scene.at(item.place) == item for item in one.scene.items]


def _objects(checks: Sequence[Check]) -> list[bool]:
    """For each thing asked for: whether shape, colour, letter, and size and place if told, are right."""
    aspects = (Aspect.SHAPE, Aspect.COLOUR, Aspect.SIZE, Aspect.PLACE, Aspect.LETTER)
    things: list[list[Check]] = []
    for check in checks:
        if check.want is None or check.aspect not in aspects:
            continue
        if check.aspect is Aspect.SHAPE:  # the first check of each thing
            things.append([])
        things[-1].append(check)
    return [all(c.share == 1.0 for c in thing) for thing in things]
