"""What each word of a request belongs to, as class numbers: what the text encoders learn first.

For every token: of which thing it speaks and what that thing is. For the whole request: what an edit
does. Knows nothing of torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from parrot.backends.miniature.briefs import OPS, Brief, Want
from parrot.backends.miniature.requests import Mention, mentions_in
from parrot.backends.miniature.world import (
    BACKGROUNDS,
    COLOURS,
    FIGURES,
    LETTERS,
    PLACES,
    SIZES,
)

NOTHING: Final = 0
"""The class of what is not said."""
_KINDS: Final = (*(shape.value for shape in FIGURES), *LETTERS)

TOKEN_CLASSES: Final = {
    "turn": 5,  # the first thing named, the second, ...
    "count": 5,
    "kind": 1 + len(_KINDS),
    "colour": 1 + len(COLOURS),
    "size": 1 + len(SIZES),
    "place": 1 + len(PLACES),
}
"""Fields of a token, each with how many classes it has."""
WHOLE_CLASSES: Final = {
    "op": 1 + len(OPS),
    "ground": 1 + len(BACKGROUNDS),
    "new ground": 1 + len(BACKGROUNDS),
    "new colour": 1 + len(COLOURS),
    "new place": 1 + len(PLACES),
    "new letter": 1 + len(LETTERS),
    "first kind": 1 + len(_KINDS),
    "first colour": 1 + len(COLOURS),
    "things": 5,
}
"""Fields of a whole request."""

Classes = NDArray[np.int64]
Span = tuple[int, int]
"""First character of a token, and the one after its last."""


@frozen(slots=True)
class Labels:
    """tokens: rows of tokens' fields; whole: a row of the request's fields."""

    tokens: Classes
    whole: Classes


def _place_in(among: Sequence[object], one: object) -> int:
    return NOTHING if one is None or one == "" else 1 + list(among).index(one)


def _kind(want: Want) -> int:
    return _place_in(_KINDS, want.letter or want.shape.value)


def _thing(turn: int, mention: Mention) -> list[int]:
    want = mention.want
    return [
        turn,
        mention.count,
        _kind(want),
        _place_in(COLOURS, want.colour),
        _place_in(SIZES, want.size),
        _place_in(PLACES, want.place),
    ]


def _whole(brief: Brief, mentions: Sequence[Mention]) -> list[int]:
    edit = brief.edit
    first = mentions[0].want if mentions else None
    return [
        _place_in(OPS, edit and edit.op),
        _place_in(BACKGROUNDS, brief.background),
        _place_in(BACKGROUNDS, edit and edit.background),
        _place_in(COLOURS, edit and edit.new and edit.new.colour),
        _place_in(PLACES, edit and edit.place),
        _place_in(LETTERS, edit and edit.letter),
        _kind(first) if first else NOTHING,
        _place_in(COLOURS, first and first.colour),
        min(4, sum(m.count for m in mentions)),
    ]


def labels_of(prompt: str, brief: Brief, spans: Sequence[Span]) -> Labels:
    """The classes of a request's tokens, whose characters are `spans`, and of the request."""
    mentions = mentions_in(prompt)
    things = [_thing(min(4, k), m) for k, m in enumerate(mentions, start=1)]
    rows = np.zeros((len(spans), len(TOKEN_CLASSES)), dtype=np.int64)
    for row, (start, end) in zip(rows, spans, strict=True):
        for thing, mention in zip(things, mentions, strict=True):
            if start < mention.end and end > mention.start and end > start:
                row[:] = thing
    return Labels(rows, np.array(_whole(brief, mentions), dtype=np.int64))
