"""The order in which a training takes its examples: the same for any number of processes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

import torch

_POOL: Final = 8
"""Steps whose examples are sorted by length among each other, so that less is padded."""


def order(lengths: Sequence[int], *, step: int, seed: int, epoch: int) -> list[int]:
    """Every index once, in an epoch's own order: steps of examples of about one length.

    lengths: of each example, in any unit; step: examples that one step learns from. What no step
    can be filled with comes last.
    """
    chance = random.Random(f"{seed} {epoch}")
    drawn = list(range(len(lengths)))
    chance.shuffle(drawn)
    whole = len(drawn) - len(drawn) % step
    steps: list[list[int]] = []
    for start in range(0, whole, _POOL * step):
        some = sorted(drawn[start : min(whole, start + _POOL * step)], key=lengths.__getitem__)
        steps += [some[k : k + step] for k in range(0, len(some), step)]
    chance.shuffle(steps)
    return [index for some in steps for index in some] + drawn[whole:]


class Order(torch.utils.data.Sampler[int]):
    """`order` of one epoch after the other, as a Trainer's data loader asks for it."""

    def __init__(self, lengths: Sequence[int], *, step: int, seed: int) -> None:
        self._lengths, self._step, self._seed, self._epoch = lengths, step, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """On to an epoch, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(order(self._lengths, step=self._step, seed=self._seed, epoch=self._epoch))
