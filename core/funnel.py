"""The funnel: for each filter how many came, stayed, fell and stayed undecided, and why.

Counts are conditional on the order of filters: a candidate that one dropped never comes to the
next. With all evidence gathered, every filter sees every candidate and the rates are marginal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Factory, define

from parrot.core.asks import Failed
from parrot.core.candidates import Candidate, Drop, Keep, Undecided, Verdict
from parrot.core.outcomes import End, PairOutcome


@define(slots=True)
class Stage:
    """One filter's counts. examples: at most `EXAMPLES` of what fell."""

    came: int = 0
    kept: int = 0
    dropped: int = 0
    undecided: int = 0
    reasons: Counter[str] = Factory(Counter)
    examples: list[dict[str, str]] = Factory(list)


EXAMPLES = 3


@define(slots=True)
class Funnel:
    """Folds pair outcomes into counts; its size does not grow with their number."""

    marginal: bool = False
    pairs: Counter[str] = Factory(Counter)
    rationales: Counter[str] = Factory(Counter)
    lost: Counter[str] = Factory(Counter)
    stages: dict[str, Stage] = Factory(dict)

    def add(self, outcome: PairOutcome) -> None:
        """Counts one pair with all its candidates."""
        self.pairs[outcome.end.value] += 1
        for lost in outcome.lost:
            self.rationales["failed"] += 1
            self.lost[lost.failure.kind.value] += 1
        for fate in outcome.fates:
            self.rationales[fate.end.value] += 1
            for name, verdict in fate.verdicts.items():
                self._count(name, verdict, _place(fate.candidate))

    def add_told(
        self,
        end: End,
        judged: Iterable[tuple[End, Mapping[str, str], Mapping[str, Verdict]]],
        lost: Iterable[Failed],
    ) -> None:
        """Counts one pair from what was written of it, as `add` counts its outcome.

        judged: each rationale's end, its place (`pair_id`, `order`, `sample`) and its verdicts.
        """
        self.pairs[end.value] += 1
        for failure in lost:
            self.rationales["failed"] += 1
            self.lost[failure.kind.value] += 1
        for its_end, place, verdicts in judged:
            self.rationales[its_end.value] += 1
            for name, verdict in verdicts.items():
                self._count(name, verdict, place)

    def _count(self, name: str, verdict: Verdict, place: Mapping[str, str]) -> None:
        stage = self.stages.setdefault(name, Stage())
        stage.came += 1
        match verdict:
            case Keep():
                stage.kept += 1
            case Drop(reason, detail):
                stage.dropped += 1
                stage.reasons[reason] += 1
                if len(stage.examples) < EXAMPLES:
                    stage.examples.append({**place, "reason": reason, "detail": detail[:300]})
            case Undecided(failure):
                stage.undecided += 1
                stage.reasons[f"undecided:{failure.kind.value}"] += 1

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `funnel.json` holds it."""
        ends = [end.value for end in End]
        return {
            "schema": 1,
            "marginal": self.marginal,
            "pairs": {"in": self.pairs.total(), **{e: self.pairs[e] for e in ends}},
            "rationales": {
                "asked": self.rationales.total(),
                **{e: self.rationales[e] for e in ends},
            },
            "lost": dict(sorted(self.lost.items())),
            "filters": [
                {
                    "name": name,
                    "came": s.came,
                    "kept": s.kept,
                    "dropped": s.dropped,
                    "undecided": s.undecided,
                    # Ties by name: what came first depends on which part of the input ran.
                    "reasons": dict(sorted(s.reasons.items(), key=lambda r: (-r[1], r[0]))),
                    "examples": s.examples,
                }
                for name, s in self.stages.items()
            ],
        }


def _place(candidate: Candidate) -> dict[str, str]:
    source = candidate.rationale.provenance
    order, sample = source.order.value, str(source.sample)
    return {"pair_id": candidate.pair.id, "order": order, "sample": sample}
