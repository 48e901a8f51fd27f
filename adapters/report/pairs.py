"""The images of a pair side by side, the source of an edit before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from parrot.adapters.report.pictures import Pictures
from parrot.core.values import Image

MOST_SOURCES: Final = 4


@frozen(slots=True)
class Shown:
    """An image of a pair. said: ours, what stands below it. opened: None where it is not in the data."""

    said: str
    opened: Callable[[], Image] | None
    won: bool = False


def side_by_side(shown: Sequence[Shown], prompt: str, pictures: Pictures) -> str:
    """Sources, then A and B as the last two. prompt: foreign, read out with each image."""
    sources = len(shown) - 2
    kind = "pair edit" if sources == 1 else "pair"
    blank = "<div></div>" if sources == 3 else ""  # so that A and B stand in one row
    drawn = [_figure(one, prompt, pictures, source=at < sources) for at, one in enumerate(shown)]
    return f'<div class="{kind}">{"".join(drawn[:sources])}{blank}{"".join(drawn[sources:])}</div>'


def _figure(one: Shown, prompt: str, pictures: Pictures, *, source: bool) -> str:
    if one.opened is None:
        picture = '<p class="soft">not in the data</p>'
    else:
        picture = pictures.of(one.opened, f"{one.said} of: {prompt}")
    kind = "source" if source else "won" if one.won else ""
    return f'<figure class="{kind}">{picture}<figcaption>{one.said}</figcaption></figure>'
