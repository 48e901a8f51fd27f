"""Examples as a trainer takes them: the tokens that asking sends, and a loss on the answer alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import torch

from parrot.backends.torch.loading import Loaded
from parrot.backends.torch.preparing import Preparer
from parrot.core.asks import Ask
from parrot.core.errors import ConfigError, ImageError
from parrot.core.examples import Example

MASKED: Final = -100
_KINDS: Final = "mm_token_type_ids"
Item = dict[str, Any]
T = TypeVar("T")


class Lessons(torch.utils.data.Dataset[Item]):
    """Examples prepared when they are taken: a million of them hold no pixels in memory."""

    def __init__(self, loaded: Loaded, examples: Sequence[Example]) -> None:
        self._prepare, self._examples = Preparer(loaded), examples
        self._end = loaded.tokenizer.eos_token_id

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def lengths(self) -> list[int]:
        """Words of each example's ask and answer: what is known of its length before it is taken."""
        return [_words(one) for one in self._examples]

    def __getitem__(self, index: int) -> Item:
        """ids, where the answer begins, positions and pixels of one example. Raises ImageError."""
        one = self._examples[index]
        prompt = self._prepare(Ask(one.turns))
        answer = [*self._prepare.spelled(one.answer), self._end]
        after = int(prompt.positions.max()) + 1 + torch.arange(len(answer))
        places = torch.cat([prompt.positions, after.expand(prompt.positions.shape[0], -1)], dim=1)
        begins = prompt.length
        return {
            "ids": [*prompt.ids, *answer],
            "begins": begins,
            "places": places,
            "pixels": prompt.pixels,
        }


class Sound(torch.utils.data.Dataset[T], Generic[T]):
    """Items of a dataset; in the place of one whose image cannot be decoded stands the next that can.

    ids: of what each item is made of. lost: why, by the id of each that was so left out.
    """

    def __init__(self, items: Any, ids: Sequence[str]) -> None:
        self._items, self._ids = items, ids
        self.lost: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def lengths(self) -> list[int]:
        """As the dataset tells them."""
        found: list[int] = self._items.lengths
        return found

    def __getitem__(self, index: int) -> T:
        """Raises ConfigError where no image of any item can be decoded."""
        for at in (*range(index, len(self)), *range(index)):
            try:
                found: T = self._items[at]
            except ImageError as error:
                self.lost.setdefault(self._ids[at], str(error))
            else:
                return found
        raise ConfigError(f"no image can be decoded, first {next(iter(self.lost.items()))}")


def _words(one: Example) -> int:
    said = [part for turn in one.turns for part in turn.parts if isinstance(part, str)]
    return sum(len(text.split()) for text in (*said, one.answer))


def collated(items: Sequence[Item]) -> dict[str, torch.Tensor]:
    """A batch padded on the right; labels only where an answer stands."""
    width = max(len(item["ids"]) for item in items)
    kinds = items[0]["places"].shape[0]
    ids = torch.zeros(len(items), width, dtype=torch.long)
    held, labels = torch.zeros_like(ids), torch.full_like(ids, MASKED)
    places = torch.zeros(kinds, len(items), width, dtype=torch.long)
    for row, item in enumerate(items):
        size, begins = len(item["ids"]), item["begins"]
        ids[row, :size] = torch.tensor(item["ids"])
        labels[row, begins:size] = ids[row, begins:size]
        held[row, :size] = 1
        places[:, row, :size] = item["places"]
    out = {"input_ids": ids, "attention_mask": held, "labels": labels}
    out["position_ids"] = places if kinds > 1 else places[0]
    return out | _pixels([item["pixels"] for item in items], width)


def _pixels(held: Sequence[Mapping[str, torch.Tensor]], width: int) -> dict[str, torch.Tensor]:
    out: dict[str, torch.Tensor] = {}
    for name in sorted({name for one in held for name in one}):
        if name != _KINDS:
            out[name] = torch.cat([one[name] for one in held if name in one])
            continue
        marks = torch.zeros(len(held), width, dtype=torch.int32)
        for row, one in enumerate(held):
            if name in one:
                marks[row, : one[name].shape[1]] = one[name][0]
        out[name] = marks
    return out
