"""Judgement records, as `parrot judge` writes and `parrot evaluate` reads them, a line each.

Fields: `schema` (1), `pair_id`, `request_id` (equal for pairs of one request), `group` and
`group_size` (where the pair is one of a ranking of so many images), `order` (AB | BA), `sample`,
`label` (the human's: A | B | TIE) and `both` (GOOD | BAD, of a TIE), `winner` (the model's) and
`both_model`, `score_a` and `score_b`, `answer` (a `choice` reply as written, in the frame the model
saw), `failure` ({kind, detail, attempts}), `model`. All but the answer are in the pair's frame.
Null counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.errors import RecordError
from parrot.core.judgements import Judged, Judgement
from parrot.core.records.fields import (
    Data,
    LabelField,
    Name,
    Step,
    Strict,
    Text,
    at_schema,
    present,
    read_as,
)
from parrot.core.values import Both

JUDGEMENT_SCHEMA: Final = 1
_STEPS: Mapping[int, Step] = {}


def _both(value: object) -> object:
    if isinstance(value, str) and value in Both.__members__:
        return Both(value)
    raise ValueError("must be GOOD or BAD")


def _kind(value: object) -> object:
    if value in list(FailureKind):
        return FailureKind(str(value))
    raise ValueError("must be one of " + ", ".join(FailureKind))


BothField = Annotated[Any, BeforeValidator(_both)]
Scalar = Annotated[float, Field(allow_inf_nan=False)]


class _Failure(Strict):
    kind: Annotated[Any, BeforeValidator(_kind)]
    detail: Text = ""
    attempts: int = Field(default=1, ge=0)


class _Record(Strict):
    pair_id: Name
    label: LabelField
    both: BothField | None = None
    order: Literal["AB", "BA"] = "AB"
    sample: int = Field(default=0, ge=0)
    winner: LabelField | None = None
    both_model: BothField | None = None
    score_a: Scalar | None = None
    score_b: Scalar | None = None
    answer: Text | None = None
    failure: _Failure | None = None
    model: str = ""
    request_id: Name | None = None
    group: Name | None = None
    group_size: int | None = Field(default=None, ge=2)


def judged_from_record(record: Data) -> Judged:
    """A judgement and its human label. Raises RecordError that names the field."""
    read = read_as(_Record, at_schema(record, JUDGEMENT_SCHEMA, _STEPS))
    why = read.failure
    try:
        judgement = Judgement(
            read.pair_id,
            read.winner,
            read.both_model,
            Order(read.order),
            read.sample,
            read.score_a,
            read.score_b,
            read.answer,
            Failed(why.kind, why.detail, why.attempts) if why else None,
            read.model,
            read.request_id or "",
        )
        return Judged(judgement, read.label, read.both, read.group, read.group_size)
    except ValueError as error:
        raise RecordError(str(error)) from None


def judgement_to_record(judged: Judged) -> dict[str, Any]:
    """A judgement and its human label as plain data for JSON; what is not known is left out."""
    one = judged.judgement
    failure = one.failure
    record: dict[str, Any] = {
        "schema": JUDGEMENT_SCHEMA,
        "pair_id": one.pair_id,
        "request_id": one.request or None,
        "group": judged.group,
        "group_size": judged.group_size,
        "order": one.order.value,
        "sample": one.sample,
        "label": judged.label.value,
        "both": judged.both and judged.both.value,
        "winner": one.winner and one.winner.value,
        "both_model": one.both and one.both.value,
        "score_a": one.score_a,
        "score_b": one.score_b,
        "answer": one.answer,
        "failure": failure
        and {"kind": failure.kind.value, "detail": failure.detail, "attempts": failure.attempts},
        "model": one.model or None,
    }
    return present(record)


def read_judgements(rows: Iterable[tuple[int, Data]], *, file: str) -> Iterator[Judged]:
    """The judgements of numbered rows, in their order.

    Raises RecordError naming file and line for a row that is wrong, that repeats an earlier one's
    pair, order and sample, or that gives its pair another label or group; and for no rows at all.
    """
    places: dict[tuple[str, Order, int], int] = {}
    humans: dict[str, tuple[object, int]] = {}
    for line, row in rows:
        try:
            judged = judged_from_record(row)
        except RecordError as error:
            raise error.at(file=file, line=line) from None
        _refuse_repeated(judged, places, file=file, line=line)
        _refuse_contradiction(judged, humans, file=file, line=line)
        yield judged
    if not places:
        raise RecordError("has no judgements", file=file)


def _refuse_repeated(
    judged: Judged, places: dict[tuple[str, Order, int], int], *, file: str, line: int
) -> None:
    one = judged.judgement
    before = places.setdefault((one.pair_id, one.order, one.sample), line)
    if before != line:
        raise RecordError(
            f"pair {one.pair_id!r}, order {one.order.value}, sample {one.sample} is already on "
            f"line {before}",
            file=file,
            line=line,
        )


def _refuse_contradiction(
    judged: Judged, humans: dict[str, tuple[object, int]], *, file: str, line: int
) -> None:
    pair_id = judged.judgement.pair_id
    human = (judged.label, judged.both, judged.group, judged.group_size)
    before, at = humans.setdefault(pair_id, (human, line))
    if before != human:
        raise RecordError(
            f"pair {pair_id!r} has another label or group than on line {at}",
            file=file,
            line=line,
            field="label",
        )
