"""How a text names the two images of a pair: "Image A", "than B", "A and B", "Winner: B".

A bare letter counts only where it can hardly be an article or a letter to be seen: at the beginning
of a clause before its verb, after "than" or "both", beside one that counts. "The image a customer
wants" names none, nor does "gate B", nor "the first image": of an edit that may be the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from parrot.core.values import Label

_NOUN = r"(?i:images?|pictures?|candidates?|options?|results?|scores?)"
_VERB = (
    r"(?:is|was|are|were|has|have|had|does|did|also|shows?|looks?|gets?|keeps?|misses|lacks?|matches"
    r"|follows?|fails?|renders?|depicts?|contains?|includes?|adds?|draws?|gives?|puts?|leaves?"
    r"|makes?|seems?|appears?|wins|loses|scores?|stays?|comes?|suffers?|avoids?|differ)"
)
_ENDS = r"(?![\w-])"
_BESIDE = r"\s*(?:[,&/]|(?:,\s*)?\b(?i:and|or|nor|vs\.?|versus)\b)\s*"
_LETTERS = rf"[AB]{_ENDS}(?:{_BESIDE}[AB]{_ENDS})*"
_CLAUSE = (
    r"(?:^|[.;:!?,(\n]\s*|\b(?i:while|whereas|and|but|because|that|where|since|although|though)\s+)"
)
_NAMING = re.compile(
    rf"\b(?:(?i:the)\s+)?{_NOUN}\s+{_LETTERS}"
    rf"|\b{_NOUN}[_-]+[ABab]{_ENDS}"
    rf"|{_CLAUSE}{_LETTERS}(?=['’]s\b|\s+{_VERB}(?:n['’]t)?\b)"
    rf"|\b(?i:than|versus|unlike|between|both|neither|either)\s+{_LETTERS}(?!['’](?!s))"
    rf"|\b(?i:winner|choice|verdict|preferred)\s*[:：=][^\w\n]{{0,4}}[AB]{_ENDS}(?=\W*$|\W*\n|\s*[.,;)])"
)
_ONE = re.compile(rf"(?:\b(?i:the)\s+)?\b{_NOUN}(?:\s+|[_-]+)([ABab]){_ENDS}|(?<!\w)([AB])(?!\w)")
_SWAPPED = str.maketrans("ABab", "BAba")


def named(text: str) -> tuple[Label, ...]:
    """The images that a text names, each once, in the order of their first mention."""
    spans = (span[0] for span in _NAMING.finditer(text))
    return tuple(dict.fromkeys(_side(one) for span in spans for one in _ONE.finditer(span)))


def mirrored_text(text: str) -> str:
    """The text with the names of the two images in each other's place; its own inverse."""
    return _renamed(text, lambda one: one[0][:-1] + one[0][-1].translate(_SWAPPED))


def called(text: str, side: Label, name: str) -> str:
    """The text with another name for one image; what it says of the other one stays."""
    return _renamed(text, lambda one: name if _side(one) is side else one[0])


def _renamed(text: str, told: Callable[[re.Match[str]], str]) -> str:
    return _NAMING.sub(lambda span: _ONE.sub(told, span[0]), text)


def _side(one: re.Match[str]) -> Label:
    return Label((one[1] or one[2]).upper())
