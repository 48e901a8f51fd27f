"""What scoring has come to so far: counts, failures by kind, and means by dimension. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from parrot.core.rewards.imputing import TOTAL, Running
from parrot.core.rewards.values import Outcome, Reward, Unscored


@frozen(slots=True)
class Tally:
    """Counts since the beginning. unscored: by failure kind. imputed: stand-ins handed out."""

    scored: int = 0
    unscored: Mapping[str, int] = field(factory=dict, hash=False)
    imputed: int = 0
    running: Running = field(factory=Running)

    def after(self, outcomes: Sequence[Outcome]) -> Tally:
        """With these outcomes counted."""
        failed, values = dict(self.unscored), _values(outcomes)
        for one in outcomes:
            if isinstance(one, Unscored):
                kind = one.failure.kind.value
                failed[kind] = failed.get(kind, 0) + 1
        running = self.running
        for name, numbers in values.items():
            running = running.after(name, numbers)
        scored = self.scored + len(values.get(TOTAL, ()))
        return evolve(self, scored=scored, unscored=failed, running=running)

    @property
    def metrics(self) -> Mapping[str, float]:
        """Flat names and numbers, as trainers log them: scored, unscored/KIND, mean/DIMENSION."""
        means = {f"mean/{name}": self.running.mean(name) for name in self.running.counts}
        return {
            "scored": float(self.scored),
            "unscored": float(sum(self.unscored.values())),
            "imputed": float(self.imputed),
            **{f"unscored/{kind}": float(n) for kind, n in self.unscored.items()},
            **{name: mean for name, mean in means.items() if mean is not None},
        }


def _values(outcomes: Sequence[Outcome]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in outcomes:
        for key, value in one.dimensions.items():
            found.setdefault(key, []).append(value)
        if isinstance(one, Reward):
            found.setdefault(TOTAL, []).append(one.total)
    return found
