"""What each arm's student learns from: a teacher's rationales of labelled pairs, and their filters.

Only the engine calls the teacher; everything else here is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from random import Random
from typing import Final

from attrs import evolve, field, frozen

from parrot.core.candidates import Candidate
from parrot.core.engine import Engine
from parrot.core.engine.progress import Meter
from parrot.core.errors import ConfigError
from parrot.core.examples import Example
from parrot.core.filters import filter_named
from parrot.core.pipelines.examples import example_of, scores_only
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.pipelines.rationalizing import Rationalizing, rationalize
from parrot.core.prompts.judging import Prompt
from parrot.core.studies.cells import Arm, Cell, Equal
from parrot.core.values import PreferencePair

FULL: Final = ("well-formed", "scores-agree", "leak-free", "predictive-masked", "grounded")
"""The filters that `parrot rationalize` has by default."""
_FILTERS: Final[dict[Arm, tuple[str, ...]]] = {
    Arm.BLIND: ("well-formed",),
    Arm.BLIND_AGREE: ("well-formed", "scores-agree"),
    Arm.ANCHORED: ("well-formed",),
    Arm.ANCHORED_TEXT: ("well-formed", "predictive-text"),
    Arm.ANCHORED_FULL: FULL,
}
_PER_ROW: Final = 50
"""Pairs looked at for each row that is wanted, at most."""


@frozen(slots=True)
class Taught:
    """The rows of one arm. calls: everything that the teacher was asked for them; pairs: seen."""

    rows: tuple[Candidate, ...] = field(repr=False)
    calls: int
    pairs: int
    samples: int = 1

    def and_then(self, more: Taught) -> Taught:
        """Both portions as one."""
        calls, pairs = self.calls + more.calls, self.pairs + more.pairs
        return Taught((*self.rows, *more.rows), calls, pairs, self.samples)

    def examples(self, prompt: Prompt) -> list[Example]:
        """What a student is trained on."""
        return [example_of(row, prompt, id=str(at)) for at, row in enumerate(self.rows)]


class Teaching:
    """A teacher behind an engine, and the pairs of one seed, in the order in which arms get them.

    pairs: may be gone through again and again, and need not end. meter: counts the engine's asks.
    """

    def __init__(
        self, engine: Engine, meter: Meter, pairs: Iterable[PreferencePair], prompt: Prompt
    ) -> None:
        self._engine, self._meter, self._prompt = engine, meter, prompt
        self._pairs = pairs

    async def rows(self, cell: Cell) -> Taught:
        """What the cell's student learns from. Raises ConfigError for the head, which has no rows."""
        match cell.arm:
            case Arm.BASE | Arm.HEAD:
                raise ConfigError(f"{cell.arm} learns from no rationales")
            case Arm.BLIND_AGREE:
                full = await self._taught(Arm.ANCHORED_FULL, cell)
                return await self._taught(cell.arm, cell, samples=samples_for(full))
            case Arm.ANCHORED_THINNED:
                full = await self._taught(Arm.ANCHORED_FULL, cell)
                whole = await self._taught(Arm.ANCHORED, cell)
                kept = thinned(whole.rows, len(full.rows), seed=cell.seed)
                return Taught(kept, whole.calls, whole.pairs)
            case Arm.SCORES_ONLY:
                full = await self._taught(Arm.ANCHORED_FULL, cell)
                bare = tuple(scores_only(row) for row in full.rows)
                return Taught(bare, full.calls, full.pairs)
        return await self._taught(cell.arm, cell)

    async def _taught(self, arm: Arm, cell: Cell, *, samples: int = 1) -> Taught:
        """All rows of so many pairs; or those of pairs in portions, until there are enough."""
        if cell.equal is Equal.PAIRS:
            return await self._portion(arm, islice(self._pairs, cell.size), samples)
        waiting, found = islice(self._pairs, cell.size * _PER_ROW), Taught((), 0, 0, samples)
        while len(found.rows) < cell.size:
            some = tuple(islice(waiting, max(8, cell.size // 4)))
            if not some:
                said = f"{arm} keeps {len(found.rows)} rows of {found.pairs} pairs, not {cell.size}"
                raise ConfigError(said)
            found = found.and_then(await self._portion(arm, some, samples))
        return evolve(found, rows=found.rows[: cell.size])

    async def _portion(self, arm: Arm, pairs: Iterable[PreferencePair], samples: int) -> Taught:
        anchored = arm not in {Arm.BLIND, Arm.BLIND_AGREE}
        how = Rationalizing(self._prompt, anchored=anchored, samples=samples)
        filters = Filtering(tuple(filter_named(name) for name in _FILTERS[arm]))
        before, rows, seen = self._meter.progress.done, list[Candidate](), 0
        told = rationalize(pairs, self._engine, how)
        async for outcome in filtered(told, self._engine, filters):
            seen += 1
            rows += outcome.kept
        return Taught(tuple(rows), self._meter.progress.done - before, seen, samples)


def samples_for(full: Taught) -> int:
    """Blind samples a pair and order that cost as many calls as the full filters did, rounded."""
    return max(1, round(full.calls / (2 * full.pairs))) if full.pairs else 1


def thinned(rows: Sequence[Candidate], count: int, *, seed: int) -> tuple[Candidate, ...]:
    """So many of the rows, drawn at random, in their order; all of them where there are fewer."""
    if count >= len(rows):
        return tuple(rows)
    chosen = sorted(Random(seed).sample(range(len(rows)), count))
    return tuple(rows[at] for at in chosen)
