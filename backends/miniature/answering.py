"""How the simulated teacher answers when asked for evidence: labels, claims, wishes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from parrot.backends.miniature.briefs import Brief, Want
from parrot.backends.miniature.claims import Says, Understood, understood
from parrot.backends.miniature.human import TIE_BAND
from parrot.backends.miniature.requests import brief_of, phrase, things_in
from parrot.backends.miniature.world import HARM
from parrot.core.asks import TokenLogprob
from parrot.core.values import Label

DOUBT: Final = 0.12
"""Deviation of a margin that the teacher allows for when it gives its probabilities."""
TRUST: Final = 0.3
"""What an evaluation without a false claim weighs against the teacher's own look."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_NAMED = re.compile(r"\bimage ([AB])\b", re.IGNORECASE)
_BLOCK = re.compile(r"^(?:#* *)?(?:\d{1,2}\. )?[A-Z][^:\n]{2,60}:[ \t]*$", re.MULTILINE)
_SCORES = re.compile(r"^#* ?Score ([AB]): \[?(-?\d+(?:\.\d+)?)", re.MULTILINE)
_HEADED = re.compile(r"^\d{1,2}\. ([^:\n]{2,60}):$", re.MULTILINE)


def claims_in(text: str) -> Iterator[tuple[Label, str, Understood]]:
    """Every sentence that the teacher understands as a claim about image A or B."""
    for sentence in _SENTENCE.split(text):
        named = _NAMED.search(sentence)
        said = understood(sentence) if named else None
        if named and said:
            yield Label(named[1].upper()), sentence, said


def scores_in(evaluation: str, side: Label, low: float, high: float) -> dict[str, float]:
    """One image's scores in a written comparison, by heading, as shares of the scale."""
    found: dict[str, float] = {}
    # Split at a group: what is before, then headings and blocks in turn.
    _, *parts = _HEADED.split(evaluation)
    for heading, block in zip(parts[::2], parts[1::2], strict=True):
        for name, number in _SCORES.findall(block):
            if name == side.value:
                found[heading] = (float(number) - low) / (high - low)
    return found


def read_margin(evaluation: str) -> float:
    """How far an evaluation favours A: by its scores, else by the faults that it names.

    A share of the scale of 1 to 4, positive for A.
    """
    scores = {
        side: [float(n) for s, n in _SCORES.findall(evaluation) if s == side] for side in "AB"
    }
    if scores["A"] and len(scores["A"]) == len(scores["B"]):
        return (sum(scores["A"]) - sum(scores["B"])) / len(scores["A"]) / 3.0
    faults = dict.fromkeys(Label, 0.0)
    for side, _, said in claims_in(evaluation):
        faults[side] += _weight(said)
    return (faults[Label.B] - faults[Label.A]) / max(2, len(_BLOCK.findall(evaluation)))


def _weight(said: Understood) -> float:
    if said.says is Says.FLAW and said.strength:
        return HARM[said.strength]
    if said.says is Says.LACKS:
        return 0.5 if said.fault else 0.0
    return 0.35 if said.fault else 0.0


def weighed(own: float, evaluation: str, confirms: Callable[[Label, str], bool | None]) -> float:
    """The margin after a look: an evaluation with a claim that the eyes deny counts for nothing."""
    denied = any(confirms(side, claim) is False for side, claim, _ in claims_in(evaluation))
    return own if denied else (1 - TRUST) * own + TRUST * read_margin(evaluation)


def odds_of(margin: float) -> Mapping[str, float]:
    """P(A), P(B), P(Tie) for a margin known up to `DOUBT`; they sum to 1."""

    def below(bound: float) -> float:
        return 0.5 * math.erfc((margin - bound) / (DOUBT * math.sqrt(2.0)))

    floor = 1e-4
    raw = {"A": 1.0 - below(TIE_BAND), "B": below(-TIE_BAND)}
    raw["Tie"] = max(0.0, 1.0 - raw["A"] - raw["B"])
    return {word: (p + floor) / (1.0 + 3 * floor) for word, p in raw.items()}


def spoken(margin: float) -> tuple[str, tuple[TokenLogprob, ...]]:
    """One word, and its log-probability beside those of the other two."""
    odds = odds_of(margin)
    best = max(odds, key=lambda word: odds[word])
    logs = tuple((word, math.log(odds[word])) for word in sorted(odds, key=lambda w: -odds[w]))
    return best, (TokenLogprob(best, math.log(odds[best]), logs),)


def wishes(original: str, refined: str) -> str:
    """Each wish of the first request, kept or lost in the second."""
    lines = [f"{'kept' if kept else 'lost'}: {wish}" for wish, kept in _wishes(original, refined)]
    return "\n".join(lines) or "kept: the request as a whole"


def _wishes(original: str, refined: str) -> Iterator[tuple[str, bool]]:
    first, second = _read(original), _read(refined)
    if first is None:
        return
    if first.edit:
        named = [w for w in (first.edit.target, first.edit.new) if w]
        left = (
            [w for w in (second.edit.target, second.edit.new) if w]
            if second and second.edit
            else []
        )
        same = bool(second and second.edit and _same_change(first, second))
        yield f"the change ({first.edit.op.value})", same
    else:
        named, left = list(first.wants), list(second.wants if second else ())
    for want in named:
        match = next((w for w in left if _covers(w, want)), None)
        if match is not None:
            left.remove(match)
        yield phrase(want), match is not None
    if first.background:
        kept = bool(second and second.background is first.background)
        yield f"a {first.background.value} background", kept
    if first.quality:
        yield "good quality", bool(second and second.quality)


def _read(prompt: str) -> Brief | None:
    return brief_of(prompt, is_edit=True) or (
        brief_of(prompt, is_edit=False) if things_in(prompt) else None
    )


def _same_change(first: Brief, second: Brief) -> bool:
    a, b = first.edit, second.edit
    assert a is not None
    assert b is not None
    return (a.op, a.place, a.background, a.letter) == (b.op, b.place, b.background, b.letter)


def _covers(refined: Want, wanted: Want) -> bool:
    """Whether the refined thing is the wanted one, perhaps said in more detail."""
    return (
        (refined.shape, refined.colour, refined.letter)
        == (wanted.shape, wanted.colour, wanted.letter)
        and wanted.size in (None, refined.size)
        and wanted.place in (None, refined.place)
    )
