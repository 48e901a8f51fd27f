"""Which of many heading lines are the reply's own, where they do not stand once each and in order.

Headings are also quoted: in the analysis, in a justification, in a summary. The rules, in order:

1. The judgement is the last `# Detailed Judgement` that has a dimension with a field under it;
   all before it is analysis. Where it holds fewer dimensions than an earlier one (a quotation at
   the end, or a cut reply after a quotation), both are given and only what they say alike counts.
2. Lines inside inner code blocks are quoted, unless the whole judgement stands in one.
3. A dimension's heading is real where the field that opens a section follows it at once. Only a
   dimension that has no such heading may have one before another field, or before none.
4. Headings with marks (hashes, bold, numbers) are preferred to bare words.
5. A justification reaches to the last field of its section; a score that is followed by prose and
   then by another score of the same name was quoted. Two of them side by side are a conflict.
6. The first summary or refinement heading after a whole section ends the judgement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from parrot.core.critiques import NA
from parrot.core.formats.fields import raw_fields
from parrot.core.formats.grammar import ANALYSIS, ENDERS, JUDGEMENT, JUSTIFICATION, Grammar, Token
from parrot.core.formats.sections import Section
from parrot.core.formats.wrapping import fenced_spans


class Resolved(NamedTuple):
    """The reply's own parts. `rival`: an earlier judgement that holds more dimensions."""

    analysis: str
    sections: tuple[Section, ...]
    tail: tuple[Token, ...]
    rival: tuple[Section, ...] | None


class _Found(NamedTuple):
    dimension: int
    heading: Token
    fields: list[Token]
    end: int


def is_marked(text: str, token: Token) -> bool:
    """Whether the heading line has hashes, bold or a number before its words."""
    for char in text[token.start + 1 : token.end]:
        if char.isalpha():
            return False
        if char in "#_*" or char.isdigit():
            return char != "*" or text[token.start + 1 : token.end].lstrip()[1:2] == "*"
    return False


def resolve(text: str, grammar: Grammar) -> Resolved:
    """The parts of a reply whose headings are not in order; `text` begins with a line break."""
    text = unfolded(text, grammar)
    raise NotImplementedError
