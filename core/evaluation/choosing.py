"""What one judgement says under a protocol: a choice, or the lack of one.

Readers of `choice` answers live here only where a benchmark's official script reads in a way of its
own; the general reader is the reply format's.
"""

from __future__ import annotations

import re
from enum import StrEnum

from parrot.core.asks import FailureKind
from parrot.core.candidates import Order
from parrot.core.formats import Choice, read_choice
from parrot.core.judgements import Judgement
from parrot.core.values import Both, Label


class ReaderRule(StrEnum):
    """How a protocol takes the winner from a judgement that carries its raw answer."""

    CHOICE = "choice"  # the winner as given; else our `choice` reader: the last choice stands
    FIRST_BRACKET = "first-bracket"  # GenAI-Bench's own reading of the answer, whatever we read


class Lack(StrEnum):
    """Why a judgement has no winner: an answer that cannot be read, or no answer at all."""

    UNREADABLE = "unreadable"
    MISSING = "missing"


ChoiceOrLack = Choice | Lack

_ANSWERED = frozenset({FailureKind.UNREADABLE, FailureKind.CUT})
_BRACKETS = re.compile(r"\[\[.*\]\]")
_OFFICIAL = {
    "[[A>B]]": Choice(Label.A),
    "[[A>>B]]": Choice(Label.A),
    "[[B>A]]": Choice(Label.B),
    "[[B>>A]]": Choice(Label.B),
    "[[A=B]]": Choice(Label.TIE),
    "[[A=B=Good]]": Choice(Label.TIE, Both.GOOD),
    "[[A=B=Bad]]": Choice(Label.TIE, Both.BAD),
}


def genai_bench_choice(text: str) -> Choice | None:
    """The choice as GenAI-Bench's `parse_response` finds it, in the frame that the model saw.

    Only the first line with double brackets is looked at, from its first `[[` to its last `]]`, and
    what stands there must be one of the official strings to the letter: a line that names two
    choices, or one in lower case, has none.
    """
    found = _BRACKETS.search(text)
    return _OFFICIAL.get(found.group()) if found else None


def choice_of(
    judgement: Judgement, rule: ReaderRule = ReaderRule.CHOICE, *, threshold: float | None = None
) -> ChoiceOrLack:
    """What the judgement says, in the pair's frame.

    threshold: where given, scores decide, and a gap of at most this much is a TIE. Else a failure is
    a lack, a given winner stands, equal scores are a TIE and others go by their sign, and an answer
    is read; with FIRST_BRACKET an answer is read before anything else.
    """
    gap, answer, failure = judgement.gap, judgement.answer, judgement.failure
    if failure is not None and failure.kind not in _ANSWERED:
        return Lack.MISSING
    if gap is not None and threshold is not None:
        return by_gap(gap, threshold)
    if rule is ReaderRule.FIRST_BRACKET and answer is not None:
        return _framed(genai_bench_choice(answer), judgement.order)
    if failure is not None:
        return Lack.UNREADABLE
    if judgement.winner is not None:
        return Choice(judgement.winner, judgement.both)
    if gap is not None:
        return by_gap(gap, 0.0)
    return _framed(read_choice(answer or "").value, judgement.order)


def by_gap(gap: float, threshold: float) -> Choice:
    """The winner by scores: a TIE where they differ by no more than the threshold."""
    if abs(gap) <= threshold:
        return Choice(Label.TIE)
    return Choice(Label.A if gap > 0 else Label.B)


def _framed(seen: Choice | None, order: Order) -> ChoiceOrLack:
    if seen is None:
        return Lack.UNREADABLE
    return Choice(seen.label.mirrored(), seen.both) if order is Order.BA else seen
