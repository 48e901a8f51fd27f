"""From an ask to what the graphs are fed: chat markup, token ids, positions, patches."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen
from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from parrot.backends.images import decoded
from parrot.backends.onnx.card import Card
from parrot.backends.onnx.patches import Array, Patched, patched
from parrot.core.asks import Ask
from parrot.core.errors import ConfigError, RejectedError
from parrot.core.local.chat import ids_of, messages_of, pieces_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Render = Callable[[list[dict[str, Any]]], str]


@frozen(slots=True)
class Prepared:
    """One prompt in tokens. positions: (3, tokens); shared: how many ids stand before an image."""

    ids: list[int]
    positions: Array = field(eq=False)
    shared: int
    pictures: tuple[Patched, ...]

    @property
    def length(self) -> int:
        return len(self.ids)


class Preparer:
    """Prepares asks for one exported model."""

    def __init__(self, card: Card, tokenizer: Tokenizer, render: Render) -> None:
        self._card, self._tokenizer, self._render = card, tokenizer, render

    def __call__(self, ask: Ask) -> Prepared:
        """The prompt of an ask. Raises ImageError, or RejectedError where it is too long."""
        card = self._card
        pictures = tuple(
            patched(decoded(image, ask.image_policy), (image.sha256, ask.image_policy), card.looks)
            for image in ask.images
        )
        messages, texts = messages_of(ask.turns)
        pieces = list(pieces_of(self._rendered(messages), texts))
        ids = self._expanded(ids_of(pieces, card.marks, self._ids), pictures)
        if len(ids) >= card.longest:
            raise RejectedError(f"a prompt of {len(ids)} tokens; the model takes {card.longest}")
        shared = ids.index(card.image_token) if pictures else len(ids)
        return Prepared(ids, self._positions(ids, pictures), shared, pictures)

    def _rendered(self, messages: list[dict[str, Any]]) -> str:
        try:
            return self._render(messages)
        except TemplateError as error:
            raise RejectedError(f"the chat template refuses the ask: {error}") from None

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _expanded(self, ids: list[int], pictures: Sequence[Patched]) -> list[int]:
        """The ids with an image's mark as often as the image has tokens."""
        counts = [picture.tokens(self._card.looks) for picture in pictures]
        mark = self._card.image_token
        if ids.count(mark) != len(counts):
            raise RejectedError(f"{len(counts)} images; the chat template shows {ids.count(mark)}")
        out: list[int] = []
        for one in ids:
            out += [mark] * counts.pop(0) if one == mark else [one]
        return out

    def _positions(self, ids: list[int], pictures: Sequence[Patched]) -> Array:
        """Time, row and column of each token. An image counts as its longer side."""
        mark, merge = self._card.image_token, self._card.looks.merge
        runs, start, waiting = [], 0, list(pictures)
        for shown, run in groupby(ids, mark.__eq__):
            count = len(list(run))
            while count > 0:
                if not shown:
                    runs.append(np.tile(np.arange(start, start + count), (3, 1)))
                    start, count = start + count, 0
                    continue
                picture = waiting.pop(0)
                rows, columns = picture.rows // merge, picture.columns // merge
                grid = np.indices((1, rows, columns)).reshape(3, -1)
                runs.append(grid + start)
                start, count = start + max(rows, columns), count - rows * columns
        return np.concatenate(runs, axis=1).astype(np.int64)


def renderer(template: str, names: dict[str, str]) -> Render:
    """What renders a chat template as transformers does. Raises ConfigError where it is broken."""

    def refuse(message: str) -> str:
        raise TemplateError(message)

    def to_json(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    world = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    world.filters["tojson"] = to_json
    world.globals["raise_exception"] = refuse
    try:
        made = world.from_string(template)
    except TemplateError as error:
        raise ConfigError(f"the chat template is broken: {error}") from None
    return lambda messages: made.render(messages=messages, add_generation_prompt=True, **names)
