"""What one lesson is: an ask, pictures in the order the ask shows them, and the answer to learn.

The chat markup here is the one that `chat_template.jinja` of the shipped folders writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.draw import draw
from parrot.backends.miniature.world import CELL, SIDE, Drawing, Scene
from parrot.core.asks import Ask, Sampling, Turn
from parrot.core.values import Image, Request

PATCH: Final = 8
"""Width of a patch in pixels."""
MERGE: Final = 2
"""Patches along each side that become one token of the language model."""
IMAGE_TOKENS: Final = (SIDE // (PATCH * MERGE)) ** 2
"""Tokens an image takes: one a place of the world."""
assert PATCH * MERGE == CELL

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
IMAGE_PAD, VIDEO_PAD = "<|image_pad|>", "<|video_pad|>"
SPECIALS: Final = (END, START, STOP, VISION_START, VISION_END, IMAGE_PAD, VIDEO_PAD)

SLOT: Final = Image("0" * 64, "image/png", b"")
"""Stands for a picture where only its place in the ask matters."""
SAMPLING: Final = Sampling()

TEMPLATE: Final = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.content is string %}{{- message.content }}"
    "{%- else %}{%- for part in message.content %}"
    "{%- if part.type == 'image' %}{{- '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{%- elif part.type == 'video' %}{{- '<|vision_start|><|video_pad|><|vision_end|>' }}"
    "{%- else %}{{- part.text }}{%- endif %}{%- endfor %}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


@frozen(slots=True)
class Lesson:
    """One ask and its answer. kind: for figures; ask: chat markup up to where the answer begins.

    pictures: 32 rows, 32 columns, 3 channels each, as many as the ask has image marks.
    """

    kind: str
    ask: str
    answer: str
    pictures: tuple[Pixels, ...] = field(eq=False)


def chat_text(turns: Sequence[Turn]) -> str:
    """Turns as chat markup that ends where the answer begins; a mark for each token of an image."""
    image = f"{VISION_START}{IMAGE_PAD * IMAGE_TOKENS}{VISION_END}"
    said = [
        f"{START}{turn.role}\n"
        + "".join(part if isinstance(part, str) else image for part in turn.blocks)
        + f"{STOP}\n"
        for turn in turns
    ]
    return "".join(said) + f"{START}assistant\n"


def lesson(kind: str, ask: Ask, answer: str, *shown: Drawing | Scene | None) -> Lesson:
    """A lesson over drawings in the order the ask shows them; None is left out."""
    drawings = [Drawing(one) if isinstance(one, Scene) else one for one in shown if one]
    return Lesson(kind, chat_text(ask.turns), answer, tuple(draw(one) for one in drawings))


def plain_ask(*parts: str | Image) -> Ask:
    """An ask of one turn, without a system text."""
    return Ask((Turn("user", parts),), SAMPLING)


def request_of(prompt: str, source: Scene | None) -> Request:
    """The request with a slot for its source."""
    return Request(prompt, (SLOT,) if source else ())


__all__ = ["END", "SPECIALS", "STOP", "TEMPLATE", "Lesson", "chat_text", "lesson", "plain_ask"]
