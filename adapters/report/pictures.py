"""Thumbnails of a page, and the room that pictures and examples have in it.

A thumbnail is encoded anew, so no place, name or other data that a camera wrote goes with it.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Final

from parrot.adapters.report.page import safe
from parrot.backends.images import thumbnail
from parrot.core.errors import ImageError
from parrot.core.values import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image as Pillow

MOST_EXAMPLES: Final = 200
"""Examples of a page, whatever the run's size: rationales, judgements, or drafts."""
MOST_BYTES: Final = 18_000_000
"""Of pictures and examples as they stand in a page; the frame has the rest of 20 MB."""
SIDE: Final = 256
_FINE: Final = 96
_FLAT: Final = 512
_NO_ROOM: Final = '<p class="soft">No room for this one.</p>'


class Room:
    """How many bytes of a page are left. Every byte is counted once."""

    def __init__(self, most: int | None = None) -> None:
        self.left = MOST_BYTES if most is None else most

    def take(self, size: int) -> bool:
        """Whether so many bytes found room; what finds none takes none."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def hold(self, make: Callable[[], str]) -> str:
        """The example that is made, or a word that there is no room for it.

        Its pictures take their room while it is made; here its words do, or all is given back.
        """
        before = self.left
        html = make()
        if self.take(len(html.encode("utf-8", "replace")) - (before - self.left)):
            return html
        self.left = before
        return _NO_ROOM


class Pictures:
    """Pictures as `img` elements, until the room is full."""

    def __init__(self, room: Room) -> None:
        self.room = room

    def of(self, opened: Callable[[], Image], alt: str) -> str:
        """The picture, or a paragraph that says why there is none. alt: foreign, read out."""
        try:
            small = thumbnail(opened(), SIDE)
        except ImageError as error:
            return f'<p class="soft">{safe(alt, 300)}: no picture: {safe(error, 300)}</p>'
        kind = ' class="fine"' if max(small.size) > _FINE else ""
        size = f'width="{small.width}" height="{small.height}"'
        html = f'<img{kind} {size} decoding="async" src="{_url(small)}" alt="{safe(alt, 300)}">'
        if not self.room.take(len(html.encode("utf-8", "replace"))):
            return f'<p class="soft">{safe(alt, 300)}: no room for the picture</p>'
        return html


def _url(picture: Pillow.Image) -> str:
    """A data URL: PNG for what has few colours, as drawings have, else JPEG."""
    out = io.BytesIO()
    picture.info.clear()  # colour profiles and comments would be written along
    flat = picture.getcolors(_FLAT) is not None
    if flat:
        picture.save(out, "PNG", optimize=True)
    else:
        picture.save(out, "JPEG", quality=82)
    kind = "png" if flat else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
