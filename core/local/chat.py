"""From turns to chat markup in pieces, so that text of an ask is told from the markup around it.

User text stays text: a mark of the chat markup inside it is spelled out, never obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from parrot.core.asks import Turn

Piece = tuple[str, bool]
"""A part of the markup, and whether it is text of the ask."""
_OPEN, _CLOSE = "\ue000", "\ue001"  # private use: no template and no tokenizer knows them
_APART: Final = "\u200b"


def messages_of(turns: Iterable[Turn]) -> tuple[list[dict[str, Any]], list[str]]:
    """Messages for a chat template, a slot in place of every text, and the texts by slot."""
    texts: list[str] = []
    messages = []
    for turn in turns:
        content: list[dict[str, str]] = []
        for block in turn.blocks:
            if isinstance(block, str):
                content.append({"type": "text", "text": f"{_OPEN}{len(texts)}{_CLOSE}"})
                texts.append(block)
            else:
                content.append({"type": "image"})
        messages.append({"role": turn.role, "content": content})
    return messages, texts


def pieces_of(said: str, texts: Sequence[str]) -> Iterator[Piece]:
    """What a template made of messages with slots, in pieces, each slot its text."""
    for number, part in enumerate(said.split(_OPEN)):
        if number == 0:
            yield part, False
            continue
        index, _, rest = part.partition(_CLOSE)
        yield texts[int(index)], True
        yield rest, False


def apart(text: str, marks: Iterable[str]) -> str:
    """The text with every mark in it broken into plain characters."""
    for mark in marks:
        text = text.replace(mark, mark[:1] + _APART + mark[1:])
    return text


def ids_of(
    pieces: Sequence[Piece], marks: Sequence[str], encode: Callable[[str], list[int]]
) -> list[int]:
    """The token ids of markup. As one text where no text of the ask holds a mark, since words may
    join at the seams; piece by piece where one does."""
    if not any(own and any(mark in text for mark in marks) for text, own in pieces):
        return encode("".join(text for text, _ in pieces))
    out: list[int] = []
    for text, own in pieces:
        out += encode(apart(text, marks) if own else text)
    return out
