"""The pairs of a study: labelled ones to learn from, by seed, and test pairs with their truth.

Training and test pairs share no request and no scene, nor do test pairs with what the base saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

from attrs import evolve, frozen

from parrot.backends.miniature.pairs import pair_at, stream
from parrot.core.judgements import request_key
from parrot.core.studies.results import TestPair
from parrot.core.values import PreferencePair

TEST_SEED: Final = 7_000
FIRST_SEED: Final = 9_000
"""The pairs that a study's seed 0 learns from are those of this stream."""


@frozen(slots=True)
class Labelled:
    """A seed's pairs, without end, as files have them: with one label each and no other."""

    seed: int

    def __iter__(self) -> Iterator[PreferencePair]:
        for index in count():
            pair, _ = pair_at(index, seed=FIRST_SEED + self.seed, split="train")
            yield evolve(pair, dimension_labels={})


def held_out(n: int) -> Iterator[tuple[PreferencePair, TestPair]]:
    """So many test pairs, the same for every student, with the truth about them."""
    for pair, truth in stream(n, seed=TEST_SEED, split="test"):
        known = TestPair(
            pair.id, request_key(pair.request), truth.true_label, truth.label, truth.decisive
        )
        yield evolve(pair, dimension_labels={}), known
