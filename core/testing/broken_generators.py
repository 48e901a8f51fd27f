"""Deliberately wrong generators: what the generators' conformance suite must catch.

Each says in one line what it does wrong; all else about it is right.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable

from attrs import evolve

from parrot.core.interfaces import Generator
from parrot.core.testing.fakes import ScriptedGenerator, plain_image
from parrot.core.values import Image, Request


class _WrongGenerator:
    id = "broken:generator"

    def __init__(self) -> None:
        self._sound = ScriptedGenerator(id=self.id)

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        return await self._sound.draw(request, seed=seed, start=start)

    async def aclose(self) -> None:
        return None


class IgnoresSeeds(_WrongGenerator):
    """Every seed draws the same."""

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        return await super().draw(request, seed=0 * seed, start=start)


class DrawsByChance(_WrongGenerator):
    """One seed draws something else each time."""

    _numbers = itertools.count()

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        return await super().draw(request, seed=seed + next(self._numbers), start=start)


class MisnamesImages(_WrongGenerator):
    """Says JPEG of a PNG."""

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        image = await super().draw(request, seed=seed, start=start)
        return evolve(image, media_type="image/jpeg")


class MiscountsDigests(_WrongGenerator):
    """The digest is that of something else."""

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        image = await super().draw(request, seed=seed, start=start)
        return evolve(image, sha256=hashlib.sha256(image.sha256.encode()).hexdigest())


class NeedsNoStart(_WrongGenerator):
    """A start image makes it raise what nobody is told of."""

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        if start is not None:
            raise TypeError("no start images here")
        return await super().draw(request, seed=seed)


class GivesPixels(_WrongGenerator):
    """Gives bytes, not an Image."""

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        del request, start
        return plain_image(seed % 256, 0, 0).source  # type: ignore[return-value]


GENERATORS: tuple[Callable[[], Generator], ...] = (
    IgnoresSeeds,
    DrawsByChance,
    MisnamesImages,
    MiscountsDigests,
    NeedsNoStart,
    GivesPixels,
)
