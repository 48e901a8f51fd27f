"""From an ask to what a network is fed: chat markup, token ids, pixels.

User text stays text: a mark of the chat markup inside it is spelled out, never obeyed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from attrs import field, frozen
from jinja2.exceptions import TemplateError

from parrot.backends.images import decoded
from parrot.backends.torch.loading import Loaded
from parrot.core.asks import Ask
from parrot.core.errors import ImageError, RejectedError
from parrot.core.local.chat import Piece, apart, ids_of, messages_of, pieces_of


@frozen(slots=True)
class Prepared:
    """One prompt in tokens. positions: one row, or three where the model counts in three ways.

    shared: how many ids stand before the first image: only those may be shared with other prompts.
    """

    ids: list[int]
    positions: torch.Tensor = field(eq=False)
    shared: int
    pixels: Mapping[str, torch.Tensor] = field(eq=False)

    @property
    def length(self) -> int:
        return len(self.ids)


class Preparer:
    """Prepares asks for one checkpoint."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._tokenizer = loaded.tokenizer
        self._marks = tuple(loaded.tokenizer.all_special_tokens) + _added(loaded.tokenizer)
        text = loaded.model.config.get_text_config()
        self._longest = int(getattr(text, "max_position_embeddings", 0) or 1 << 30)

    def __call__(self, ask: Ask) -> Prepared:
        """The prompt of an ask. Raises ImageError, or RejectedError where it is too long."""
        pictures = [decoded(image, ask.image_policy) for image in ask.images]
        pieces = list(self._markup(ask))
        fed = self._fed(pieces, pictures)
        ids = fed.pop("input_ids")[0].tolist()
        if len(ids) >= self._longest:
            raise RejectedError(f"a prompt of {len(ids)} tokens; the model takes {self._longest}")
        fed.pop("attention_mask", None)
        kinds = fed.get("mm_token_type_ids")
        positions = self._positions(ids, fed)
        return Prepared(ids, positions, self._first_image(ids, kinds), fed)

    def _markup(self, ask: Ask) -> Iterator[Piece]:
        messages, texts = messages_of(ask.turns)
        template = getattr(self._loaded.processor, "chat_template", None)
        try:
            said = self._tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=True,
                **({"chat_template": template} if isinstance(template, str) else {}),
            )
        except TemplateError as error:
            raise RejectedError(f"the chat template refuses the ask: {error}") from None
        return pieces_of(said, texts)

    def _fed(self, pieces: list[Piece], pictures: list[Any]) -> dict[str, Any]:
        try:
            if self._loaded.processor is None:
                return self._by_hand(pieces, pictures)
            return self._processed(pieces, pictures)
        except ValueError as error:
            if not pictures:
                raise
            # Image processors refuse sizes so, such as one side over 200 times the other.
            raise ImageError(str(error)) from None

    def _by_hand(self, pieces: list[Piece], pictures: list[Any]) -> dict[str, Any]:
        """As the Qwen processors do, which cannot be built without torchvision."""
        fed: dict[str, Any] = {}
        counts: list[int] = []
        if pictures:
            fed = dict(self._loaded.images(images=pictures, return_tensors="pt"))
            area = self._loaded.images.merge_size**2
            counts = [int(grid.prod()) // area for grid in fed["image_grid_thw"]]
        mark = self._loaded.model.config.image_token_id
        ids: list[int] = []
        for one in ids_of(pieces, self._marks, self._ids):
            ids += [mark] * counts.pop(0) if one == mark and counts else [one]
        fed["input_ids"] = torch.tensor([ids])
        if pictures:
            fed["mm_token_type_ids"] = (fed["input_ids"] == mark).int()
        return fed

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def spelled(self, text: str) -> list[int]:
        """The ids of a text, every mark in it as plain characters."""
        return self._ids(apart(text, self._marks))

    def _processed(self, pieces: list[Piece], pictures: list[Any]) -> dict[str, Any]:
        text = "".join(apart(piece, self._marks) if own else piece for piece, own in pieces)
        shown = {"images": pictures} if pictures else {}
        return dict(
            self._loaded.processor(
                text=[text], add_special_tokens=False, return_tensors="pt", **shown
            )
        )

    def _positions(self, ids: list[int], fed: Mapping[str, torch.Tensor]) -> torch.Tensor:
        plain = torch.arange(len(ids))
        inner = getattr(self._loaded.model, "model", None)
        if inner is None or not hasattr(inner, "get_rope_index"):
            return plain[None]
        if "image_grid_thw" not in fed:
            return plain[None].expand(3, -1)
        wanted = {
            name: fed[name] for name in ("image_grid_thw", "mm_token_type_ids") if name in fed
        }
        found, _ = inner.get_rope_index(torch.tensor([ids]), **wanted)
        return torch.as_tensor(found)[:, 0]

    def _first_image(self, ids: list[int], kinds: torch.Tensor | None) -> int:
        if kinds is not None and kinds.any():
            return int(kinds[0].bool().int().argmax())
        mark = getattr(self._loaded.model.config, "image_token_id", None)
        mark = (
            mark
            if mark is not None
            else self._loaded.model.config.to_dict().get("image_token_index")
        )
        return ids.index(mark) if mark in ids else len(ids)


def _added(tokenizer: Any) -> tuple[str, ...]:
    """Tokens that are marks of the markup though no special role names them."""
    held = tokenizer.added_tokens_decoder.values()
    return tuple(one.content for one in held if one.special)
