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
from parrot.core.formats.grammar import Grammar, winner_of
from parrot.core.formats.values import Unread
from parrot.core.rubric import Dimension
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
    sections: Iterable[Section], grammar: Grammar
) -> tuple[tuple[AnyFinding, ...], list[Problem]]:
    """Findings in the rubric's order, and a problem for each dimension that has none."""
    read = _compared if grammar.form is Form.PAIRWISE else _judged
    dimensions = grammar.rubric.dimensions
    found: dict[int, Read] = {}
    for section in sections:
        number = section.number
        one = read(section, dimensions[number], grammar)
        found[number] = _merged(found[number], one) if number in found else one
    whole: list[AnyFinding] = []
    problems: list[Problem] = []
    for number, dimension in enumerate(dimensions):
        got = found.get(number)
        if got is None:
            missing = f"no section {dimension.heading!r}"
            problems.append(Problem(ProblemCode.MISSING, missing, dimension.key))
        elif isinstance(got, tuple):
            problems.extend(got)
        else:
            whole.append(got)
    return tuple(whole), problems


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


def _score(
    raw: Raw, name: str, dimension: Dimension, grammar: Grammar, problems: list[Problem]
) -> Score | None:
    read = grammar.score(raw) if isinstance(raw, str) else raw or _ABSENT
    if isinstance(read, Unread):
        problems.append(Problem(read.code, f"{name}: {read.detail}", dimension.key))
        return None
    return read


def _reason(section: Section, dimension: Dimension, problems: list[Problem]) -> str:
    if section.justification is None:
        problems.append(Problem(ProblemCode.MISSING, "Justification: is absent", dimension.key))
        return ""
    return section.justification


def _judged(section: Section, dimension: Dimension, grammar: Grammar) -> Read:
    problems: list[Problem] = []
    reason = _reason(section, dimension, problems)
    score = _score(section.values[0], "Score", dimension, grammar, problems)
    if problems or score is None:
        return tuple(problems)
    return Finding(dimension.key, reason, score)


def _compared(section: Section, dimension: Dimension, grammar: Grammar) -> Read:
    problems: list[Problem] = []
    reason = _reason(section, dimension, problems)
    raw_a, raw_b, raw_winner = section.values
    score_a = _score(raw_a, "Score A", dimension, grammar, problems)
    score_b = _score(raw_b, "Score B", dimension, grammar, problems)
    winner = winner_of(raw_winner) if isinstance(raw_winner, str) else raw_winner or _NO_WINNER
    if isinstance(winner, Unread):
        problems.append(Problem(winner.code, f"Winner: {winner.detail}", dimension.key))
    if problems or score_a is None or score_b is None or isinstance(winner, Unread):
        return tuple(problems)
    settled = settled_winner(score_a, score_b, winner)
    if isinstance(settled, Unread):
        return (Problem(settled.code, settled.detail, dimension.key),)
    return PairFinding(dimension.key, reason, score_a, score_b, settled)


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
