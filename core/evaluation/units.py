"""From answers to the units that a protocol counts: judgements one by one, or groups of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from parrot.core.candidates import Order
from parrot.core.errors import ProtocolError
from parrot.core.evaluation.choosing import ChoiceOrLack, Lack
from parrot.core.evaluation.protocols import Cost, EvaluationProtocol, Unit
from parrot.core.formats import Choice
from parrot.core.judgements import Judged

Read = tuple[Judged, ChoiceOrLack]


@frozen(slots=True)
class Mark:
    """One unit: the cluster it is resampled with, its credit, and where it counts."""

    cluster: str
    credit: float = 0.0
    counted: bool = True
    counted_strictly: bool = True


def marks_of(read: Sequence[Read], protocol: EvaluationProtocol) -> tuple[list[Mark], int]:
    """The units, and how many judgements there should be but are not among the rows."""
    if protocol.unit is Unit.GROUP:
        return _group_marks(read, protocol)
    absent = list(_absent_orders(read)) if protocol.both_orders else []
    marks = [_mark(row, said, protocol) for row, said in read]
    marks += [_mark(row, Lack.MISSING, protocol) for row in absent]
    return marks, len(absent)


def _mark(row: Judged, said: ChoiceOrLack, protocol: EvaluationProtocol) -> Mark:
    if isinstance(said, Choice):
        credit = protocol.credit(row, said)
        return Mark(row.request, credit or 0.0, credit is not None, credit is not None)
    cost = protocol.unreadable if said is Lack.UNREADABLE else protocol.missing
    return Mark(row.request, counted=cost is Cost.WRONG)


def _absent_orders(read: Sequence[Read]) -> Iterator[Judged]:
    """A row of each pair and sample of which only one order is there."""
    rows: dict[tuple[str, int], list[Judged]] = {}
    for row, _ in read:
        rows.setdefault((row.judgement.pair_id, row.judgement.sample), []).append(row)
    return (found[0] for found in rows.values() if len(found) == 1)


def _group_marks(read: Sequence[Read], protocol: EvaluationProtocol) -> tuple[list[Mark], int]:
    size = protocol.group_size or 2
    whole = size * (size - 1) // 2
    marks: list[Mark] = []
    absent = 0
    for name, unit in _groups(read):
        if len(unit) > whole:
            raise ProtocolError(
                f"group {name!r} has {len(unit)} pairs; a ranking of {size} images has {whole}"
            )
        right = sum(_right(row, said, protocol) for row, said in unit) == whole
        came = any(said is not Lack.MISSING for _, said in unit)
        marks.append(Mark(name, float(right), came or protocol.missing is Cost.WRONG))
        absent += whole - len(unit)
    return marks, absent


def _right(row: Judged, said: ChoiceOrLack, protocol: EvaluationProtocol) -> bool:
    return isinstance(said, Choice) and protocol.credit(row, said) == 1.0


def _groups(read: Sequence[Read]) -> Iterator[tuple[str, list[Read]]]:
    """The judgements of each group and sample; of each order too, where a pair has both."""
    found: dict[tuple[str, int], list[Read]] = {}
    for row, said in read:
        found.setdefault((row.group or "", row.judgement.sample), []).append((row, said))
    for (name, _), unit in found.items():
        if len({row.judgement.pair_id for row, _ in unit}) == len(unit):
            yield name, unit
            continue
        for order in Order:
            yield name, [one for one in unit if one[0].judgement.order is order]
