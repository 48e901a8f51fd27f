"""Where a reply may stop early: behind the closed line of its last score.

Knows the shape of a markup reply well enough to wait too long rather than stop too soon. Reading
the reply is the format's.
"""

from __future__ import annotations

import re
from functools import lru_cache

_JUDGEMENT = re.compile(
    r"^[^\w\n\\]*Detailed[ _]Judge?ments?[^\w\n\u2028\u2029:：]*(?:[:：]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_SCORE_LINE = re.compile(
    r"^[^\w\n\\]*(?:\d{1,2}[.)][^\w\n]*)?Score(?:[ _]B)?[^\w\n]*[:：]"
    r"[^\w\n]*(?:\n[^\w\n]*){0,2}(?:\d|N/?A\b|not applicable\b)[^\n]*\n",
    re.IGNORECASE | re.MULTILINE,
)


_THOUGHT_END = re.compile(r"^[^\\\n]*</think(?:ing)?>[ \t\r]*$", re.MULTILINE)


def _thought_end(text: str) -> int | None:
    """Where thinking ends, 0 without any; None while it goes on. Readers escape quoted ends."""
    if text.lstrip().startswith("<think"):
        close = text.find("</think")
        return close if close >= 0 else None
    closed = _THOUGHT_END.search(text) if "</think" in text else None
    return closed.end() if closed else 0


@lru_cache(maxsize=256)
def _heading(words: str) -> re.Pattern[str]:
    named = r"[ _]+".join(re.escape(word) for word in words.split())
    return re.compile(
        rf"^[^\w\n\\]*(?:\d{{1,2}}[.)][^\w\n]*)?{named}(?:\([^()\n]*+\)|[^\w\n])*+$",
        re.IGNORECASE | re.MULTILINE,
    )


def end_of_scores(text: str, last_score: str) -> int | None:
    """How much of a reply must be kept so that its last score is whole; None while it is not out.

    last_score: the heading of the last dimension. A score is out when a line of nothing but that
    heading is followed by a score whose own line is closed, after the last "Detailed Judgement" and
    outside an unfinished thinking block. A form quoted with no numbers in it has no scores.
    """
    start = _thought_end(text)
    if start is None:
        return None
    for judgement in _JUDGEMENT.finditer(text, start):
        start = judgement.end()
    found = _heading(last_score).search(text, start)
    score = _SCORE_LINE.search(text, found.end()) if found else None
    return score.end() if score else None
