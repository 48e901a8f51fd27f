"""A rationale with its provenance, the evidence about it, and what a filter says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from attrs import evolve, field, frozen, validators

from parrot.core.asks import Ask, Failed, Reply
from parrot.core.critiques import Comparison, Critique, Problem
from parrot.core.naming import mirrored_text
from parrot.core.rubric import Rubric
from parrot.core.values import Label, PreferencePair


class Order(StrEnum):
    """In which order a model saw the images of a pair."""

    AB = "AB"
    BA = "BA"

    def mirrored(self) -> Order:
        return Order.BA if self is Order.AB else Order.AB


@frozen(slots=True)
class Provenance:
    """Where a rationale came from. `raw` is the reply as it was written."""

    teacher: str
    prompt: str
    anchored: bool
    order: Order = Order.AB
    sample: int = field(default=0, validator=validators.ge(0))
    raw: str = field(default="", repr=False)


@frozen(slots=True)
class Rationale:
    """A comparison or critique, as the teacher saw the images: with order BA, its A is the pair's B.

    choice: the closing overall choice, where the reply has one (`[[A>B]]` and kin). side: which
    image of the pair, as seen, a critique is of; None for comparisons.
    """

    pair_id: str
    body: Comparison | Critique
    provenance: Provenance
    problems: tuple[Problem, ...] = field(default=())
    choice: Label | None = None
    side: Label | None = None


@frozen(slots=True)
class Candidate:
    """A rationale, the pair **as its teacher saw it**, and the evidence gathered about it.

    pair: already mirrored where the order was BA, so A here is A there. evidence: by gatherer name.
    """

    pair: PreferencePair
    rubric: Rubric
    rationale: Rationale
    evidence: Mapping[str, Any] = field(factory=dict, hash=False)

    @property
    def applicable(self) -> frozenset[str]:
        return self.rubric.applicable(self.pair.request)

    def with_evidence(self, name: str, value: Any) -> Candidate:
        return evolve(self, evidence={**self.evidence, name: value})

    def mirrored(self) -> Candidate:
        """The same candidate with A and B in each other's place, evidence included."""
        rationale = self.rationale
        body = rationale.body
        return evolve(
            self,
            pair=self.pair.mirrored(),
            rationale=evolve(
                rationale,
                body=body.mirrored() if isinstance(body, Comparison) else body,
                choice=rationale.choice and rationale.choice.mirrored(),
                side=rationale.side and rationale.side.mirrored(),
                provenance=evolve(
                    rationale.provenance,
                    order=rationale.provenance.order.mirrored(),
                    raw=mirrored_text(rationale.provenance.raw),
                ),
            ),
            evidence={k: _mirrored(v) for k, v in self.evidence.items()},
        )


def _mirrored(value: Any) -> Any:
    mirror = getattr(value, "mirrored", None)
    return mirror() if callable(mirror) else value


@frozen(slots=True)
class Keep:
    """The candidate stays."""


@frozen(slots=True)
class Drop:
    """The candidate falls. reason: a short code that can be counted; detail: what was seen."""

    reason: str
    detail: str = ""


@frozen(slots=True)
class Undecided:
    """The filter could not tell: evidence is missing or failed. Never counted as kept."""

    failure: Failed


Verdict = Keep | Drop | Undecided


class Filter(Protocol):
    """A pure function of a candidate; a plain function is one. Never raises to say no."""

    def __call__(self, candidate: Candidate, /) -> Verdict: ...


def filter_name(filter_: Filter) -> str:
    """The name a filter goes by in funnels and files: its `name`, else its function's name."""
    name = getattr(filter_, "name", None) or getattr(filter_, "__name__", None)
    return str(name or type(filter_).__name__).replace("_", "-")


Subject_contra = TypeVar("Subject_contra", contravariant=True)
Evidence_co = TypeVar("Evidence_co", covariant=True)


class Gatherer(Protocol[Subject_contra, Evidence_co]):
    """Two pure functions around model calls that only the engine makes."""

    @property
    def name(self) -> str: ...

    def asks(self, subject: Subject_contra, /) -> Sequence[Ask]:
        """What must be asked about the subject; empty where nothing need be."""
        ...

    def read(
        self, subject: Subject_contra, replies: Sequence[Reply | Failed], /
    ) -> Evidence_co | Failed:
        """The evidence from the replies, one an ask and in their order."""
        ...


Select = Callable[[Sequence[Candidate]], Sequence[Candidate]]
"""A pure choice among the kept candidates of one pair; what it returns is a part of what it got."""
