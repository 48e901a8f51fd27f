"""The edits of a study of rewards: those that a generator is tuned on, those that it is measured on.

The two share no request, word for word, and no scene, nor do the latter with the images that a
student learned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Final

from parrot.backends.miniature.briefs import Op
from parrot.backends.miniature.pairs import Split, pair_at
from parrot.backends.miniature.redrawn import Wish, wish_of
from parrot.core.judgements import request_key
from parrot.core.rewards.values import Drawing

TUNED_SEED: Final = 9_500
MEASURED_SEED: Final = 8_500
WORDS: Final = 48
"""Tokens that the miniature's generator learned to read of a request."""


def tuned_on(n: int, op: Op | None = None) -> Iterator[Wish]:
    """So many edits of the training split, of one kind unless it is None."""
    return islice(_edits(op, TUNED_SEED, "train"), n)


def measured_on(n: int, op: Op | None = None) -> Iterator[Wish]:
    """So many edits of the test split."""
    return islice(_edits(op, MEASURED_SEED, "test"), n)


def _edits(op: Op | None, seed: int, split: Split) -> Iterator[Wish]:
    for index in count():
        pair, truth = pair_at(index, seed=seed, task="edit", split=split)
        if op is None or (truth.brief.edit and truth.brief.edit.op is op):
            yield wish_of(pair, truth)


class Truth:
    """True utilities of drawings for known requests, read from their pixels. Works as a reward."""

    def __init__(self, wishes: Iterable[Wish]) -> None:
        self._wishes = {request_key(wish.request): wish for wish in wishes}

    def worth(self, drawing: Drawing) -> float | None:
        """In [0, 1]; None where the reader makes nothing of it. Raises KeyError for other requests."""
        return self._wishes[request_key(drawing.request)].worth(drawing.image)

    def __call__(self, drawings: Sequence[Drawing], /) -> tuple[float, ...]:
        """What cannot be read is worth nothing."""
        return tuple(self.worth(one) or 0.0 for one in drawings)
