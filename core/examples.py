"""One training example for a student: what it will be asked, without the label, and the answer.

Knows neither rationales nor training formats: pipelines make examples, exporters write them.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen, validators

from parrot.core.asks import Turn
from parrot.core.candidates import Order
from parrot.core.values import Image, Label

Form = Literal["pairwise", "pointwise"]


@frozen(slots=True)
class Example:
    """A supervised example with where its pair came from.

    id: unique in an export. turns: the ask, no assistant turn at the end. answer: what the student
    should write. order: in which order the turns show the images; label: the human's, of the images
    as shown (None of a critique). teacher, source, licence, may_train: as pair and rationale say.
    """

    id: str
    turns: tuple[Turn, ...] = field(validator=validators.min_len(1))
    answer: str = field(repr=False)
    pair_id: str
    form: Form
    order: Order = Order.AB
    label: Label | None = None
    teacher: str = ""
    source: str = ""
    licence: str | None = None
    may_train: bool = True

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(p for t in self.turns for p in t.parts if isinstance(p, Image))
