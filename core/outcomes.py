"""How each pair ends: kept, dropped or failed, rationale by rationale, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from parrot.core.asks import Failed
from parrot.core.candidates import Candidate, Drop, Keep, Order, Undecided, Verdict
from parrot.core.values import Label, PreferencePair, Unloadable


class End(StrEnum):
    """What became of a rationale or a pair."""

    KEPT = "kept"
    DROPPED = "dropped"
    FAILED = "failed"


@frozen(slots=True)
class Fate:
    """One candidate and every verdict on it so far, in the order they were given."""

    candidate: Candidate
    verdicts: Mapping[str, Verdict] = field(factory=dict, hash=False)

    @property
    def verdict(self) -> Verdict:
        """Drop if any filter dropped it, else Undecided if any could not tell, else Keep."""
        unsure: Verdict | None = None
        for verdict in self.verdicts.values():
            if isinstance(verdict, Drop):
                return verdict
            if isinstance(verdict, Undecided):
                unsure = unsure or verdict
        return unsure or Keep()

    @property
    def end(self) -> End:
        verdict = self.verdict
        if isinstance(verdict, Drop):
            return End.DROPPED
        return End.FAILED if isinstance(verdict, Undecided) else End.KEPT

    @property
    def by(self) -> str | None:
        """The filter that decided, None for a kept candidate."""
        verdict = self.verdict
        return next((n for n, v in self.verdicts.items() if v is verdict), None)

    def judged(self, name: str, verdict: Verdict) -> Fate:
        return evolve(self, verdicts={**self.verdicts, name: verdict})


@frozen(slots=True)
class Lost:
    """An ask about a pair that brought no rationale. side: of a projection, which image."""

    pair_id: str
    failure: Failed
    order: Order | None = None
    sample: int | None = None
    side: Label | None = None

    @property
    def id(self) -> str:
        """Readable and unique in a run."""
        parts = (self.order, self.sample, self.side)
        return "/".join([self.pair_id, *(str(p) for p in parts if p is not None)])


@frozen(slots=True)
class PairOutcome:
    """A pair, the fates of its candidates, and the asks that brought none."""

    pair: PreferencePair | Unloadable
    fates: tuple[Fate, ...] = ()
    lost: tuple[Lost, ...] = ()

    @property
    def kept(self) -> tuple[Candidate, ...]:
        return tuple(f.candidate for f in self.fates if f.end is End.KEPT)

    @property
    def end(self) -> End:
        """Kept if any rationale is, else dropped if any was, else failed."""
        ends = {f.end for f in self.fates}
        for end in (End.KEPT, End.DROPPED):
            if end in ends:
                return end
        return End.FAILED
