r"""Texts inside markup: what looks like a heading is written with a backslash before it.

A line that would read as a heading, or that would end a thinking block, gets one `\` in front; so
does a text that stands whole in brackets or in a fence, which readers take off. A carriage return
at a line's end is written `\r`. Nothing else is touched, so that plain prose stays as it is and a
foreign text with backslashes is changed only where it looks like one of these.
"""

from __future__ import annotations

import re

from parrot.core.formats.grammar import Grammar
from parrot.core.formats.wrapping import unwrapped

_TAIL = re.compile(r"(?<!\\)(\\*+)([\rr])(?=\n|\Z)")
_WRITTEN_TAIL = re.compile(r"(?<!\\)(\\++)r(?=\n|\Z)")
_WRAPS = "[`~"


def escaped(text: str, grammar: Grammar) -> str:
    """The text, stripped, as it stands in a reply."""
    written = grammar.unescaped.sub(r"\n\\", "\n" + text.strip())[1:]
    if "\r" in written or "\\" in written:
        written = _TAIL.sub(_tail, written)
    return "\\" + written if _is_wrapped(written) else written


def unescaped(raw: str, grammar: Grammar) -> str:
    """The text that a reply carries between two headings."""
    text = raw.strip()
    if not text:
        return ""
    if text[0] in _WRAPS:
        text = unwrapped(text) or text
    if "\\" not in text:
        return text
    if _is_wrapped(text):
        text = text[1:]
    text = _WRITTEN_TAIL.sub(_read_tail, text)
    return grammar.escaped.sub("\n", "\n" + text)[1:]


def _is_wrapped(text: str) -> bool:
    inner = text.lstrip("\\")
    return inner[:1] != "" and inner[0] in _WRAPS and unwrapped(inner) is not None


def _tail(tail: re.Match[str]) -> str:
    count = len(tail[1])
    if tail[2] == "\r":
        return "\\" * (2 * count + 1) + "r"
    return "\\" * (2 * count) + "r"


def _read_tail(tail: re.Match[str]) -> str:
    count, odd = divmod(len(tail[1]), 2)
    return "\\" * count + ("\r" if odd else "r")
