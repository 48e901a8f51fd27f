"""From lessons to tensors: mixtures by stage, pools of batches by length, and what the net is fed.

A pool is decided by (seed, stage, number) alone. Its lessons are sorted by length and cut into
batches of about as many tokens each, whose order is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import torch
from attrs import field, frozen
from tokenizers import Tokenizer

from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.training.student import checking, forming, seeing
from parrot.backends.miniature.training.student.lens import Lens
from parrot.backends.miniature.training.student.lessons import (
    END,
    IMAGE_PAD,
    MERGE,
    PATCH,
    SPECIALS,
    STOP,
    Lesson,
)
from parrot.backends.miniature.world import SIDE

_SEE: Final = {
    seeing.caption: 0.15,
    seeing.places: 0.1,
    seeing.both_places: 0.15,
    seeing.questions: 0.6,
}
_ALL: Final = {
    seeing.caption: 0.02,
    seeing.places: 0.02,
    seeing.both_places: 0.06,
    seeing.questions: 0.22,
    checking.statements: 0.05,
    checking.demands: 0.3,
    forming.comparison: 0.2,
    forming.critique: 0.13,
}
MIXTURES: Final = (_SEE, _ALL)
"""Shares of lessons: first of seeing alone, then of all."""
POOL: Final = 512
TOKENS: Final = 3000
"""Tokens of a batch, padding included."""
MASKED: Final = -100
_STOP, _END, _IMAGE = (SPECIALS.index(mark) for mark in (STOP, END, IMAGE_PAD))
Batch = Mapping[str, torch.Tensor]


@frozen(slots=True)
class Encoded:
    """A lesson in tokens."""

    ask: list[int]
    answer: list[int]
    pictures: tuple[Pixels, ...] = field(eq=False)

    @property
    def length(self) -> int:
        return len(self.ask) + len(self.answer)


def drawn(stage: int, *words: object) -> Lesson:
    """One lesson of a stage's mixture, of the train split; the words decide it."""
    chance = Chance("student lesson", *words)
    mixture = MIXTURES[stage]
    return chance.weighted(list(mixture), list(mixture.values()))(chance, "train")


def encoded(tokenizer: Tokenizer, lessons: Sequence[Lesson]) -> list[Encoded]:
    """The lessons in tokens; each answer ends with the end mark."""
    asks = tokenizer.encode_batch([one.ask for one in lessons], add_special_tokens=False)
    answers = tokenizer.encode_batch([one.answer for one in lessons], add_special_tokens=False)
    return [
        Encoded(ask.ids, [*answer.ids, _STOP], one.pictures)
        for one, ask, answer in zip(lessons, asks, answers, strict=True)
    ]


def pool(
    number: int, *, stage: int, seed: int, tokenizer: Tokenizer, lens: Lens
) -> list[list[Encoded]]:
    """The batches of one pool, in the order they are learned from."""
    lessons = [drawn(stage, seed, stage, number, index) for index in range(POOL)]
    flat = [picture for one in lessons for picture in one.pictures]
    seen = iter(lens.through(flat, seed, stage, number))
    ready = [
        Encoded(one.ask, one.answer, tuple(next(seen) for _ in one.pictures))
        for one in encoded(tokenizer, lessons)
    ]
    ready.sort(key=lambda one: one.length)
    return Chance("student order", seed, stage, number).shuffled(list(_cut(ready)))


def _cut(ready: list[Encoded]) -> Iterator[list[Encoded]]:
    batch: list[Encoded] = []
    for one in ready:  # the shortest first, so this one is the batch's longest
        if batch and one.length * (len(batch) + 1) > TOKENS:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def collated(batch: Sequence[Encoded]) -> dict[str, torch.Tensor]:
    """The net's input, padded on the right; labels only where the answer stands."""
    width = max(one.length for one in batch)
    ids = np.full((len(batch), width), _END, dtype=np.int64)
    labels = np.full((len(batch), width), MASKED, dtype=np.int64)
    held = np.zeros((len(batch), width), dtype=np.int64)
    for row, one in enumerate(batch):
        start, stop = len(one.ask), one.length
        ids[row, :start], ids[row, start:stop] = one.ask, one.answer
        labels[row, start:stop] = one.answer
        held[row, :stop] = 1
    tensors = {"input_ids": ids, "labels": labels, "attention_mask": held}
    return {name: torch.from_numpy(value) for name, value in tensors.items()} | images(
        ids, [picture for one in batch for picture in one.pictures]
    )


def prompted(batch: Sequence[Encoded]) -> dict[str, torch.Tensor]:
    """The net's input up to where the answers begin, padded on the left, as generation needs it."""
    width = max(len(one.ask) for one in batch)
    ids = np.full((len(batch), width), _END, dtype=np.int64)
    held = np.zeros((len(batch), width), dtype=np.int64)
    for row, one in enumerate(batch):
        ids[row, width - len(one.ask) :] = one.ask
        held[row, width - len(one.ask) :] = 1
    tensors = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(held)}
    return tensors | images(ids, [picture for one in batch for picture in one.pictures])


def images(ids: np.ndarray, pictures: Sequence[Pixels]) -> dict[str, torch.Tensor]:
    """Pictures as the net takes them, and which tokens stand for them."""
    side = SIDE // PATCH
    out = {"mm_token_type_ids": torch.from_numpy((ids == _IMAGE).astype(np.int32))}
    if pictures:
        out["pixel_values"] = patches(np.stack(pictures))
        out["image_grid_thw"] = torch.tensor([[1, side, side]]).repeat(len(pictures), 1)
    return out


def patches(pictures: np.ndarray) -> torch.Tensor:
    """What `Qwen2VLImageProcessor` makes of images that need no resizing: a row a patch."""
    count, blocks = len(pictures), SIDE // (PATCH * MERGE)
    values = torch.from_numpy(pictures).float() / 127.5 - 1.0
    cut = values.reshape(count, blocks, MERGE, PATCH, blocks, MERGE, PATCH, 3)
    # picture, block row, block column, row in it, column in it, channel, then the patch's pixels
    ordered = cut.permute(0, 1, 4, 2, 5, 7, 3, 6).unsqueeze(6)
    twice = ordered.expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)
    return twice.reshape(-1, 3 * 2 * PATCH * PATCH)
