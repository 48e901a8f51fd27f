"""Phase 2: cheap filters first, then evidence for those that still stand, then the choice.

Filters that need no evidence run at once. Each kind of evidence that others need is then gathered
in its own pass over the stream, only for candidates that no filter has dropped yet - or for all of
them with `all_evidence`, which makes the funnel's rates marginal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen

from parrot.core.asks import Sampling
from parrot.core.candidates import (
    Candidate,
    Drop,
    Filter,
    Gatherer,
    Keep,
    Select,
    Undecided,
    filter_name,
)
from parrot.core.engine import Engine, Job
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.filters import FILTERS, needs_of
from parrot.core.gatherers import gatherers
from parrot.core.outcomes import End, Fate, PairOutcome
from parrot.core.select import keep_all

GIVEN = frozenset({"swapped", "other-side", "foreign"})
"""Evidence that a pipeline knows without asking."""
HELD: Final = 64
"""Outcomes that wait at most for another pair to be compared with the first of its rubric."""


@frozen(slots=True)
class Filtering:
    """Which filters judge, what gathers their evidence, and which survivors are taken.

    Raises ConfigError for two filters of one name, since a verdict is told by it, and
    UnknownNameError for a filter or choice that needs evidence nobody gathers. A choice ranks by
    probabilities: ConfigError too where its evidence is gathered without.
    """

    filters: tuple[Filter, ...] = field(factory=lambda: (FILTERS["well-formed"],))
    gatherers: Mapping[str, Gatherer[Candidate, Any]] = field(factory=gatherers, hash=False)
    select: Select = keep_all
    all_evidence: bool = False

    def __attrs_post_init__(self) -> None:
        names = [filter_name(one) for one in self.filters]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"two filters are called {twice[0]!r}: give each a `name` of its own")
        for needed in self.evidence:
            if needed not in self.gatherers:
                raise UnknownNameError("evidence", needed, tuple({*self.gatherers, *GIVEN}))
        for needed in _asked(self.select):
            sampling = getattr(self.gatherers[needed], "sampling", None)
            if isinstance(sampling, Sampling) and sampling.top_logprobs is None:
                said = f"the choice ranks by {needed!r}, which is gathered without probabilities"
                raise ConfigError(f"{said}: gatherers(logprobs=True), or --probabilities")

    @property
    def evidence(self) -> tuple[str, ...]:
        """What is gathered, in order, each once: for the filters, then for the choice."""
        needed = [name for one in self.filters for name in _asked(one)]
        return tuple(dict.fromkeys((*needed, *_asked(self.select))))

    def without_model(self) -> tuple[Filtering, tuple[str, ...]]:
        """The part that needs no verifier, and the names of the filters that are left out."""
        out = tuple(f for f in self.filters if _asked(f))
        kept = tuple(f for f in self.filters if not _asked(f))
        select = keep_all if _asked(self.select) else self.select
        return evolve(self, filters=kept, select=select), tuple(filter_name(f) for f in out)


def _asked(one: Filter | Select) -> tuple[str, ...]:
    return tuple(name for name in needs_of(one) if name not in GIVEN)


def judge(outcome: PairOutcome, filters: Sequence[Filter], *, marginal: bool) -> PairOutcome:
    """The outcome after each filter has judged each candidate that still stands (or, all)."""
    return evolve(outcome, fates=tuple(_judge(f, filters, marginal) for f in outcome.fates))


def _judge(fate: Fate, filters: Sequence[Filter], marginal: bool) -> Fate:  # noqa: FBT001
    for one in filters:
        if not marginal and fate.end is not End.KEPT:
            return fate
        verdict: object = one(fate.candidate)
        if not isinstance(verdict, Keep | Drop | Undecided):
            said = f"{filter_name(one)} said {verdict!r}, which is none of Keep, Drop and Undecided"
            raise ConfigError(said)
        fate = fate.judged(filter_name(one), verdict)
    return fate


async def filtered(
    outcomes: AsyncIterator[PairOutcome], engine: Engine | None, how: Filtering
) -> AsyncIterator[PairOutcome]:
    """The outcomes with every verdict given and the survivors chosen, in input order."""
    free = [f for f in how.filters if not _asked(f)]
    names = list(how.evidence)
    stream = _judging(outcomes, free, how)
    if "specific" in names:
        # Before any evidence is gathered, so that the order of filters does not decide whose
        # rationale is the foreign one.
        stream = _with_foreign(stream, marginal=how.all_evidence)
    for at, name in enumerate(names):
        if engine is not None:
            stream = _gathering(stream, engine, how, name)
        # A filter that needs several kinds of evidence judges once the last of them is there.
        ready = [f for f in how.filters if max(map(names.index, _asked(f)), default=-1) == at]
        stream = _judging(stream, ready, how)
    async for outcome in stream:
        yield _selected(outcome, how.select)


async def _judging(
    outcomes: AsyncIterator[PairOutcome], filters: Sequence[Filter], how: Filtering
) -> AsyncIterator[PairOutcome]:
    async for outcome in outcomes:
        yield judge(outcome, filters, marginal=how.all_evidence)


async def _gathering(
    outcomes: AsyncIterator[PairOutcome], engine: Engine, how: Filtering, name: str
) -> AsyncIterator[PairOutcome]:
    gatherer = how.gatherers[name]

    async def jobs() -> AsyncIterator[Job[tuple[PairOutcome, tuple[int, ...]]]]:
        async for outcome in outcomes:
            asks = [
                tuple(gatherer.asks(f.candidate)) if how.all_evidence or f.end is End.KEPT else None
                for f in outcome.fates
            ]
            counts = tuple(-1 if a is None else len(a) for a in asks)
            yield Job((outcome, counts), tuple(a for one in asks for a in one or ()))

    async for (outcome, counts), replies in engine.answered(jobs()):
        fates: list[Fate] = []
        start = 0
        for fate, count in zip(outcome.fates, counts, strict=True):
            if count < 0:
                fates.append(fate)
                continue
            found = gatherer.read(fate.candidate, replies[start : start + count])
            fates.append(evolve(fate, candidate=fate.candidate.with_evidence(name, found)))
            start += count
        yield evolve(outcome, fates=tuple(fates))


async def _with_foreign(
    outcomes: AsyncIterator[PairOutcome], *, marginal: bool
) -> AsyncIterator[PairOutcome]:
    # The other pair is the last one before this in the input that has a standing candidate of the
    # same rubric, for the first of a rubric the next one: the same whenever the input is run again.
    last: dict[str, Candidate] = {}
    held: deque[PairOutcome] = deque()
    async for outcome in outcomes:
        standing = _standing(outcome)
        if standing is not None:
            held = deque(_beside(one, {standing.rubric.name: standing}) for one in held)
        held.append(_beside(outcome, last))
        if standing is not None:
            last[standing.rubric.name] = standing
        while held and (len(held) > HELD or not _lacks_foreign(held[0], marginal)):
            yield held.popleft()
    for outcome in held:
        yield outcome


def _standing(outcome: PairOutcome) -> Candidate | None:
    for fate in outcome.fates:
        if fate.end is End.KEPT:
            return evolve(fate.candidate, evidence={})
    return None


def _beside(outcome: PairOutcome, others: Mapping[str, Candidate]) -> PairOutcome:
    """The outcome with another pair's candidate as evidence, where it has none and there is one."""

    def told(fate: Fate) -> Fate:
        other = others.get(fate.candidate.rubric.name)
        if other is None or "foreign" in fate.candidate.evidence:
            return fate
        return evolve(fate, candidate=fate.candidate.with_evidence("foreign", other))

    return evolve(outcome, fates=tuple(map(told, outcome.fates)))


def _lacks_foreign(outcome: PairOutcome, marginal: bool) -> bool:  # noqa: FBT001
    asked = [f for f in outcome.fates if marginal or f.end is End.KEPT]
    return any("foreign" not in fate.candidate.evidence for fate in asked)


def _selected(outcome: PairOutcome, select: Select) -> PairOutcome:
    if select is keep_all:
        return outcome
    chosen = select(outcome.kept)
    fates = tuple(
        f.judged("select", _chosen(f.candidate, chosen)) if f.end is End.KEPT else f
        for f in outcome.fates
    )
    return evolve(outcome, fates=fates)


def _chosen(candidate: Candidate, chosen: Sequence[Candidate]) -> Keep | Drop:
    taken = any(candidate is one for one in chosen)
    return Keep() if taken else Drop("not_selected", "another rationale of the pair was taken")
