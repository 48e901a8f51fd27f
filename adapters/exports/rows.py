"""One example as a row of each trainer's format. Pure but for `keep`, which places an image.

A user's own `<image>` would be counted as a placeholder by trainers that split text on it: it is
written with a zero-width joiner after `<`, so that placeholders always equal images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parrot.core.asks import Part, Turn
from parrot.core.examples import Example
from parrot.core.values import Image

Keep = Callable[[Image], str]
PLACEHOLDER = "<image>"
_DEFUSED = "<\u200dimage>"


def _text(part: Part) -> str:
    return PLACEHOLDER if isinstance(part, Image) else part.replace(PLACEHOLDER, _DEFUSED)


def _flat(turn: Turn) -> dict[str, str]:
    return {"role": turn.role, "content": "\n".join(_text(p) for p in turn.parts)}


def _answer(one: Example) -> str:
    return one.answer.replace(PLACEHOLDER, _DEFUSED)


def sharegpt(one: Example, keep: Keep) -> dict[str, Any]:
    """LLaMA-Factory's sharegpt form with `messages` and `images`; ms-swift reads the same."""
    messages = [_flat(t) for t in one.turns]
    messages.append({"role": "assistant", "content": _answer(one)})
    return {"id": one.id, "messages": messages, "images": [keep(i) for i in one.images]}


def trl(one: Example, keep: Keep) -> dict[str, Any]:
    """TRL's conversational prompt and completion with typed content, images in a column."""
    prompt = [{"role": t.role, "content": [_typed(p) for p in t.parts]} for t in one.turns]
    completion = [{"role": "assistant", "content": [{"type": "text", "text": one.answer}]}]
    images = [keep(i) for i in one.images]
    return {"prompt": prompt, "completion": completion, "images": images}


def _typed(part: Part) -> dict[str, Any]:
    # One shape for all parts, so that the rows make one table.
    if isinstance(part, Image):
        return {"type": "image", "text": None}
    return {"type": "text", "text": part}


def verl(one: Example, keep: Keep) -> dict[str, Any]:
    """verl's RL rows: the prompt, images, and the label as ground truth."""
    return {
        "data_source": one.source or "parrot",
        "prompt": [_flat(t) for t in one.turns],
        "images": [{"image": keep(i)} for i in one.images],
        "ability": f"judge-{one.form}",
        "reward_model": {"style": "rule", "ground_truth": one.label.value if one.label else ""},
        "extra_info": {"id": one.id, "pair_id": one.pair_id, "answer": one.answer},
    }
