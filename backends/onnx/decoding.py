"""Many rows decoded together: the shared beginning once, then each row until its own end.

Rows are padded between the shared beginning and their own prompts; rows that have ended leave the
batch and its cache. The cache stays on the device of the graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from parrot.backends.onnx.card import Looks
from parrot.backends.onnx.loading import Graph, Loaded
from parrot.backends.onnx.patches import Array, Patched, coordinates_of, places_of
from parrot.backends.onnx.preparing import Prepared
from parrot.backends.onnx.writing import Row
from parrot.core.local.beginnings import Beginnings

RETIRED: Final = 0.25
"""Share of ended rows in a batch from which on they are taken out of it."""
CHUNK: Final = 1024
"""Tokens of a batch's prompts that are computed at once: bounds the memory that they take."""
Cache = list[Any]
"""Keys and values of every layer, onnxruntime's values: (rows, heads, held, size)."""


class Decoder:
    """Decodes batches of one exported model."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded, self._card = loaded, loaded.card
        self._beginnings: Beginnings[Cache] = Beginnings()

    def forget(self) -> None:
        """Frees the caches of shared beginnings."""
        self._beginnings.forget()

    def decode(self, prompts: Sequence[Prepared], rows: Sequence[Row]) -> int:
        """Writes every row to its end; returns how many tokens of each prompt were shared."""
        shared = self._beginnings.length(prompts)
        batch = _Batch(prompts, shared, self._loaded, self._cache(prompts[0], shared, len(prompts)))
        self._write(batch, list(rows))
        return shared

    def _cache(self, prompt: Prepared, shared: int, count: int) -> Cache:
        """A cache that holds the shared beginning for so many rows."""
        if not shared:
            return self._empty(count)
        begun = self._beginnings.of(prompt.ids[:shared], lambda: self._begun(prompt, shared))
        decoder = self._loaded.decoder
        return [decoder.value(np.repeat(one.numpy(), count, axis=0)) for one in begun]

    def _empty(self, count: int) -> Cache:
        card = self._card
        none = np.zeros((count, card.heads, 0, card.size), np.float32)
        return [self._loaded.decoder.value(none) for _ in range(2 * card.layers)]

    def _begun(self, prompt: Prepared, shared: int) -> Cache:
        ids = np.array([prompt.ids[:shared]])
        fed = {
            "ids": ids,
            "positions": prompt.positions[:, None, :shared],
            "mask": np.ones_like(ids),
            "seen": np.zeros_like(ids),
            "features": nothing(self._loaded),
            "wanted": np.array([shared - 1]),
        }
        return self._loaded.decoder.step(fed, self._empty(1))[1]

    def _write(self, batch: _Batch, rows: list[Row]) -> None:
        scores = batch.first()
        while True:
            tokens = [
                row.take(scores[i]) if row.finish is None else 0 for i, row in enumerate(rows)
            ]
            going = [i for i, row in enumerate(rows) if row.finish is None]
            if not going:
                return
            if len(rows) - len(going) >= RETIRED * len(rows):
                batch.keep(going)
                rows, tokens = [rows[i] for i in going], [tokens[i] for i in going]
            scores = batch.next(tokens)


class _Batch:
    """The arrays of a batch between two steps."""

    def __init__(
        self, prompts: Sequence[Prepared], shared: int, loaded: Loaded, cache: Cache
    ) -> None:
        self._graph, self._cache, self._loaded = loaded.decoder, cache, loaded
        own = [p.ids[shared:] for p in prompts]
        width = max(map(len, own))
        self._ids = np.zeros((len(prompts), width), np.int64)
        self._mask = np.ones((len(prompts), shared + width), np.int64)
        self._places = np.zeros((3, len(prompts), width), np.int64)
        for row, (ids, prompt) in enumerate(zip(own, prompts, strict=True)):
            pad = width - len(ids)
            self._ids[row, pad:] = ids
            self._mask[row, shared : shared + pad] = 0
            self._places[:, row, pad:] = prompt.positions[:, shared:]
        self._next = np.array([int(p.positions.max()) + 1 for p in prompts])
        self._features, starts = shown(prompts, loaded)
        self._seen = np.zeros_like(self._ids)
        for row, prompt in enumerate(prompts):
            spans = [np.arange(s, s + p.tokens(loaded.card.looks)) for p in prompt.pictures
                     for s in (starts[p.name],)]  # fmt: skip
            if spans:
                self._seen[row][self._ids[row] == loaded.card.image_token] = np.concatenate(spans)

    def first(self) -> Array:
        """Scores of the first token of every row. In chunks: what looks at what is a square."""
        rows, width = self._ids.shape
        scores = np.zeros((rows, 0), np.float32)
        held, some = self._mask.shape[1] - width, max(1, CHUNK // rows)
        for start in range(0, width, some):
            now = slice(start, min(start + some, width))
            mask = self._mask[:, : held + now.stop]
            places, seen = self._places[:, :, now], self._seen[:, now]
            scores = self._step(self._ids[:, now], places, mask, seen, self._features)
        return scores

    def next(self, tokens: Sequence[int]) -> Array:
        """Scores after one more token a row."""
        ids = np.array(tokens)[:, None]
        self._mask = np.concatenate([self._mask, np.ones_like(ids)], axis=1)
        places = np.broadcast_to(self._next[None, :, None], (3, len(tokens), 1))
        self._next = self._next + 1
        return self._step(ids, places, self._mask, np.zeros_like(ids), nothing(self._loaded))

    def keep(self, going: list[int]) -> None:
        """Only these rows from now on."""
        self._mask, self._next = self._mask[going], self._next[going]
        self._cache = [self._graph.value(one.numpy()[going]) for one in self._cache]

    def _step(self, ids: Array, places: Array, mask: Array, seen: Array, features: Array) -> Array:
        fed = {
            "ids": ids,
            "positions": places,
            "mask": mask,
            "seen": seen,
            "features": features,
            "wanted": np.array([ids.shape[1] - 1]),
        }
        scores, self._cache = self._graph.step(fed, self._cache)
        return scores[:, -1]


def nothing(loaded: Loaded) -> Array:
    """Features of no image: row 0 of every layer, which stands for no image token."""
    return np.zeros((1 + loaded.card.deep, 1, loaded.card.width), np.float32)


def shown(prompts: Sequence[Prepared], loaded: Loaded) -> tuple[Array, dict[tuple[str, str], int]]:
    """Features of every picture of a batch, each once, and at which row each begins.

    Pictures of one size are seen together.
    """
    sizes: dict[tuple[int, int], dict[tuple[str, str], Patched]] = {}
    for prompt in prompts:
        for one in prompt.pictures:
            sizes.setdefault((one.rows, one.columns), {})[one.name] = one
    parts, starts, end = [nothing(loaded)], {}, 1
    for (rows, columns), pictures in sizes.items():
        values = np.stack([one.values for one in pictures.values()])
        found = looked(values, rows, columns, loaded.tower, loaded.card.looks)
        for number, name in enumerate(pictures):
            starts[name] = end
            end += found.shape[2]
            parts.append(found[:, number])
    return np.concatenate(parts, axis=1), starts


def looked(values: Array, rows: int, columns: int, tower: Graph, looks: Looks) -> Array:
    """Features of pictures of one size: (1 + deep, images, tokens, width)."""
    places, shares = places_of(rows, columns, looks)
    fed = {
        "patches": values,
        "places": places,
        "shares": shares,
        "coordinates": coordinates_of(rows, columns, looks),
    }
    return tower.run(fed)[0].numpy()
