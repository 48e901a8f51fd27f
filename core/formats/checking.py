"""What no format can carry, and how numbers and winners are spelled."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from parrot.core.critiques import NA, Comparison, Critique, NotApplicable, PairFinding, Score
from parrot.core.errors import Unwritable
from parrot.core.formats.form import Form
from parrot.core.formats.sections import settled_winner
from parrot.core.rubric import Rubric
from parrot.core.values import Label

WINNERS: dict[Label | NotApplicable, str] = {
    Label.A: "A",
    Label.B: "B",
    Label.TIE: "Tie",
    NA: "N/A",
}
_NO_REQUEST = frozenset(
    ("n/a", "na", "none", "null", "not applicable", "no refinement", "no refinement needed")
)


def form_of(value: Critique | Comparison) -> Form:
    """The form that a value is of."""
    return Form.PAIRWISE if isinstance(value, Comparison) else Form.POINTWISE


def number_text(score: Score) -> str:
    """A score in digits, without an exponent; reads back as the same float."""
    if score is NA:
        return "N/A"
    return format(Decimal(repr(float(score))), "f")


def is_no_request(text: str) -> bool:
    """Whether a refined request only says that there is none."""
    return text.strip(" .[]()*_").casefold() in _NO_REQUEST


def check_writable(
    value: Critique | Comparison, rubric: Rubric, uncarried: Collection[str] = ()
) -> None:
    """Raises Unwritable for what would not read back."""
    order = {key: number for number, key in enumerate(rubric.keys)}
    last = -1
    for finding in value.findings:
        key = finding.dimension
        if key not in order:
            raise Unwritable(f"rubric {rubric.name!r} has no dimension {key!r}")
        if key in uncarried:
            raise Unwritable(f"the heading of {key!r} reads as another heading")
        if order[key] <= last:
            raise Unwritable(f"{key!r} is not in the rubric's order")
        last = order[key]
        if isinstance(finding, PairFinding):
            _check_score(finding.score_a, key, rubric)
            _check_score(finding.score_b, key, rubric)
            _check_winner(finding)
        else:
            _check_score(finding.score, key, rubric)
    again = value.refinement if isinstance(value, Critique) else None
    if again is not None and (not again.request.strip() or is_no_request(again.request)):
        raise Unwritable("a refinement without a request")


def _check_score(score: Score, key: str, rubric: Rubric) -> None:
    if score is not NA and not rubric.scale.holds(score):
        low, high = rubric.scale.low, rubric.scale.high
        raise Unwritable(f"{key!r}: {score!r} is not within {low:g} to {high:g}")


def _check_winner(finding: PairFinding) -> None:
    settled = settled_winner(finding.score_a, finding.score_b, finding.winner)
    if settled is not finding.winner:
        said = f"{finding.score_a!r}, {finding.score_b!r} and winner {finding.winner!r}"
        raise Unwritable(f"{finding.dimension!r}: {said} cannot stand together")
