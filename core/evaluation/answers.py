"""What one judgement says under a protocol: an answer, or the lack of one.

Readers of `choice` answers live here only where a benchmark's official script reads in a way of its
own; the general reader is the reply format's.
"""

from __future__ import annotations

import re
from enum import StrEnum

from attrs import frozen

from parrot.core.asks import FailureKind
from parrot.core.candidates import Order
from parrot.core.judgements import Judgement
from parrot.core.values import Both, Label


class ReaderRule(StrEnum):
    """How a protocol takes the winner from a judgement that carries its raw answer."""

    CHOICE = "choice"  # the winner as given; else our `choice` reader on the answer
    FIRST_BRACKET = "first-bracket"  # GenAI-Bench's own reading of the answer, whatever we read


@frozen(slots=True)
class Answer:
    """A winner in the pair's frame, and what a TIE says of both."""

    winner: Label
    both: Both | None = None


class Lack(StrEnum):
    """Why a judgement has no winner: an answer that cannot be read, or no answer at all."""

    UNREADABLE = "unreadable"
    MISSING = "missing"


AnswerOrLack = Answer | Lack

_ANSWERED = frozenset({FailureKind.UNREADABLE, FailureKind.CUT})
_BRACKETS = re.compile(r"\[\[.*\]\]")
_OFFICIAL = {
    "[[A>B]]": Answer(Label.A),
    "[[A>>B]]": Answer(Label.A),
    "[[B>A]]": Answer(Label.B),
    "[[B>>A]]": Answer(Label.B),
    "[[A=B]]": Answer(Label.TIE),
    "[[A=B=Good]]": Answer(Label.TIE, Both.GOOD),
    "[[A=B=Bad]]": Answer(Label.TIE, Both.BAD),
}


def first_bracket(text: str) -> Answer | None:
    """The choice as GenAI-Bench's `parse_response` finds it, in the frame that the model saw.

    Only the first line with double brackets is looked at, from its first `[[` to its last `]]`, and
    what stands there must be one of the official strings to the letter: a line that names two
    choices, or one in lower case, has none.
    """
    found = _BRACKETS.search(text)
    return _OFFICIAL.get(found.group()) if found else None


def answer_of(
    judgement: Judgement, rule: ReaderRule = ReaderRule.CHOICE, *, threshold: float | None = None
) -> AnswerOrLack:
    """What the judgement says, in the pair's frame.

    threshold: where given, scores decide, and a gap of at most this much is a TIE. Without one a
    given winner stands, then equal scores are a TIE and others go by their sign.
    """
    gap = judgement.gap
    if gap is not None and (threshold is not None or judgement.winner is None):
        return by_gap(gap, threshold or 0.0)
    official = rule is ReaderRule.FIRST_BRACKET and judgement.answer is not None
    if judgement.winner is not None and not official:
        return Answer(judgement.winner, judgement.both)
    if judgement.failure is not None and judgement.failure.kind not in _ANSWERED:
        return Lack.MISSING
    return _read(judgement, rule)


def by_gap(gap: float, threshold: float) -> Answer:
    """The winner by scores: a TIE where they differ by no more than the threshold."""
    if abs(gap) <= threshold:
        return Answer(Label.TIE)
    return Answer(Label.A if gap > 0 else Label.B)


def _read(judgement: Judgement, rule: ReaderRule) -> AnswerOrLack:
    if judgement.answer is None:
        return Lack.UNREADABLE
    read = first_bracket if rule is ReaderRule.FIRST_BRACKET else _choice
    seen = read(judgement.answer)
    if seen is None:
        return Lack.UNREADABLE
    if judgement.order is Order.BA:
        return Answer(seen.winner.mirrored(), seen.both)
    return seen


_CHOICE = re.compile(r"\[\[([^\[\]\n]*)\]\]")


def _choice(text: str) -> Answer | None:
    for inside in reversed(_CHOICE.findall(text)):
        found = _OFFICIAL.get(f"[[{inside}]]")
        if found is not None:
            return found
    return None
