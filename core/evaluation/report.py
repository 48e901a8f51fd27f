"""What an evaluation found, and its plain form for JSON. All accuracies and shares in percent."""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, frozen

from parrot.core.evaluation.position import PositionBias
from parrot.core.evaluation.thresholds import Threshold

REPORT_SCHEMA: Final = 1


@frozen(slots=True)
class Report:
    """Agreement with human labels under one protocol. None where there is nothing to divide by.

    accuracy: as the protocol defines it, over n units (judgements or groups). accuracy_strict: the
    same with every unreadable and missing answer wrong, over n_strict. ci95: of accuracy, low and
    high. judgements: rows given; skipped: those whose pairs do not belong to the protocol.
    unreadable, missing: answers that could not be read or never came, among the rest. pairs,
    requests: distinct, among the rest. model: empty where the rows do not say.
    """

    protocol: str
    definition: str
    source: str
    reader: str
    unit: str
    model: str
    accuracy: float | None
    accuracy_strict: float | None
    ci95: tuple[float, float] | None
    n: int
    n_strict: int
    judgements: int
    skipped: int
    unreadable: int
    missing: int
    pairs: int
    requests: int
    position_bias: PositionBias | None
    threshold: Threshold | None
    seed: int
    resamples: int


def report_to_dict(report: Report) -> dict[str, Any]:
    """The report as plain data for JSON, numbers to six decimals."""
    rounded = {key: _rounded(value) for key, value in asdict(report).items()}
    return {"schema": REPORT_SCHEMA, **rounded}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value
