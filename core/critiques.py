"""What a judge says: critiques of one image, comparisons of two, and what was wrong in reading them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from statistics import fmean
from typing import Final, Generic, Literal, TypeVar

from attrs import evolve, field, frozen

from parrot.core.naming import mirrored_text
from parrot.core.values import Label


class _NotApplicable(Enum):
    NA = "N/A"

    def __repr__(self) -> str:
        return "NA"


NA: Final = _NotApplicable.NA
"""The dimension does not apply to this request."""

NotApplicable = Literal[_NotApplicable.NA]
Score = float | NotApplicable


@frozen(slots=True)
class Finding:
    """One image on one dimension."""

    dimension: str
    justification: str
    score: Score


@frozen(slots=True)
class Refinement:
    """A better request for another try: what to change, and the request rewritten."""

    comments: str
    request: str


@frozen(slots=True)
class Critique:
    """One image judged. A dimension without a finding could not be read: it is missing."""

    findings: tuple[Finding, ...] = field()
    analysis: str = ""
    summary: str = ""
    refinement: Refinement | None = None

    @property
    def scores(self) -> Mapping[str, Score]:
        return {f.dimension: f.score for f in self.findings}


@frozen(slots=True)
class PairFinding:
    """Two images on one dimension. A dimension that does not apply has NA thrice."""

    dimension: str
    justification: str
    score_a: Score
    score_b: Score
    winner: Label | NotApplicable

    def mirrored(self) -> PairFinding:
        winner = self.winner.mirrored() if isinstance(self.winner, Label) else self.winner
        return PairFinding(
            self.dimension, mirrored_text(self.justification), self.score_b, self.score_a, winner
        )


@frozen(slots=True)
class Comparison:
    """Two images judged. A dimension without a finding could not be read: it is missing."""

    findings: tuple[PairFinding, ...] = field()
    analysis: str = ""
    summary: str = ""

    def mirrored(self) -> Comparison:
        """The same judgement after A and B change places, in scores, winners and words."""
        return evolve(
            self,
            findings=tuple(f.mirrored() for f in self.findings),
            analysis=mirrored_text(self.analysis),
            summary=mirrored_text(self.summary),
        )

    def margin(self, applicable: frozenset[str]) -> float | None:
        """Mean of score A minus score B over applicable dimensions; None if any cannot be had."""
        found = {f.dimension: f for f in self.findings}
        gaps: list[float] = []
        for key in sorted(applicable):
            one = found.get(key)
            if one is None or not isinstance(one.score_a, float | int):
                return None
            if not isinstance(one.score_b, float | int):
                return None
            gaps.append(one.score_a - one.score_b)
        return settled(fmean(gaps)) if gaps else None


def settled(number: float) -> float:
    """A mean or difference of scores without what rounding leaves, so that equal sums are a tie."""
    return round(number, 9)


class ProblemCode(StrEnum):
    """Why a reply, or a dimension of it, could not be read whole."""

    EMPTY = "empty"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    OUT_OF_SCALE = "out_of_scale"
    RANGE = "range"
    NOT_A_SCORE = "not_a_score"
    ONE_SIDED_NA = "one_sided_na"
    NO_WINNER = "no_winner"
    WINNER_AGAINST_SCORES = "winner_against_scores"
    NOT_JSON = "not_json"
    UNCLOSED = "unclosed"
    CONFLICTING = "conflicting"


@frozen(slots=True)
class Problem:
    """One thing wrong in a reply; `dimension` is None where it concerns the whole."""

    code: ProblemCode
    detail: str
    dimension: str | None = None


T_co = TypeVar("T_co", covariant=True)


@frozen(slots=True)
class Reading(Generic[T_co]):
    """What a reader took from a reply, and all that it could not take."""

    value: T_co
    problems: tuple[Problem, ...] = field(default=())
