"""Rationale records, as `rationales.jsonl`, `dropped.jsonl` and `failed.jsonl` hold them.

One record is one rationale with all that a later step needs, so that a run folder can be filtered
and exported again without its input. Knows the shape only; files are read elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from attrs import field, frozen
from pydantic import BeforeValidator, Field

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Drop, Keep, Order, Provenance, Rationale, Undecided, Verdict
from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Problem,
    ProblemCode,
    Refinement,
    Score,
)
from parrot.core.errors import RecordError, Unwritable
from parrot.core.records.fields import (
    Data,
    Name,
    Step,
    Strict,
    Text,
    at_schema,
    read_as,
)
from parrot.core.values import Label

RATIONALE_SCHEMA: Final = 1
_STEPS: Mapping[int, Step] = {}

PAIRWISE: Final = "pairwise"
POINTWISE: Final = "pointwise"


def _score(value: object) -> object:
    if value == NA.value:
        return NA
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError("must be a number or 'N/A'")


def _label(value: object) -> object:
    if isinstance(value, str) and value in Label.__members__:
        return Label(value)
    raise ValueError("must be A, B or TIE")


def _side(value: object) -> object:
    if value in {"A", "B"}:
        return Label(str(value))
    raise ValueError("must be A or B")


def _winner(value: object) -> object:
    return NA if value == NA.value else _label(value)


ScoreField = Annotated[Any, BeforeValidator(_score)]
LabelField = Annotated[Any, BeforeValidator(_label)]
SideField = Annotated[Any, BeforeValidator(_side)]
WinnerField = Annotated[Any, BeforeValidator(_winner)]


def _code(value: object) -> object:
    if value in list(ProblemCode):
        return ProblemCode(str(value))
    raise ValueError("must be one of " + ", ".join(ProblemCode))


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


class _Provenance(Strict):
    teacher: Text
    prompt: Text
    anchored: bool
    order: Literal["AB", "BA"] = "AB"
    sample: int = Field(default=0, ge=0)


class _Problem(Strict):
    code: Annotated[Any, BeforeValidator(_code)]
    detail: Text = ""
    dimension: Text | None = None


class _Record(Strict):
    id: Name
    pair_id: Name
    form: Literal["pairwise", "pointwise"]
    side: SideField | None = None
    body: dict[str, Any]
    provenance: _Provenance
    raw: Text = ""
    choice: LabelField | None = None
    problems: list[_Problem] = Field(default_factory=list)
    pair: dict[str, Any] | None = None
    verdicts: dict[str, dict[str, Any]] = Field(default_factory=dict)


@frozen(slots=True)
class StoredRationale:
    """A rationale as a run folder has it.

    id: unique in its file. pair: the plain pair record, None where the run kept none. verdicts: by
    filter name, in the order they were given.
    """

    id: str
    rationale: Rationale
    pair: Mapping[str, Any] | None = None
    verdicts: Mapping[str, Verdict] = field(factory=dict, hash=False)


def rationale_id(rationale: Rationale) -> str:
    """A readable id: pair, form, order, sample and, of a critique, the side."""
    form = PAIRWISE if isinstance(rationale.body, Comparison) else POINTWISE
    source = rationale.provenance
    parts = (rationale.pair_id, form, source.order.value, str(source.sample))
    return "/".join((*parts, rationale.side.value) if rationale.side else parts)


def rationale_to_record(
    rationale: Rationale,
    *,
    id: str | None = None,  # noqa: A002 - the field's name
    pair: Mapping[str, Any] | None = None,
    verdicts: Mapping[str, Verdict] | None = None,
) -> dict[str, Any]:
    """A rationale as plain data for JSON. Raises Unwritable for a score that is no number.

    id: `rationale_id` unless given. pair: its plain record. verdicts: what each filter said.
    """
    body, source = rationale.body, rationale.provenance
    record: dict[str, Any] = {
        "schema": RATIONALE_SCHEMA,
        "id": id or rationale_id(rationale),
        "pair_id": rationale.pair_id,
        "form": PAIRWISE if isinstance(body, Comparison) else POINTWISE,
        "side": rationale.side and rationale.side.value,
        "body": _comparison_out(body) if isinstance(body, Comparison) else _critique_out(body),
        "provenance": {
            "teacher": source.teacher,
            "prompt": source.prompt,
            "anchored": source.anchored,
            "order": source.order.value,
            "sample": source.sample,
        },
        "raw": source.raw,
        "choice": rationale.choice and rationale.choice.value,
        "problems": [
            {"code": p.code.value, "detail": p.detail, "dimension": p.dimension}
            for p in rationale.problems
        ],
    }
    if pair is not None:
        record["pair"] = dict(pair)
    if verdicts:
        record["verdicts"] = {name: verdict_to_record(v) for name, v in verdicts.items()}
    return record


def rationale_from_record(record: Data) -> Rationale:
    """The rationale in a record. Raises RecordError that names the field."""
    return stored_from_record(record).rationale


def stored_from_record(record: Data) -> StoredRationale:
    """A rationale with its pair and verdicts. Raises RecordError that names the field."""
    read = read_as(_Record, at_schema(record, RATIONALE_SCHEMA, _STEPS))
    source = read.provenance
    rationale = Rationale(
        read.pair_id,
        _comparison_in(read.body) if read.form == PAIRWISE else _critique_in(read.body),
        Provenance(
            source.teacher,
            source.prompt,
            source.anchored,
            Order(source.order),
            source.sample,
            read.raw,
        ),
        tuple(Problem(p.code, p.detail, p.dimension) for p in read.problems),
        read.choice,
        read.side,
    )
    verdicts = {name: verdict_from_record(v) for name, v in read.verdicts.items()}
    return StoredRationale(read.id, rationale, read.pair, verdicts)


def verdict_to_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data: `{"verdict": "keep" | "drop" | "undecided", ...}`."""
    match verdict:
        case Keep():
            return {"verdict": "keep"}
        case Drop(reason, detail):
            return {"verdict": "drop", "reason": reason, "detail": detail}
        case Undecided(failure):
            return {
                "verdict": "undecided",
                "kind": failure.kind.value,
                "detail": failure.detail,
                "attempts": failure.attempts,
            }


def verdict_from_record(record: Data) -> Verdict:
    """The verdict in plain data. Raises RecordError where it is none."""
    try:
        match record:
            case {"verdict": "keep"}:
                return Keep()
            case {"verdict": "drop", "reason": str(reason)}:
                return Drop(reason, str(record.get("detail", "")))
            case {"verdict": "undecided", "kind": str(kind)}:
                attempts = int(record.get("attempts", 1))
                return Undecided(Failed(FailureKind(kind), str(record.get("detail", "")), attempts))
    except (TypeError, ValueError) as error:
        raise RecordError(str(error), field="verdicts") from None
    raise RecordError("must be keep, drop with a reason, or undecided", field="verdicts")


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
