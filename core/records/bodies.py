"""Critiques and comparisons as plain dicts; N/A is the text `N/A`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Refinement,
    Score,
)
from parrot.core.errors import Unwritable
from parrot.core.records.fields import Data, Name, Strict, Text, label_field, read_as

Form = Literal["pairwise", "pointwise"]


def _score(value: object) -> object:
    if value == NA.value:
        return NA
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError("must be a number or 'N/A'")


def _winner(value: object) -> object:
    return NA if value == NA.value else label_field(value)


ScoreField = Annotated[Any, BeforeValidator(_score)]
WinnerField = Annotated[Any, BeforeValidator(_winner)]


class _Finding(Strict):
    dimension: Name
    justification: Text = ""
    score: ScoreField


class _PairFinding(Strict):
    dimension: Name
    justification: Text = ""
    score_a: ScoreField
    score_b: ScoreField
    winner: WinnerField


class _Refinement(Strict):
    comments: Text = ""
    request: Text


class _Critique(Strict):
    findings: list[_Finding]
    analysis: Text = ""
    summary: Text = ""
    refinement: _Refinement | None = None


class _Comparison(Strict):
    findings: list[_PairFinding]
    analysis: Text = ""
    summary: Text = ""


def form_of(body: Comparison | Critique) -> Form:
    """`pairwise` of a comparison, `pointwise` of a critique."""
    return "pairwise" if isinstance(body, Comparison) else "pointwise"


def body_to_record(body: Comparison | Critique) -> dict[str, Any]:
    """A judgement as plain data for JSON. Raises Unwritable for a score that is no number."""
    return _comparison_out(body) if isinstance(body, Comparison) else _critique_out(body)


def body_from_record(form: Form, data: Data) -> Comparison | Critique:
    """The judgement in plain data. Raises RecordError that names the field."""
    return _comparison_in(data) if form == "pairwise" else _critique_in(data)


def _score_out(score: Score) -> float | str:
    if score is NA:
        return "N/A"
    if not math.isfinite(score):
        raise Unwritable(f"a score of {score} is no number that JSON can carry")
    return score


def _critique_out(body: Critique) -> dict[str, Any]:
    return {
        "analysis": body.analysis,
        "findings": [
            {
                "dimension": f.dimension,
                "justification": f.justification,
                "score": _score_out(f.score),
            }
            for f in body.findings
        ],
        "summary": body.summary,
        "refinement": body.refinement
        and {"comments": body.refinement.comments, "request": body.refinement.request},
    }


def _comparison_out(body: Comparison) -> dict[str, Any]:
    return {
        "analysis": body.analysis,
        "findings": [
            {
                "dimension": f.dimension,
                "justification": f.justification,
                "score_a": _score_out(f.score_a),
                "score_b": _score_out(f.score_b),
                "winner": f.winner.value,
            }
            for f in body.findings
        ],
        "summary": body.summary,
    }


def _critique_in(data: Data) -> Critique:
    read = read_as(_Critique, data, under="body")
    again = read.refinement
    return Critique(
        tuple(Finding(f.dimension, f.justification, f.score) for f in read.findings),
        read.analysis,
        read.summary,
        Refinement(again.comments, again.request) if again else None,
    )


def _comparison_in(data: Data) -> Comparison:
    read = read_as(_Comparison, data, under="body")
    return Comparison(
        tuple(
            PairFinding(f.dimension, f.justification, f.score_a, f.score_b, f.winner)
            for f in read.findings
        ),
        read.analysis,
        read.summary,
    )
