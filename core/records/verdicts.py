"""Verdicts of filters as plain dicts."""

from __future__ import annotations

from typing import Any

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Drop, Keep, Undecided, Verdict
from parrot.core.errors import RecordError
from parrot.core.records.fields import Data


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


def verdict_from_record(record: Data, filter_name: str = "") -> Verdict:
    """The verdict in plain data. Raises RecordError naming the filter where it is none."""
    field = f"verdicts.{filter_name}" if filter_name else "verdict"
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
        raise RecordError(str(error), field=field) from None
    raise RecordError("must be keep, drop with a reason, or undecided", field=field)
