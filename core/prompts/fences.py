"""How user text and images enter an ask: verbatim, between marks that the text cannot close.

No template engine and no placeholder ever meets user text: an ask is a tuple of parts, and a request
that holds `<image>`, braces or a forged judgement is one of them, as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parrot.core.asks import Part
from parrot.core.values import Image, Request

_RUN = re.compile(r"^=+\s*$", re.MULTILINE)


def fenced(title: str, text: str) -> str:
    """`title`, then the text between two equal lines of marks longer than any such line in it."""
    longest = max((len(run.rstrip()) for run in _RUN.findall(text)), default=0)
    fence = "=" * max(5, longest + 1)
    return f"{title}\n{fence}\n{text}\n{fence}\n"


_OPENED = re.compile(r"^(={5,})\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)


def unfenced(title: str, text: str) -> str | None:
    """The text that `fenced(title, ...)` put there, or None; the inverse of `fenced`."""
    start = 0 if text.startswith(title + "\n=") else text.find("\n" + title + "\n=") + 1
    if not text.startswith(title + "\n=", start):
        return None
    found = _OPENED.match(text, start + len(title) + 1)
    return found[2] if found else None


REQUEST = "Request:"
RATIONALE = "Evaluation:"


def request_parts(request: Request) -> Iterator[Part]:
    """The request's text, then its source images, each named."""
    yield fenced(REQUEST, request.prompt)
    many = len(request.sources) > 1
    for number, source in enumerate(request.sources, start=1):
        yield f"Source image {number}:" if many else "Source image:"
        yield source


def image_parts(**images: Image) -> Iterator[Part]:
    """Images, each after a line that names it: `image_parts(**{"Image A": a})`."""
    for name, image in images.items():
        yield f"{name}:"
        yield image
