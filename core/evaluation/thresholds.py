"""The tie threshold of scalar judges, fitted on a development split and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from attrs import frozen

from parrot.core.errors import ProtocolError
from parrot.core.evaluation.choosing import by_gap
from parrot.core.evaluation.protocols import EvaluationProtocol
from parrot.core.judgements import Judged


@frozen(slots=True)
class Threshold:
    """Scores that differ by at most `value` are a TIE.

    accuracy: in percent, on the `n` scored development judgements it was fitted on.
    """

    value: float
    accuracy: float
    n: int


def fit_threshold(dev: Sequence[Judged], protocol: EvaluationProtocol) -> Threshold:
    """The smallest threshold of highest accuracy on the development rows, in their scores' unit.

    Tried are 0 and every gap that occurs, as EditReward's eval_bench.py does (on its test rows);
    Pick-a-Pic's script tries 0, 0.1 ... 1 on probabilities. n log n. Raises ProtocolError where no
    row has scores.
    """
    steps: list[tuple[float, float]] = []
    credit = 0.0
    for row in dev:
        gap = row.judgement.gap
        if gap is None or not protocol.counts(row):
            continue
        by_sign = protocol.credit(row, by_gap(gap, 0.0)) or 0.0
        credit += by_sign
        steps.append((abs(gap), (protocol.credit(row, by_gap(gap, abs(gap))) or 0.0) - by_sign))
    if not steps:
        raise ProtocolError(
            f"{protocol.name} fits its threshold on a development split, and the one given has no "
            "judgement with scores that counts"
        )
    best, value = credit, 0.0
    for gap, same in groupby(sorted(steps), key=lambda step: step[0]):
        credit += sum(gain for _, gain in same)
        if credit > best:
            best, value = credit, gap
    return Threshold(value, 100 * best / len(steps), len(steps))
