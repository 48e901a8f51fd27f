"""Pure choices among the kept candidates of one pair, after the filters."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen, validators

from parrot.core.candidates import Candidate, Select
from parrot.core.errors import UnknownNameError
from parrot.core.evidence import Prediction


def keep_all(candidates: Sequence[Candidate], /) -> Sequence[Candidate]:
    """Every survivor."""
    return candidates


def dedupe(candidates: Sequence[Candidate], /) -> Sequence[Candidate]:
    """The first of those with equal bodies, per order."""
    seen: dict[object, Candidate] = {}
    for one in candidates:
        seen.setdefault((one.rationale.provenance.order, one.rationale.body), one)
    return tuple(seen.values())


def one_per_order(candidates: Sequence[Candidate], /) -> Sequence[Candidate]:
    """The first survivor of each order, and none unless both orders have one: A and B balanced."""
    first: dict[object, Candidate] = {}
    for one in candidates:
        first.setdefault(one.rationale.provenance.order, one)
    return tuple(first.values()) if len(first) > 1 else ()


@frozen(slots=True)
class BestOf:
    """The `count` survivors whose re-prediction gives the label the highest probability.

    by: the evidence ranked on, `masked` or `sighted`, gathered with log-probabilities; candidates
    without it come last, in order.
    """

    count: int = field(default=1, validator=validators.ge(1))
    by: str = "masked"

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.by,)

    def __call__(self, candidates: Sequence[Candidate], /) -> Sequence[Candidate]:
        ranked = sorted(candidates, key=self._odds, reverse=True)
        best = ranked[: self.count]
        return tuple(c for c in candidates if any(c is b for b in best))

    def _odds(self, candidate: Candidate) -> float:
        found = candidate.evidence.get(self.by)
        if not isinstance(found, Prediction) or found.probabilities is None:
            return -1.0
        return found.probabilities.get(candidate.pair.label, 0.0)


SELECTS: dict[str, Select] = {
    "all": keep_all,
    "dedupe": dedupe,
    "one-per-order": one_per_order,
    "best-masked": BestOf(1, "masked"),
    "best-sighted": BestOf(1, "sighted"),
}


def select_named(name: str) -> Select:
    """A shipped choice by its name. Raises UnknownNameError."""
    if name not in SELECTS:
        raise UnknownNameError("select", name, SELECTS)
    return SELECTS[name]
