"""Expected scores: what a score is on average over the levels that the model weighed.

A written score hides how sure the model was, and two that are equal hide which it would rather have
put higher. The log-probabilities of the score's own token tell both.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from attrs import evolve

from parrot.core.asks import Failed, FailureKind, Reply, TokenLogprob
from parrot.core.rubric import Scale

TOP: Final = 20
"""Alternatives to ask for: as many as servers give."""
_FIELD = re.compile(
    r"^[^\w\n]*(?:\d{1,2}[.)][^\w\n]*)?(?:"
    r"Score(?:[ _](?P<side>[AB]))?[^\w\n]*[:：][^\w\n]*(?P<score>\d(?:\.\d+)?)(?!\w|\.\d)"
    r"|Winner[^\w\n]*[:：][^\w\n]*(?P<winner>A|B|Tie)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_LEVEL = re.compile(r"\d(?:\.\d+)?")


def expected(reply: Reply, scale: Scale) -> Reply | None:
    """The reply with each score of a markup judgement replaced by its expectation, within the scale.

    A score's tenths stay as written where they are a token of their own: what would have followed
    another level is not known. Winners are written anew to agree. None where there is no score, where
    the log-probabilities do not spell the reply, or where levels have two digits (a scale of 10).
    """
    spelt = reply.logprobs
    if not spelt or scale.high >= 10 or not "".join(t.token for t in spelt).startswith(reply.text):
        return None
    ends = list(accumulate(len(one.token) for one in spelt))
    sides: dict[str, float] = {}
    text, at, found = "", 0, False
    for field in _FIELD.finditer(reply.text):
        if field["score"]:
            (start, end), found = field.span("score"), True
            value = float(field["score"]) + lean(spelt[bisect_right(ends, start)], scale)
            sides[(field["side"] or "").upper()] = value = scale.clipped(value)
            said = f"{value:.4f}"
        else:
            start, end = field.span("winner")
            said = _winner(sides) or field["winner"]
            sides = {}  # what the next dimension lacks is not to be had from this one
        text, at = text + reply.text[at:start] + said, end
    return evolve(reply, text=text + reply.text[at:], logprobs=None) if found else None


def weighed(reply: Reply, scale: Scale) -> Reply | Failed:
    """`expected`, or the failure that stands for None."""
    told = expected(reply, scale)
    return told or Failed(FailureKind.UNREADABLE, "no log-probabilities of its scores")


def _winner(sides: Mapping[str, float]) -> str | None:
    """The winner by the latest scores of A and of B; None where one has none."""
    if not {"A", "B"} <= sides.keys():
        return None
    lead = round(sides["A"] - sides["B"], 4)
    return "A" if lead > 0 else "B" if lead < 0 else "Tie"


def lean(token: TokenLogprob, scale: Scale) -> float:
    """How far the mean over a score token's alternatives lies above the level that was written."""
    written = _level(token.token, scale)
    if written is None:
        return 0.0
    weights: dict[float, float] = {}
    for text, logprob in _alternatives(token):
        level = _level(text, scale)
        if level is not None:
            weights[level] = weights.get(level, 0.0) + math.exp(logprob)
    total = sum(weights.values())
    return sum(w * (level - written) for level, w in weights.items()) / total if total else 0.0


def _alternatives(token: TokenLogprob) -> Sequence[tuple[str, float]]:
    chosen = (token.token, token.logprob)
    return token.top if any(text == token.token for text, _ in token.top) else (*token.top, chosen)


def _level(text: str, scale: Scale) -> float | None:
    said = text.strip()
    if not _LEVEL.fullmatch(said):
        return None
    level = float(said)
    return level if scale.holds(level) else None
