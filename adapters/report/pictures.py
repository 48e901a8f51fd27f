"""Thumbnails of a page, and the room that pictures and examples have in it.

A thumbnail is encoded anew, so no place, name or other data that a camera wrote goes with it.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Final

from parrot.adapters.report.page import safe
from parrot.backends.images import image_from_bytes, pixels, prepare
from parrot.core.errors import ImageError
from parrot.core.values import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image as Pillow

MOST_EXAMPLES: Final = 200
MOST_BYTES: Final = 19_000_000
"""Of pictures and examples as they stand in a page; the frame has the rest of 20 MB."""
SIDE: Final = 256
_FINE: Final = 96


class Room:
    """How many bytes of a page are left."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.left = most

    def take(self, html: str) -> bool:
        """Whether the text found room; what finds none takes none."""
        size = len(html.encode("utf-8", "replace"))
        if size > self.left:
            return False
        self.left -= size
        return True


class Pictures:
    """Pictures as `img` elements, until the room is full."""

    def __init__(self, room: Room) -> None:
        self.room = room

    def of(self, opened: Callable[[], Image], alt: str) -> str:
        """The picture, or a paragraph that says why there is none. alt: foreign, read out."""
        try:
            source, fine = _thumbnail(opened())
        except ImageError as error:
            return f'<p class="soft">{safe(alt, 300)}: no picture: {safe(error, 300)}</p>'
        kind = ' class="fine"' if fine else ""
        html = f'<img{kind} decoding="async" src="{source}" alt="{safe(alt, 300)}">'
        if not self.room.take(html):
            return f'<p class="soft">{safe(alt, 300)}: no room for the picture</p>'
        return html


def _thumbnail(image: Image) -> tuple[str, bool]:
    """A data URL, and whether its source was more than a few pixels wide. Raises ImageError."""
    data, _ = prepare(image, f"max_side={SIDE}")
    picture = pixels(image_from_bytes(data))
    encoded = (_as(picture, "PNG", optimize=True), _as(picture, "JPEG", quality=82))
    kind, shorter = min(zip(("png", "jpeg"), encoded, strict=True), key=lambda one: len(one[1]))
    url = f"data:image/{kind};base64,{base64.b64encode(shorter).decode('ascii')}"
    return url, max(picture.size) > _FINE


def _as(picture: Pillow.Image, form: str, **options: int) -> bytes:
    out = io.BytesIO()
    clean = picture.copy()
    clean.info.clear()  # colour profiles and comments would be written along
    clean.save(out, form, **options)
    return out.getvalue()
