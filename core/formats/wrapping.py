"""What models put around a reply: a thinking block, a code fence, a byte-order mark, CRLF."""

from __future__ import annotations

import re

_OPEN = re.compile(r"[\s\ufeff]*<think(?:ing)?>")
_CLOSE = re.compile(r"</think(?:ing)?>")
_CLOSES_LINE = re.compile(r"</think(?:ing)?>[ \t\r]*(?=\n|\Z)")
FENCE = re.compile(r"\n[ \t]{0,3}(?:```|~~~)[^\n]*")
_FENCE_LINE = re.compile(r"[ \t]{0,3}(```+|~~~+)[^\n`]*")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")


def normal_lines(text: str) -> str:
    """The text with LF line ends, a line break before its first line, and no byte-order mark."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return "\n" + (text[1:] if text[:1] == "\ufeff" else text)


def without_thinking(text: str, heading: re.Pattern[str]) -> str | None:
    """The text after its thinking; None where the thinking never ends.

    A block is thinking where it opens the text, or where its end closes a line that is neither a
    heading nor escaped: then its beginning stood in the prompt.
    """
    if "<think" not in text and "</think" not in text:
        return text
    end = _opened(text)
    if end is None:
        return None
    return text[end or _unopened(text, heading) :]


def _opened(text: str) -> int | None:
    end = 0
    while block := _OPEN.match(text, end):
        close = _CLOSE.search(text, block.end())
        if close is None:
            return None
        end = close.end()
    return end


def _unopened(text: str, heading: re.Pattern[str]) -> int:
    for close in _CLOSES_LINE.finditer(text):
        start = max(text.rfind("\n", 0, close.start()), 0)
        line = text[start : close.start()]
        if not line.startswith("\n\\") and not heading.match(line):
            return close.end()
    return 0


def without_fence(text: str, first: int) -> str:
    """The text without the closing fence of a block that was opened before position `first`.

    Fences come in pairs, so with an odd number the reply was cut and nothing is taken off.
    """
    fences = list(FENCE.finditer(text))
    before = sum(fence.start() < first for fence in fences)
    if before % 2 and len(fences) % 2 == 0:
        return text[: fences[-1].start()]
    return text


def fenced_spans(text: str, first: int) -> list[tuple[int, int]]:
    """Where inner code blocks stand, after position `first`; empty where fences do not pair up."""
    marks = [fence.start() for fence in FENCE.finditer(text, first)]
    if len(marks) % 2:
        return []
    return list(zip(marks[::2], marks[1::2], strict=True))


def unwrapped(text: str) -> str | None:
    """The inside of one pair of brackets, or of one fence, that holds all of a stripped text."""
    if text[:1] == "[":
        return text[1:-1].strip() if _BRACKETS.fullmatch(text) else None
    lines = text.split("\n")
    opening = _FENCE_LINE.fullmatch(lines[0]) if len(lines) > 1 else None
    if opening is None or lines[-1].strip() != opening[1]:
        return None
    if any(_FENCE_LINE.match(line) for line in lines[1:-1]):
        return None
    return "\n".join(lines[1:-1]).strip()
