"""Whether a model prefers a place: what it says where each pair was shown in both orders."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from parrot.core.candidates import Order
from parrot.core.evaluation.choosing import ChoiceOrLack
from parrot.core.formats import Choice
from parrot.core.judgements import Judged
from parrot.core.values import Label


@frozen(slots=True)
class PositionBias:
    """Over all pairs with a readable answer in both orders, in percent.

    share_a, share_b, share_tie: of the answers, by the place that the model saw; without bias
    share_a equals share_b. consistency: pairs on which both orders name the same winner. pairs: how
    many (a pair with two samples counts twice).
    """

    share_a: float
    share_b: float
    share_tie: float
    consistency: float
    pairs: int


def position_bias(judged: Iterable[tuple[Judged, ChoiceOrLack]]) -> PositionBias | None:
    """The bias, or None where no pair has a readable answer in both orders."""
    seen: dict[tuple[str, int], dict[Order, Label]] = {}
    for row, said in judged:
        if isinstance(said, Choice):
            one = row.judgement
            seen.setdefault((one.pair_id, one.sample), {})[one.order] = said.label
    both = [(found[Order.AB], found[Order.BA]) for found in seen.values() if len(found) == 2]
    if not both:
        return None
    places = [place for ab, ba in both for place in (ab, ba.mirrored())]
    return PositionBias(
        share_a=100 * places.count(Label.A) / len(places),
        share_b=100 * places.count(Label.B) / len(places),
        share_tie=100 * places.count(Label.TIE) / len(places),
        consistency=100 * sum(ab is ba for ab, ba in both) / len(both),
        pairs=len(both),
    )
