"""What is refused before anything is counted: judgements no protocol could be true to."""

from __future__ import annotations

from collections.abc import Sequence

from parrot.core.candidates import Order
from parrot.core.errors import ProtocolError
from parrot.core.evaluation.protocols import EvaluationProtocol, Unit
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Label


def check_rows(rows: Sequence[Judged]) -> None:
    """Raises ProtocolError for no rows, a repeated judgement, two labels of a pair, two models."""
    if not rows:
        raise ProtocolError("there are no judgements to evaluate")
    seen: set[tuple[str, Order, int]] = set()
    humans: dict[str, object] = {}
    for row in rows:
        one = row.judgement
        place = (one.pair_id, one.order, one.sample)
        if place in seen:
            raise ProtocolError(f"{_told(one)} is there twice")
        seen.add(place)
        human = (row.label, row.both, row.group, row.group_size)
        if humans.setdefault(one.pair_id, human) != human:
            raise ProtocolError(f"pair {one.pair_id!r} has two different labels or groups")
        if one.model != rows[0].judgement.model:
            raise ProtocolError(
                f"judgements of two models, {rows[0].judgement.model!r} and {one.model!r}: "
                "evaluate one at a time"
            )


def check_needs(counted: Sequence[Judged], given: int, protocol: EvaluationProtocol) -> None:
    """Raises ProtocolError where the rows lack what the protocol needs.

    counted: the rows that belong to the protocol, of all those given.
    """
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
            raise ProtocolError(f"{protocol.name} needs scores; {_told(one)} has none")
        if protocol.unit is Unit.GROUP and row.group is None:
            raise ProtocolError(f"{protocol.name} needs groups; pair {one.pair_id!r} has none")


def check_split(test: Sequence[Judged], dev: Sequence[Judged]) -> None:
    """Raises ProtocolError where the development split repeats or shares pairs with the test."""
    check_rows(dev)
    shared = {row.judgement.pair_id for row in dev} & {row.judgement.pair_id for row in test}
    if shared:
        raise ProtocolError(
            f"the development split shares {len(shared)} pairs with the test, such as "
            f"{min(shared)!r}"
        )


def _told(one: Judgement) -> str:
    return f"pair {one.pair_id!r}, order {one.order.value}, sample {one.sample}"
