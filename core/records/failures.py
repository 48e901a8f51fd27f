"""Failure records, as `failed.jsonl` holds them: what has no rationale, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from attrs import field, frozen
from pydantic import BeforeValidator, Field

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order, Verdict
from parrot.core.records.fields import Data, Name, Step, Strict, Text, at_schema, present, read_as
from parrot.core.records.verdicts import verdict_from_record, verdict_to_record

FAILURE_SCHEMA: Final = 1
_STEPS: Mapping[int, Step] = {}


def _kind(value: object) -> object:
    if value in list(FailureKind):
        return FailureKind(str(value))
    raise ValueError("must be one of " + ", ".join(FailureKind))


class _Record(Strict):
    pair_id: Name
    stage: Name
    kind: Annotated[Any, BeforeValidator(_kind)]
    detail: Text = ""
    attempts: int = Field(default=1, ge=0)
    order: Literal["AB", "BA"] | None = None
    sample: int | None = Field(default=None, ge=0)
    verdicts: dict[str, dict[str, Any]] = Field(default_factory=dict)


@frozen(slots=True)
class StoredFailure:
    """What failed for a pair. stage: the step of the run; order and sample where they matter.

    verdicts: of a rationale that a filter could not judge, all that were given, by filter name.
    """

    pair_id: str
    stage: str
    failure: Failed
    order: Order | None = None
    sample: int | None = None
    verdicts: Mapping[str, Verdict] = field(factory=dict, hash=False)


def failure_to_record(stored: StoredFailure) -> dict[str, Any]:
    """A failure as plain data for JSON."""
    failure = stored.failure
    return present(
        {
            "schema": FAILURE_SCHEMA,
            "pair_id": stored.pair_id,
            "stage": stored.stage,
            "kind": failure.kind.value,
            "detail": failure.detail,
            "attempts": failure.attempts,
            "order": stored.order and stored.order.value,
            "sample": stored.sample,
            "verdicts": {name: verdict_to_record(v) for name, v in stored.verdicts.items()} or None,
        }
    )


def failure_from_record(record: Data) -> StoredFailure:
    """The failure in plain data. Raises RecordError that names the field."""
    read = read_as(_Record, at_schema(record, FAILURE_SCHEMA, _STEPS))
    return StoredFailure(
        read.pair_id,
        read.stage,
        Failed(read.kind, read.detail, read.attempts),
        Order(read.order) if read.order else None,
        read.sample,
        {name: verdict_from_record(v, name) for name, v in read.verdicts.items()},
    )
