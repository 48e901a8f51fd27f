"""One example as a row of each trainer's format. Pure but for `keep`, which places an image.

Turns are written as a model is shown them (`Turn.blocks`), with nothing between text and image, so
that training sees the tokens that asking sends. A user's own `<image>` or `<|im_end|>` would count
as an image or end a turn where a trainer or tokenizer looks for them: it gets a zero-width joiner
after `<`, in every format.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from parrot.core.asks import Part, Turn
from parrot.core.examples import Example
from parrot.core.values import Image

Keep = Callable[[Image], Any]
PLACEHOLDER: Final = "<image>"
_SPECIAL = re.compile(
    r"<(?=(?:image|video|audio|img|/img|bbox|ref-object|cot-process)>|\|[^|<>\s]{1,40}\|>)"
)
_JOINER = "\u200d"
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def inert(text: str) -> str:
    """The text with no placeholder or special token that a trainer would act on.

    Lone surrogates, which no tokenizer takes, become U+FFFD.
    """
    return _SURROGATE.sub("\ufffd", _SPECIAL.sub("<" + _JOINER, text))


def _flat(turn: Turn) -> dict[str, str]:
    parts = (PLACEHOLDER if isinstance(p, Image) else inert(p) for p in turn.blocks)
    return {"role": turn.role, "content": "".join(parts)}


def _typed(part: Part) -> dict[str, Any]:
    # One shape for all parts, so that the rows make one table.
    if isinstance(part, Image):
        return {"type": "image", "text": None}
    return {"type": "text", "text": inert(part)}


def sharegpt(one: Example, keep: Keep) -> dict[str, Any]:
    """LLaMA-Factory's sharegpt form with `messages` and `images`; ms-swift reads the same."""
    messages = [_flat(turn) for turn in one.turns]
    messages.append({"role": "assistant", "content": inert(one.answer)})
    return {"id": one.id, "messages": messages, "images": [keep(i) for i in one.images]}


def trl(one: Example, keep: Keep) -> dict[str, Any]:
    """TRL's conversational prompt and completion with typed content, images in a column."""
    prompt = [{"role": t.role, "content": [_typed(p) for p in t.blocks]} for t in one.turns]
    completion = [{"role": "assistant", "content": [_typed(one.answer)]}]
    images = [keep(i) for i in one.images]
    return {"id": one.id, "prompt": prompt, "completion": completion, "images": images}


def verl(one: Example, keep: Keep) -> dict[str, Any]:
    """verl's rows: the prompt for RL, the same with the answer for SFT, and the label as shown.

    ground_truth: A, B or TIE of a comparison, empty of a critique, which no label decides.
    """
    prompt = [_flat(turn) for turn in one.turns]
    return {
        "data_source": one.source or "parrot",
        "prompt": prompt,
        "messages": [*prompt, {"role": "assistant", "content": inert(one.answer)}],
        "images": [keep(i) for i in one.images],
        "ability": f"judge-{one.form}",
        "reward_model": {"style": "rule", "ground_truth": one.label.value if one.label else ""},
        "extra_info": {
            "id": one.id,
            "pair_id": one.pair_id,
            "order": one.order.value,
            "answer": inert(one.answer),
        },
    }
