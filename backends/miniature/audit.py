"""What the filters catch, by the simulation's own truth: leaks, made-up flaws, wrong winners.

Runs phases 1 and 2 in memory with all evidence, then asks of each filter what share of what it
keeps is bad. The teacher verifies itself, with the same misperception.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, frozen

from parrot.backends.miniature.comparing import Trace
from parrot.backends.miniature.pairs import PairTruth, Task, stream
from parrot.backends.miniature.teacher import MiniatureTeacher
from parrot.backends.miniature.truth import agrees, shown, untrue
from parrot.core.candidates import Keep, Order, Verdict
from parrot.core.critiques import Comparison
from parrot.core.engine import Engine
from parrot.core.filters import FILTERS
from parrot.core.outcomes import Fate
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.pipelines.rationalizing import Rationalizing, asks_for, rationalize
from parrot.core.values import PreferencePair

AUDITED = (
    "well-formed",
    "scores-agree",
    "leak-free",
    "predictive-text",
    "predictive-masked",
    "predictive-sighted",
    "grounded",
)
SETS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    **{name: (name,) for name in AUDITED},
    "all of these": AUDITED,
}


@define(slots=True)
class Kept:
    """Counts of what one set of filters keeps. agree: of those whose true label is no tie.

    invented: the teacher made a claim up. untrue: the pixels deny a claim, made up or misseen.
    """

    filters: str
    kept: int = 0
    leaked: int = 0
    invented: int = 0
    untrue: int = 0
    decided: int = 0
    agree: int = 0

    def add(self, trace: Trace, *, untrue: bool, agrees: bool | None) -> None:
        """Counts one rationale; `agrees` None where the truth is a tie."""
        self.kept += 1
        self.leaked += trace.leaked is not None
        self.invented += bool(trace.invented)
        self.untrue += untrue
        if agrees is not None:
            self.decided += 1
            self.agree += agrees

    def shares(self) -> dict[str, float | int | str | None]:
        """Plain numbers; shares in [0, 1], None where nothing was kept."""
        of = self.kept or None
        return {
            "filters": self.filters,
            "kept": self.kept,
            "leaked": of and self.leaked / of,
            "invented": of and self.invented / of,
            "untrue": of and self.untrue / of,
            "agree_with_truth": self.agree / self.decided if self.decided else None,
        }


@frozen(slots=True)
class Audit:
    """The table of one level of teacher."""

    level: str
    pairs: int
    rows: tuple[Kept, ...]


async def audit(level: str, n: int, *, seed: int = 0, task: Task = "both") -> Audit:
    """What each filter keeps of the rationales of `n` fresh pairs at one level of error."""
    teacher, how = MiniatureTeacher(level), Rationalizing()
    truths: dict[str, tuple[PairTruth, dict[tuple[Order, int], Trace]]] = {}

    def pairs() -> Iterator[PreferencePair]:
        for pair, truth in stream(n, seed=seed, task=task):
            turns, asks = how.turns_of(pair), asks_for(pair, how)
            traces = {(o, s): teacher.trace(a) for (o, s, _), a in zip(turns, asks, strict=True)}
            truths[pair.id] = (truth, traces)
            yield pair

    rows = tuple(Kept(name) for name in SETS)
    filtering = Filtering(tuple(FILTERS[name] for name in AUDITED), all_evidence=True)
    async with Engine(teacher) as engine:
        async for outcome in filtered(rationalize(pairs(), engine, how), engine, filtering):
            truth, traces = truths.pop(outcome.pair.id)
            for fate in outcome.fates:
                source = fate.candidate.rationale.provenance
                _count(rows, fate, traces[source.order, source.sample], truth)
    return Audit(level, n, rows)


def _count(rows: tuple[Kept, ...], fate: Fate, trace: Trace, truth: PairTruth) -> None:
    candidate = fate.candidate
    body, order = candidate.rationale.body, candidate.rationale.provenance.order
    false = isinstance(body, Comparison) and bool(untrue(body, shown(truth, order)))
    right = agrees(candidate, truth)
    for row in rows:
        if all(_keeps(fate.verdicts.get(name)) for name in SETS[row.filters]):
            row.add(trace, untrue=false, agrees=right)


def _keeps(verdict: Verdict | None) -> bool:
    return isinstance(verdict, Keep)
