"""Many rows decoded together: the shared beginning once, then each row until its own end.

Rows are padded between the shared beginning and their own prompts; rows that have ended leave the
batch and its cache. Knows nothing of asks beyond their rows.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import torch

from parrot.backends.torch.preparing import Prepared
from parrot.backends.torch.writing import Row
from parrot.core.local.beginnings import Beginnings

RETIRED: Final = 0.25
"""Share of ended rows in a batch from which on they are taken out of it."""
_PIXELS: Final = ("mm_token_type_ids",)


class Decoder:
    """Decodes batches of one network. share: whether beginnings are shared; retire: as named."""

    def __init__(
        self, model: Any, device: torch.device, *, share: bool = True, retire: bool = True
    ) -> None:
        self._model, self._device = model, device
        self._share, self._retire = share, retire
        self._beginnings: Beginnings[Any] = Beginnings()

    def forget(self) -> None:
        """Frees the caches of shared beginnings."""
        self._beginnings.forget()

    def decode(self, prompts: Sequence[Prepared], rows: Sequence[Row]) -> int:
        """Writes every row to its end; returns how many tokens of each prompt were shared."""
        with torch.inference_mode():
            shared = self._beginnings.length(prompts) if self._share else 0
            cache = self._cache(prompts[0].ids[:shared], len(prompts))
            batch = _Batch(prompts, shared, self._device)
            scores = batch.first(self._model, cache)
            self._write(batch, list(rows), scores)
        return shared

    def _cache(self, ids: list[int], count: int) -> Any:
        """A cache that holds these ids for so many rows."""
        from transformers import DynamicCache

        if not ids:
            return DynamicCache(config=self._model.config)
        cache = copy.deepcopy(self._beginnings.of(ids, lambda: self._begun(ids)))
        cache.batch_repeat_interleave(count)
        return cache

    def _begun(self, ids: list[int]) -> Any:
        out = self._model(
            input_ids=torch.tensor([ids], device=self._device),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=self._device),
            position_ids=_expanded(torch.arange(len(ids))[None], self._model, self._device),
            use_cache=True,
            logits_to_keep=1,
        )
        return getattr(out, cache_name(self._model))

    def _write(self, batch: _Batch, rows: list[Row], scores: torch.Tensor) -> None:
        while True:
            tokens = [
                row.take(scores[i]) if row.finish is None else 0 for i, row in enumerate(rows)
            ]
            going = [i for i, row in enumerate(rows) if row.finish is None]
            if not going:
                return
            if self._retire and len(rows) - len(going) >= RETIRED * len(rows):
                batch.keep(going)
                rows, tokens = [rows[i] for i in going], [tokens[i] for i in going]
            scores = batch.next(self._model, tokens)


class _Batch:
    """The tensors of a batch between two steps."""

    def __init__(self, prompts: Sequence[Prepared], shared: int, device: torch.device) -> None:
        self._device, self._cache = device, None
        self._own = [p.ids[shared:] for p in prompts]
        width = max(map(len, self._own))
        kinds = prompts[0].positions.shape[0]
        self._ids = torch.zeros(len(prompts), width, dtype=torch.long)
        self._mask = torch.ones(len(prompts), shared + width, dtype=torch.long)
        self._places = torch.zeros(kinds, len(prompts), width, dtype=torch.long)
        for row, (ids, prompt) in enumerate(zip(self._own, prompts, strict=True)):
            pad = width - len(ids)
            self._ids[row, pad:] = torch.tensor(ids)
            self._mask[row, shared : shared + pad] = 0
            self._places[:, row, pad:] = prompt.positions[:, shared:]
        self._next = torch.tensor([int(p.positions.max()) + 1 for p in prompts])
        self._pixels = _joined(prompts, shared, width)

    def first(self, model: Any, cache: Any) -> torch.Tensor:
        """Scores of the first token of every row. The cache is this batch's from now on."""
        self._cache = cache
        fed = {k: v.to(self._device) for k, v in self._pixels.items()}
        return self._step(model, self._ids, self._places, fed)

    def next(self, model: Any, tokens: Sequence[int]) -> torch.Tensor:
        """Scores after one more token a row."""
        kinds = self._places.shape[0]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        places = self._next[None, :, None].expand(kinds, -1, -1)
        self._next = self._next + 1
        return self._step(model, torch.tensor(tokens)[:, None], places, {})

    def keep(self, going: list[int]) -> None:
        """Only these rows from now on."""
        chosen = torch.tensor(going)
        self._mask, self._next = self._mask[chosen], self._next[chosen]
        if self._cache is not None:
            self._cache.batch_select_indices(chosen.to(self._device))

    def _step(
        self, model: Any, ids: torch.Tensor, places: torch.Tensor, fed: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        out = model(
            input_ids=ids.to(self._device),
            attention_mask=self._mask.to(self._device),
            position_ids=(places if places.shape[0] > 1 else places[0]).to(self._device),
            use_cache=True,
            logits_to_keep=1,
            **{cache_name(model): self._cache},
            **fed,
        )
        scores: torch.Tensor = out.logits[:, -1]
        return scores.float().cpu()


def cache_name(model: Any) -> str:
    """What this release of transformers calls the cache of a model: 5.2x renamed it."""
    return _cache_name(type(model).forward)


@cache  # asked for every token
def _cache_name(forward: Any) -> str:
    taken = inspect.signature(forward).parameters
    return "cache" if "cache" in taken else "past_key_values"


def _expanded(plain: torch.Tensor, model: Any, device: torch.device) -> torch.Tensor:
    three = hasattr(getattr(model, "model", None), "get_rope_index")
    return (plain.expand(3, 1, -1) if three else plain).to(device)


def _joined(prompts: Sequence[Prepared], shared: int, width: int) -> dict[str, torch.Tensor]:
    """Pixels of all rows one after another; marks of each token padded as the ids are."""
    out: dict[str, torch.Tensor] = {}
    names = {name for prompt in prompts for name in prompt.pixels}
    for name in sorted(names):
        held = [p.pixels[name] for p in prompts if name in p.pixels]
        if name not in _PIXELS:
            out[name] = torch.cat(held)
            continue
        kinds = torch.zeros(len(prompts), width, dtype=held[0].dtype)
        for row, prompt in enumerate(prompts):
            if name in prompt.pixels:
                own = prompt.pixels[name][0, shared:]
                kinds[row, width - len(own) :] = own
        out[name] = kinds
    return out
