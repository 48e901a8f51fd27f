"""Phase 2: cheap filters first, then evidence for those that still stand, then the choice.

Filters that need no evidence run at once. Each kind of evidence that others need is then gathered
in its own pass over the stream, only for candidates that no filter has dropped yet - or for all of
them with `all_evidence`, which makes the funnel's rates marginal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

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


@frozen(slots=True)
class Filtering:
    """Which filters judge, what gathers their evidence, and which survivors are taken.

    Raises ConfigError for two filters of one name, since a verdict is told by it, and
    UnknownNameError for a filter that needs evidence nobody gathers.
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
        for needed in (name for one in self.filters for name in _asked(one)):
            if needed not in self.gatherers:
                raise UnknownNameError("evidence", needed, tuple({*self.gatherers, *GIVEN}))

    def without_model(self) -> tuple[Filtering, tuple[str, ...]]:
        """The part that needs no verifier, and the names of the filters that are left out."""
        out = tuple(f for f in self.filters if _asked(f))
        kept = tuple(f for f in self.filters if not _asked(f))
        return evolve(self, filters=kept), tuple(filter_name(f) for f in out)


def _asked(filter_: Filter) -> tuple[str, ...]:
    return tuple(name for name in needs_of(filter_) if name not in GIVEN)


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
    names = list(dict.fromkeys(n for f in how.filters for n in _asked(f)))
    stream = _judging(outcomes, free, how)
    if "specific" in names:
        # Before any evidence is gathered, so that the order of filters does not decide whose
        # rationale is the foreign one.
        stream = _with_foreign(stream)
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


async def _with_foreign(outcomes: AsyncIterator[PairOutcome]) -> AsyncIterator[PairOutcome]:
    # The other pair is the last one before this in the input that has a standing candidate of the
    # same rubric: the same one whenever the same input is run again.
    last: dict[str, Candidate] = {}
    async for outcome in outcomes:
        fates = tuple(
            evolve(f, candidate=f.candidate.with_evidence("foreign", last[f.candidate.rubric.name]))
            if f.candidate.rubric.name in last
            else f
            for f in outcome.fates
        )
        for fate in outcome.fates:
            if fate.end is End.KEPT:
                last[fate.candidate.rubric.name] = evolve(fate.candidate, evidence={})
                break
        yield evolve(outcome, fates=fates)


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
