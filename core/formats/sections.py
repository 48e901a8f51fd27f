"""From the raw fields of each dimension's section to findings and problems; the same for all formats.

Knows what makes a dimension whole, and nothing of headings or JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from parrot.core.critiques import (
    NA,
    Finding,
    NotApplicable,
    PairFinding,
    Problem,
    ProblemCode,
    Score,
)
from parrot.core.formats.form import Form
from parrot.core.formats.grammar import Grammar, Settled
from parrot.core.formats.values import Unread, read_winner
from parrot.core.values import Label

Raw = str | Unread | None
"""A value's text, or why there is none; None where its heading is absent."""
AnyFinding = Finding | PairFinding
Read = AnyFinding | tuple[Problem, ...]
_ABSENT = Unread(ProblemCode.MISSING, "is absent")
_NO_WINNER = Unread(ProblemCode.NO_WINNER, "is absent")


class Section(NamedTuple):
    """One dimension as it stands in a reply: `number` within the rubric, and its raw fields."""

    number: int
    justification: str | None
    values: tuple[Raw, ...]


def findings(
    sections: Iterable[tuple[int, str | None, tuple[Raw, ...]]], grammar: Grammar
) -> tuple[tuple[AnyFinding, ...], list[Problem]]:
    """Findings in the rubric's order, and a problem for each dimension that has none."""
    make: type[AnyFinding] = PairFinding if grammar.form is Form.PAIRWISE else Finding
    keys, known = grammar.keys, grammar.settled
    found: dict[int, Read] = {}
    for number, reason, values in sections:
        settled = known.get(values) or _settled(values, grammar)
        one: Read
        if reason is None or settled.lacks:
            one = _lacking(keys[number], reason, settled)
        else:
            one = make(keys[number], reason, *settled.values)
        found[number] = _merged(found[number], one) if number in found else one
    whole: list[AnyFinding] = []
    problems: list[Problem] = []
    for number, key in enumerate(keys):
        got = found.get(number)
        if got is None:
            missing = f"no section {grammar.rubric[key].heading!r}"
            problems.append(Problem(ProblemCode.MISSING, missing, key))
        elif isinstance(got, tuple):
            problems.extend(got)
        else:
            whole.append(got)
    return tuple(whole), problems


def _lacking(key: str, reason: str | None, settled: Settled) -> tuple[Problem, ...]:
    lacks = list(settled.lacks)
    if reason is None:
        lacks.insert(0, Unread(ProblemCode.MISSING, "Justification: is absent"))
    return tuple(Problem(lack.code, lack.detail, key) for lack in lacks)


def alike(
    kept: Sequence[AnyFinding], others: Sequence[AnyFinding]
) -> tuple[tuple[AnyFinding, ...], list[Problem]]:
    """What two judgements in one reply say alike; a problem for each finding of only one."""
    known = {one.dimension: one for one in others}
    same = tuple(f for f in kept if f.dimension in known and _equal(f, known[f.dimension]))
    agreed = {one.dimension for one in same}
    lost = dict.fromkeys(f.dimension for f in kept if f.dimension not in agreed)
    detail = "two judgements in one reply differ"
    return same, [Problem(ProblemCode.CONFLICTING, detail, key) for key in lost]


def _merged(first: Read, second: Read) -> Read:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return first
    if not isinstance(first, tuple) and not isinstance(second, tuple):
        if _equal(first, second):
            return first
        key = first.dimension
    else:
        key = next(one.dimension for one in (first, second) if not isinstance(one, tuple))
    return (Problem(ProblemCode.DUPLICATE, "two sections that do not agree", key),)


def _equal(one: AnyFinding, other: AnyFinding) -> bool:
    if isinstance(one, Finding) and isinstance(other, Finding):
        return one.score == other.score
    if isinstance(one, PairFinding) and isinstance(other, PairFinding):
        same = one.score_a == other.score_a and one.score_b == other.score_b
        return same and one.winner == other.winner
    return False


def _settled(values: tuple[Raw, ...], grammar: Grammar) -> Settled:
    """What the raw values say; remembered where all are short, since the same few come again."""
    compares = grammar.form is Form.PAIRWISE
    settled = _compared(values, grammar) if compares else _judged(values[0], grammar)
    short = all(isinstance(raw, str) and len(raw) <= 16 for raw in values)
    if short and len(grammar.settled) < 4096:
        grammar.settled[values] = settled
    return settled


def _read(raw: Raw, name: str, grammar: Grammar, lacks: list[Unread]) -> Score | None:
    read = grammar.score(raw) if isinstance(raw, str) else raw or _ABSENT
    if isinstance(read, Unread):
        lacks.append(Unread(read.code, f"{name}: {read.detail}"))
        return None
    return read


def _judged(raw: Raw, grammar: Grammar) -> Settled:
    lacks: list[Unread] = []
    score = _read(raw, "Score", grammar, lacks)
    return Settled((score,), tuple(lacks))


def _compared(values: tuple[Raw, ...], grammar: Grammar) -> Settled:
    lacks: list[Unread] = []
    raw_a, raw_b, raw_winner = values
    score_a = _read(raw_a, "Score A", grammar, lacks)
    score_b = _read(raw_b, "Score B", grammar, lacks)
    winner = read_winner(raw_winner) if isinstance(raw_winner, str) else raw_winner or _NO_WINNER
    if isinstance(winner, Unread):
        lacks.append(Unread(winner.code, f"Winner: {winner.detail}"))
    elif score_a is not None and score_b is not None:
        winner = settled_winner(score_a, score_b, winner)
        if isinstance(winner, Unread):
            lacks.append(winner)
    return Settled((score_a, score_b, winner), tuple(lacks))


def settled_winner(
    score_a: Score, score_b: Score, winner: Label | NotApplicable
) -> Label | NotApplicable | Unread:
    """The winner, if it does not contradict the scores.

    Equal scores may have a winner, and different scores a tie; never the opposite winner. Where
    both scores are N/A, so is the winner, and a tie there says no more than that.
    """
    if score_a is NA or score_b is NA:
        if score_a is not score_b:
            return Unread(ProblemCode.ONE_SIDED_NA, "N/A for one image only")
        if winner is NA or winner is Label.TIE:
            return NA
        code = ProblemCode.WINNER_AGAINST_SCORES
        return Unread(code, f"winner {winner.value}, both scores N/A")
    if winner is NA:
        return Unread(ProblemCode.NO_WINNER, "winner N/A beside two scores")
    against = Label.B if score_a > score_b else Label.A if score_b > score_a else None
    if winner is against:
        detail = f"winner {winner.value}, scores {score_a:g} and {score_b:g}"
        return Unread(ProblemCode.WINNER_AGAINST_SCORES, detail)
    return winner
