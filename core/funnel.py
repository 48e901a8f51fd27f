"""The funnel: for each filter how many came, stayed, fell and stayed undecided, and why.

Counts are conditional on the order of filters: a candidate that one dropped never comes to the
next. With all evidence gathered, every filter sees every candidate and the rates are marginal.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import Factory, define

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
                self._count(self.stages.setdefault(name, Stage()), verdict, fate.candidate)

    def _count(self, stage: Stage, verdict: Verdict, candidate: Candidate) -> None:
        stage.came += 1
        match verdict:
            case Keep():
                stage.kept += 1
            case Drop(reason, detail):
                stage.dropped += 1
                stage.reasons[reason] += 1
                if len(stage.examples) < EXAMPLES:
                    source = candidate.rationale.provenance
                    stage.examples.append(
                        {
                            "pair_id": candidate.pair.id,
                            "order": source.order.value,
                            "sample": str(source.sample),
                            "reason": reason,
                            "detail": detail[:300],
                        }
                    )
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
                    "reasons": dict(s.reasons.most_common()),
                    "examples": s.examples,
                }
                for name, s in self.stages.items()
            ],
        }
