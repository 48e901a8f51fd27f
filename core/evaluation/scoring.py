"""Judgements under a protocol: checked, read, counted, and told as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from parrot.core.errors import ProtocolError
from parrot.core.evaluation.bootstrap import Tally, bootstrap_interval
from parrot.core.evaluation.checks import check_needs, check_rows, check_split
from parrot.core.evaluation.choosing import Lack, choice_of
from parrot.core.evaluation.position import position_bias
from parrot.core.evaluation.protocols import EvaluationProtocol, evaluation_protocol
from parrot.core.evaluation.report import Report
from parrot.core.evaluation.thresholds import Threshold, fit_threshold
from parrot.core.evaluation.units import Mark, Read, marks_of
from parrot.core.judgements import Judged


def evaluate(
    rows: Iterable[Judged],
    protocol: EvaluationProtocol | str,
    *,
    dev: Iterable[Judged] = (),
    seed: int = 0,
    resamples: int = 2000,
) -> Report:
    """Agreement of the judgements with their human labels under a protocol.

    dev: the development split that a tie threshold is fitted on. The interval resamples requests
    (groups, where the protocol counts groups). Raises UnknownNameError for an unknown protocol, and
    ProtocolError where judgements repeat, contradict themselves or lack what the protocol needs.
    """
    if isinstance(protocol, str):
        protocol = evaluation_protocol(protocol)
    test = tuple(rows)
    check_rows(test)
    counted = [row for row in test if protocol.counts(row)]
    check_needs(counted, len(test), protocol)
    threshold = _threshold(test, tuple(dev), protocol)
    value = threshold.value if threshold else None
    read = [(row, choice_of(row.judgement, protocol.reader, threshold=value)) for row in test]
    return _report(read, protocol, threshold, seed=seed, resamples=resamples)


def _threshold(
    test: Sequence[Judged], dev: Sequence[Judged], protocol: EvaluationProtocol
) -> Threshold | None:
    if not protocol.fits_threshold:
        if dev:
            raise ProtocolError(f"{protocol.name} fits no threshold and takes no development split")
        return None
    if all(row.judgement.gap is None for row in test):
        return None
    if not dev:
        raise ProtocolError(
            f"{protocol.name} fits its tie threshold on a development split, never on the rows it "
            "reports on, and none was given"
        )
    check_split(test, dev)
    return fit_threshold(dev, protocol)


def _report(
    read: Sequence[Read],
    protocol: EvaluationProtocol,
    threshold: Threshold | None,
    *,
    seed: int,
    resamples: int,
) -> Report:
    counted = [(row, said) for row, said in read if protocol.counts(row)]
    marks, absent = marks_of(counted, protocol)
    credit = sum(mark.credit for mark in marks)
    n, strict = sum(m.counted for m in marks), sum(m.counted_strictly for m in marks)
    lacks = Counter(said for _, said in counted if isinstance(said, Lack))
    return Report(
        protocol=protocol.name,
        definition=protocol.definition,
        source=protocol.source,
        reader=protocol.reader.value,
        unit=protocol.unit.value,
        model=read[0][0].judgement.model,
        accuracy=100 * credit / n if n else None,
        accuracy_strict=100 * credit / strict if strict else None,
        ci95=_interval(marks, seed=seed, resamples=resamples),
        n=n,
        n_strict=strict,
        judgements=len(read),
        skipped=len(read) - len(counted),
        unreadable=lacks[Lack.UNREADABLE],
        missing=lacks[Lack.MISSING] + absent,
        pairs=len({row.judgement.pair_id for row, _ in counted}),
        requests=len({row.request for row, _ in counted}),
        position_bias=position_bias(read),
        threshold=threshold,
        seed=seed,
        resamples=resamples,
    )


def _interval(marks: Iterable[Mark], *, seed: int, resamples: int) -> tuple[float, float] | None:
    """Percent, over the clusters of the marks."""
    tallies: dict[str, Tally] = {}
    for mark in marks:
        credit, count = tallies.get(mark.cluster, (0.0, 0))
        tallies[mark.cluster] = (credit + mark.credit, count + mark.counted)
    found = bootstrap_interval(list(tallies.values()), seed=seed, resamples=resamples)
    return found and (100 * found[0], 100 * found[1])
