"""Agreement of students with the truth, and how sure it is: seeds are resampled, then requests.

Every student is judged on the same test pairs, so one draw of requests serves all of them and a
difference between two arms is taken within the draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from statistics import fmean
from typing import Final

from attrs import frozen

from parrot.core.errors import ConfigError
from parrot.core.studies.results import Result, TestPair
from parrot.core.values import Label

RESAMPLES: Final = 1000
_SAID: Final = {"A": Label.A, "B": Label.B, "T": Label.TIE}
Wanted = Callable[[TestPair], Label | None]


def decisive(pair: TestPair, /) -> Label | None:
    """The truth of pairs whose utilities differ by more than the label's noise."""
    return pair.truth if pair.decisive and pair.truth is not Label.TIE else None


def overall(pair: TestPair, /) -> Label | None:
    """The truth of all pairs that do not truly tie."""
    return None if pair.truth is Label.TIE else pair.truth


def labelled(pair: TestPair, /) -> Label | None:
    """The noisy label of all pairs that it does not tie."""
    return None if pair.label is Label.TIE else pair.label


MEASURES: Final[Mapping[str, Wanted]] = {
    "decisive": decisive,
    "overall": overall,
    "noisy labels": labelled,
}


def credit(mark: str, wanted: Label) -> float:
    """1 for the wanted winner, 0.5 for a tie, 0 for the other image or no winner."""
    said = _SAID.get(mark)
    return 0.5 if said is Label.TIE else float(said is wanted)


def credits_of(result: Result, pairs: Sequence[TestPair], wanted: Wanted) -> list[float | None]:
    """The mean credit over the orders, a pair; None where the measure leaves the pair out.

    Raises ConfigError where the marks are of other test pairs.
    """
    orders = list(result.marks.values())
    if not orders or any(len(marks) != len(pairs) for marks in orders):
        raise ConfigError(f"{result.cell.id} has marks of other test pairs")
    out: list[float | None] = []
    for at, pair in enumerate(pairs):
        label = wanted(pair)
        if label is None:
            out.append(None)
        else:
            out.append(fmean(credit(marks[at], label) for marks in orders))
    return out


@frozen(slots=True)
class Estimate:
    """A share, or a difference of shares, with its 95 % interval. seeds: students behind it."""

    value: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, value: float, drawn: Iterable[float], seeds: int) -> Estimate:
        """The value with the interval of what it came to in each resample, at least one."""
        found = sorted(drawn)
        tail = round(0.025 * (len(found) - 1))
        return cls(value, found[tail], found[-1 - tail], seeds)

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0.0 or self.high < 0.0


class Resampled:
    """Draws of requests over one set of test pairs under one measure, shared by all students."""

    def __init__(
        self,
        pairs: Sequence[TestPair],
        wanted: Wanted,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        self._pairs, self._wanted = pairs, wanted
        self._counted = [at for at, pair in enumerate(pairs) if wanted(pair) is not None]
        names = sorted({pairs[at].request for at in self._counted})
        self._place = {name: number for number, name in enumerate(names)}
        rng = Random(seed)
        self._draws = [rng.choices(range(len(names)), k=len(names)) for _ in range(resamples)]
        counts = [0] * len(names)
        for at in self._counted:
            counts[self._place[pairs[at].request]] += 1
        self._totals = [sum(map(counts.__getitem__, draw)) for draw in self._draws]
        self._seed = seed
        self._known: dict[tuple[str, ...], tuple[float, list[float]]] = {}

    @property
    def pairs(self) -> int:
        """Test pairs that count under the measure."""
        return len(self._counted)

    def of(self, result: Result) -> tuple[float, list[float]]:
        """A student's share of agreement, and the same in every draw of requests.

        Raises ConfigError where no pair counts.
        """
        if not self._counted:
            raise ConfigError("no test pair counts under this measure")
        key = (result.cell.id, *result.marks.values())
        if key not in self._known:
            self._known[key] = self._drawn(result)
        return self._known[key]

    def _drawn(self, result: Result) -> tuple[float, list[float]]:
        given = credits_of(result, self._pairs, self._wanted)
        sums = [0.0] * len(self._place)
        for at in self._counted:
            sums[self._place[self._pairs[at].request]] += given[at] or 0.0
        share = sum(sums) / len(self._counted)
        drawn = [
            sum(map(sums.__getitem__, draw)) / total
            for draw, total in zip(self._draws, self._totals, strict=True)
        ]
        return share, drawn

    def estimate(self, results: Sequence[Result]) -> Estimate:
        """The mean over students that differ by their seed alone."""
        return self._over_seeds([self.of(one) for one in results])

    def difference(
        self, better: Sequence[Result], than: Sequence[Result], *, alone: bool = False
    ) -> Estimate:
        """The first less the second, seed by seed. alone: the second is one student without seeds.

        Raises ConfigError where the seeds of both do not match.
        """
        if alone:
            than = [than[0]] * len(better)
        elif [one.cell.seed for one in better] != [one.cell.seed for one in than]:
            raise ConfigError("a difference is taken between students of the same seeds")
        gaps = []
        for one, other in zip(better, than, strict=True):
            (mine, drawn), (theirs, others) = self.of(one), self.of(other)
            gaps.append((mine - theirs, [a - b for a, b in zip(drawn, others, strict=True)]))
        return self._over_seeds(gaps)

    def _over_seeds(self, found: Sequence[tuple[float, Sequence[float]]]) -> Estimate:
        rng, seeds = Random(self._seed), range(len(found))
        drawn = (
            fmean(found[at][1][number] for at in rng.choices(seeds, k=len(found)))
            for number in range(len(self._draws))
        )
        return Estimate.of(fmean(share for share, _ in found), drawn, len(found))
