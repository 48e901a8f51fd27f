"""`miniature:painter`: a simulated generator that draws scenes and errs by a seeded table.

It takes a request's words as the world's own reader of requests understands them, fills at random
whatever they leave open, and then makes the mistakes of `realise.MISTAKES` and, of an edit, those
of `editing`: at the same rates for every request, terse or detailed, with or without words on
quality, first or refined. So a refined request is drawn no better than the first one with a new
seed, save in what it asks for: a gain of refinement over new seeds is not built in, and none is to
be expected here. A simulation, for running the loop end to end; no claim about generators.
"""

from __future__ import annotations

from attrs import evolve

from parrot.backends.images import original_bytes
from parrot.backends.miniature.briefs import Brief, Edit, Want
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import expected
from parrot.backends.miniature.draw import decode, draw, image_of, png_of
from parrot.backends.miniature.editing import attempt_edit
from parrot.backends.miniature.reader import Seen, read
from parrot.backends.miniature.realise import attempt, random_scene, spoiled
from parrot.backends.miniature.requests import brief_of
from parrot.backends.miniature.world import PLACES, Drawing, Place, Scene
from parrot.core.values import Image, Request

PAINTER = 1
"""Changes whenever the same request and seed give another drawing."""


class Painter:
    """The simulated generator. What it does not understand, it draws at random.

    An edit begins from `start` where one is given, else from the first source; a request for a new
    image has no use for a start.
    """

    @property
    def id(self) -> str:
        return "miniature:painter"

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        """A 32x32 PNG; the same words, sources, start and seed draw the same. Raises ImageError."""
        return image_of(png_of(draw(drawing_for(request, seed, start))))

    async def aclose(self) -> None:
        """Holds nothing."""


def drawing_for(request: Request, seed: int, start: Image | None = None) -> Drawing:
    """What the painter draws, as the truth has it. Raises ImageError."""
    base = (start or request.sources[0]) if request.is_edit else None
    told = base.sha256 if base else ""
    chance = Chance("painter", PAINTER, request.prompt, told, seed)
    return spoiled(_scene(request, base, chance), chance)


def _scene(request: Request, base: Image | None, chance: Chance) -> Scene:
    brief = brief_of(request.prompt, is_edit=request.is_edit)
    if base is None:
        return _drawn(brief, chance)
    source = _seen(base)
    if source is None:
        return random_scene(chance)
    if brief is None or brief.edit is None or not _has_room(brief.edit, source):
        return source
    return attempt_edit(brief.edit, source, chance)


def _has_room(edit: Edit, source: Scene) -> bool:
    """Whether what an edit brings about finds a place; one that finds none is not made."""
    want, old = expected(edit, source)
    if want is None:
        return True
    if want.place is None:
        return bool(source.free)
    return want.place in source.free or (old is not None and old.place is want.place)


def _drawn(brief: Brief | None, chance: Chance) -> Scene:
    return random_scene(chance) if brief is None else attempt(_fitting(brief), chance)


def _fitting(brief: Brief) -> Brief:
    """What four places hold: of more things the first four, of two at one place the first there."""
    taken: set[Place] = set()
    wants: list[Want] = []
    for want in brief.wants[: len(PLACES)]:
        wants.append(evolve(want, place=None) if want.place in taken else want)
        taken |= {want.place} if want.place else set()
    return evolve(brief, wants=tuple(wants))


def _seen(image: Image) -> Scene | None:
    found = read(decode(original_bytes(image)))
    return found.drawing.scene if isinstance(found, Seen) else None
