"""JSON objects as models write them: fenced, in prose, cut short, with a key twice.

Knows JSON, and nothing of rubrics. Numbers stay the digits that the text has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_SIGNS = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],]', re.DOTALL)
_CLOSERS = {"{": "}", "[": "]"}


class Digits(str):
    """A JSON number, as its text."""

    __slots__ = ()


class Members(dict[str, Any]):
    """A JSON object. repeated: the keys that stand in it more than once with different values."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        again = len(self) < len(pairs)
        self.repeated = {k for k, v in pairs if v != self[k]} if again else set()


_DECODER = json.JSONDecoder(
    object_pairs_hook=Members,
    parse_float=Digits,
    parse_int=Digits,
    parse_constant=lambda name: name,  # NaN and Infinity: words, and so no scores
)


def objects_in(text: str) -> Iterator[Members]:
    """Every whole object in the text that stands within no other."""
    at = text.find("{")
    while at >= 0:
        try:
            found, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            end = max(at + 1, error.pos)
        except RecursionError:
            return
        else:
            yield found
        at = text.find("{", end)


def cut_object(text: str) -> Members | None:
    """What is whole of an object that the text begins and does not end; None where nothing is."""
    start = text.find("{")
    if start < 0:
        return None
    open_: list[str] = []
    cut, closing = 0, ""
    for sign in _SIGNS.finditer(text, start):
        if sign[0] in _CLOSERS:
            open_.append(_CLOSERS[sign[0]])
        elif sign[0] == ",":
            cut, closing = sign.start(), _closers(open_)
        elif sign[0] in ("}", "]"):
            if not open_ or open_.pop() != sign[0]:
                return None
            cut, closing = sign.end(), _closers(open_)
        if len(open_) > 32:
            return None
    try:
        found = _DECODER.decode(text[start:cut] + closing)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Members) else None


def _closers(open_: list[str]) -> str:
    return "".join(reversed(open_))
