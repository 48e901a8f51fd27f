"""The conformance suite of generators: the same seed draws the same image, and images are images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from parrot.core.errors import ImageError, ModelError
from parrot.core.interfaces import Generator
from parrot.core.testing.expecting import expect, run_alone
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Image, Request

_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
}


def check_generator(
    make_generator: Callable[[], Generator],
    *,
    request: Request | None = None,
    edits: bool = True,
) -> None:
    """Asserts what every Generator must do; `make_generator` gives a new one each time.

    request: one that it can draw, without sources. edits: whether it takes source images too. Not to
    be called from a running event loop.
    """
    what = request or Request("a red cube on a table")
    run_alone(lambda: _check(make_generator, what, edits=edits))


async def _check(make_generator: Callable[[], Generator], request: Request, *, edits: bool) -> None:
    generator, again = make_generator(), make_generator()
    expect(isinstance(generator.id, str) and generator.id, f"id must be a name: {generator.id!r}")
    expect("://" not in generator.id, f"id must not hold a URL: {generator.id!r}")
    expect(generator.id == again.id, "two of one generator differ in id")
    try:
        first = await _drawn(generator, request, seed=1)
        expect(await _drawn(generator, request, seed=1) == first, "one seed draws two images")
        expect(await _drawn(again, request, seed=1) == first, "another instance draws otherwise")
        others = [await _drawn(generator, request, seed=n) for n in (2, 3)]
        expect({o.sha256 for o in others} != {first.sha256}, "the seed makes no difference")
        await _drawn(generator, request, seed=1, start=first)
        if edits:
            edit = Request(request.prompt, (plain_image(9, 99, 9),))
            expect(await _drawn(generator, edit, seed=1) is not None, "an edit draws nothing")
    finally:
        await generator.aclose()
        await again.aclose()
    await generator.aclose()


def _bytes_of(image: Image) -> bytes:
    return image.source if isinstance(image.source, bytes) else Path(image.source).read_bytes()


async def _drawn(
    generator: Generator, request: Request, *, seed: int, start: Image | None = None
) -> Image:
    try:
        image = await generator.draw(request, seed=seed, start=start)
    except (ModelError, ImageError):
        raise
    except Exception as error:  # whatever else it raises is what the suite is looking for
        said = f"draw() may raise ModelError or ImageError, not {error!r}"
        raise AssertionError(said) from error
    expect(isinstance(image, Image), f"draw() must give an Image, not {image!r}")
    data = _bytes_of(image)
    expect(hashlib.sha256(data).hexdigest() == image.sha256, "the digest is not that of the bytes")
    magic = _MAGIC.get(image.media_type)
    expect(magic and data.startswith(magic), f"the bytes are not of type {image.media_type!r}")
    return image
