"""Rationale records, as `rationales.jsonl`, `dropped.jsonl` and `failed.jsonl` hold them.

One record is one rationale with all that a later step needs, so that a run folder can be filtered
and exported again without its input. Knows the shape only; files are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from attrs import field, frozen
from pydantic import BeforeValidator, Field

from parrot.core.candidates import Order, Provenance, Rationale, Verdict
from parrot.core.critiques import Problem, ProblemCode
from parrot.core.records.bodies import body_from_record, body_to_record, form_of
from parrot.core.records.fields import (
    Data,
    LabelField,
    Name,
    Step,
    Strict,
    Text,
    at_schema,
    read_as,
)
from parrot.core.records.verdicts import verdict_from_record, verdict_to_record
from parrot.core.values import Label

RATIONALE_SCHEMA: Final = 1
_STEPS: Mapping[int, Step] = {}


def _side(value: object) -> object:
    if value in {"A", "B"}:
        return Label(str(value))
    raise ValueError("must be A or B")


SideField = Annotated[Any, BeforeValidator(_side)]


def _code(value: object) -> object:
    if value in list(ProblemCode):
        return ProblemCode(str(value))
    raise ValueError("must be one of " + ", ".join(ProblemCode))


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
    source = rationale.provenance
    parts = (rationale.pair_id, form_of(rationale.body), source.order.value, str(source.sample))
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
        "form": form_of(body),
        "side": rationale.side and rationale.side.value,
        "body": body_to_record(body),
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
        body_from_record(read.form, read.body),
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
    verdicts = {name: verdict_from_record(v, name) for name, v in read.verdicts.items()}
    return StoredRationale(read.id, rationale, read.pair, verdicts)
