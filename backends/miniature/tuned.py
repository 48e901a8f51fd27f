"""The edits of a study of rewards: those that a generator is tuned on, those that it is measured on.

The two share no request and no scene, nor do the latter with anything that a student learned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from parrot.backends.miniature.pairs import stream
from parrot.backends.miniature.redrawn import Wish, wish_of
from parrot.core.judgements import request_key
from parrot.core.rewards.values import Drawing

TUNED_SEED: Final = 9_500
MEASURED_SEED: Final = 8_500
WORDS: Final = 48
"""Tokens that the miniature's generator learned to read of a request."""


def tuned_on(n: int) -> Iterator[Wish]:
    """So many edits of the training split."""
    for pair, truth in stream(n, seed=TUNED_SEED, task="edit", split="train"):
        yield wish_of(pair, truth)


def measured_on(n: int) -> Iterator[Wish]:
    """So many edits of the test split."""
    for pair, truth in stream(n, seed=MEASURED_SEED, task="edit", split="test"):
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
