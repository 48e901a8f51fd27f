"""Judgements under a protocol: checked, read, counted, and told as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from parrot.core.candidates import Order
from parrot.core.errors import ProtocolError
from parrot.core.evaluation.bootstrap import bootstrap_interval
from parrot.core.evaluation.outcomes import Answer, Lack, Outcome, outcome
from parrot.core.evaluation.position import position_bias
from parrot.core.evaluation.protocols import Cost, EvaluationProtocol, Unit, evaluation_protocol
from parrot.core.evaluation.report import Report
from parrot.core.evaluation.thresholds import Threshold, fit_threshold
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Label

Read = tuple[Judged, Outcome]


@frozen(slots=True)
class _Mark:
    """One unit: its cluster for resampling, its credit, and where it counts."""

    cluster: str
    credit: float = 0.0
    counted: bool = True
    counted_strictly: bool = True


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
    ProtocolError where judgements repeat, contradict themselves or lack what it needs.
    """
    if isinstance(protocol, str):
        protocol = evaluation_protocol(protocol)
    test = tuple(rows)
    check_rows(test)
    counted = [row for row in test if protocol.counts(row)]
    _check_needs(counted, len(test), protocol)
    threshold = _threshold(test, tuple(dev), protocol)
    value = threshold.value if threshold else None
    read = [(row, outcome(row.judgement, protocol.reader, threshold=value)) for row in counted]
    marks, absent = _marks(read, protocol)
    lacks = Counter(said for _, said in read if isinstance(said, Lack))
    tallies: dict[str, list[float]] = {}
    for mark in marks:
        tally = tallies.setdefault(mark.cluster, [0.0, 0])
        tally[0] += mark.credit
        tally[1] += mark.counted
    credit = sum(mark.credit for mark in marks)
    n, strict = sum(m.counted for m in marks), sum(m.counted_strictly for m in marks)
    interval = bootstrap_interval(
        [(one[0], int(one[1])) for one in tallies.values()], seed=seed, resamples=resamples
    )
    return Report(
        protocol=protocol.name,
        definition=protocol.definition,
        source=protocol.source,
        reader=protocol.reader.value,
        unit=protocol.unit.value,
        model=test[0].judgement.model,
        accuracy=_percent(credit, n),
        accuracy_strict=_percent(credit, strict),
        ci95=interval and (100 * interval[0], 100 * interval[1]),
        n=n,
        n_strict=strict,
        judgements=len(test),
        skipped=len(test) - len(counted),
        unreadable=lacks[Lack.UNREADABLE],
        missing=lacks[Lack.MISSING] + absent,
        pairs=len({row.judgement.pair_id for row in counted}),
        requests=len({row.request for row in counted}),
        position_bias=position_bias(read),
        threshold=threshold,
        seed=seed,
        resamples=resamples,
    )


def check_rows(rows: Sequence[Judged]) -> None:
    """Raises ProtocolError for no rows, a repeated judgement, two labels of a pair or two models."""
    if not rows:
        raise ProtocolError("there are no judgements to evaluate")
    seen: set[tuple[str, Order, int]] = set()
    labels: dict[str, tuple[object, ...]] = {}
    for row in rows:
        one = row.judgement
        if (one.pair_id, one.order, one.sample) in seen:
            raise ProtocolError(f"{told(one)} is there twice")
        seen.add((one.pair_id, one.order, one.sample))
        human = (row.label, row.both, row.group, row.group_size)
        if labels.setdefault(one.pair_id, human) != human:
            raise ProtocolError(f"pair {one.pair_id!r} has two different labels or groups")
    models = sorted({row.judgement.model for row in rows})
    if len(models) > 1:
        raise ProtocolError(f"judgements of more than one model: {', '.join(map(repr, models))}")


def told(one: Judgement) -> str:
    """A judgement named for a message."""
    return f"pair {one.pair_id!r}, order {one.order.value}, sample {one.sample}"


def _percent(credit: float, of: int) -> float | None:
    return 100 * credit / of if of else None


def _check_needs(counted: Sequence[Judged], given: int, protocol: EvaluationProtocol) -> None:
    if not counted:
        raise ProtocolError(
            f"none of the {given} judgements belongs to {protocol.name}: {protocol.definition}"
        )
    for row in counted:
        one = row.judgement
        if protocol.needs_both and row.label is Label.TIE and row.both is None:
            raise ProtocolError(
                f"{protocol.name} needs to know of each human TIE whether both are GOOD or BAD; "
                f"pair {one.pair_id!r} does not say"
            )
        if protocol.needs_scores and one.gap is None and one.failure is None:
            raise ProtocolError(f"{protocol.name} needs scores; {told(one)} has none")
        if protocol.unit is Unit.GROUP and row.group is None:
            raise ProtocolError(f"{protocol.name} needs groups; pair {one.pair_id!r} has none")


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
            "reports on: give one"
        )
    check_rows(dev)
    ours = {row.judgement.pair_id for row in test}
    shared = sorted({row.judgement.pair_id for row in dev} & ours)
    if shared:
        raise ProtocolError(
            f"the development split shares {len(shared)} pairs with the test, such as {shared[0]!r}"
        )
    return fit_threshold(dev, protocol)


def _marks(read: Sequence[Read], protocol: EvaluationProtocol) -> tuple[list[_Mark], int]:
    """The units, and how many judgements there should have been but are not among the rows."""
    if protocol.unit is Unit.GROUP:
        return _group_marks(read, protocol)
    marks = [_mark(row, said, protocol) for row, said in read]
    absent = list(_absent_orders(read)) if protocol.both_orders else []
    marks += [_mark(row, Lack.MISSING, protocol) for row in absent]
    return marks, len(absent)


def _mark(row: Judged, said: Outcome, protocol: EvaluationProtocol) -> _Mark:
    if isinstance(said, Answer):
        credit = protocol.credit(row, said)
        return _Mark(row.request, credit or 0.0, credit is not None, credit is not None)
    cost = protocol.unreadable if said is Lack.UNREADABLE else protocol.missing
    return _Mark(row.request, counted=cost is Cost.WRONG)


def _absent_orders(read: Sequence[Read]) -> Iterator[Judged]:
    """A row of each pair and sample of which only one order is there."""
    rows: dict[tuple[str, int], list[Judged]] = {}
    for row, _ in read:
        rows.setdefault((row.judgement.pair_id, row.judgement.sample), []).append(row)
    return (found[0] for found in rows.values() if len(found) == 1)


def _group_marks(read: Sequence[Read], protocol: EvaluationProtocol) -> tuple[list[_Mark], int]:
    size = protocol.group_size or 2
    whole = size * (size - 1) // 2
    marks: list[_Mark] = []
    absent = 0
    for name, unit in _groups(read):
        if len(unit) > whole:
            raise ProtocolError(
                f"group {name!r} has {len(unit)} pairs; a ranking of {size} has {whole}"
            )
        right = [
            isinstance(said, Answer) and protocol.credit(row, said) == 1.0 for row, said in unit
        ]
        came = any(said is not Lack.MISSING for _, said in unit)
        complete = len(right) == whole
        marks.append(_Mark(name, float(complete and all(right)), came))
        absent += whole - len(unit)
    return marks, absent


def _groups(read: Sequence[Read]) -> Iterator[tuple[str, list[Read]]]:
    """The judgements of each group and sample; of each order too, where pairs have both."""
    found: dict[tuple[str, int], list[Read]] = {}
    for row, said in read:
        found.setdefault((row.group or "", row.judgement.sample), []).append((row, said))
    for (name, _), unit in found.items():
        if len({row.judgement.pair_id for row, _ in unit}) == len(unit):
            yield name, unit
            continue
        for order in Order:
            yield name, [one for one in unit if one[0].judgement.order is order]
