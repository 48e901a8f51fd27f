"""The reward by round of a refinement run. Pure: rounds and rewards, no words and no pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from statistics import fmean
from typing import Final

from attrs import frozen

MOST_ROUNDS: Final = 100


@frozen(slots=True)
class Scored:
    """A draft. round: from 0. total: the critic's reward in [0, 1]; None where it has none."""

    round: int
    total: float | None


@frozen(slots=True)
class Round:
    """A round over all requests.

    mean: of its own drafts' rewards. best: of the best reward of each request up to this round,
    over the requests whose first round has one, so that rounds are compared on the same requests.
    """

    number: int
    drafts: int
    unscored: int
    mean: float | None
    best: float | None


def rounds_of(requests: Collection[Sequence[Scored]]) -> list[Round]:
    """The first 100 rounds in order, each request's drafts given; those that stopped early keep their best."""
    numbers = sorted({one.round for drafts in requests for one in drafts})
    return [_round(number, requests) for number in numbers[:MOST_ROUNDS]]


def _round(number: int, requests: Iterable[Sequence[Scored]]) -> Round:
    drafts = unscored = 0
    totals: list[float] = []
    bests: list[float] = []
    for request in requests:
        here = [one.total for one in request if one.round == number]
        scored = [total for total in here if total is not None]
        drafts, unscored = drafts + len(here), unscored + len(here) - len(scored)
        totals += scored
        if best_by(0, request) is not None:
            bests.append(best_by(number, request) or 0.0)
    return Round(number, drafts, unscored, _mean(totals), _mean(bests))


def best_by(number: int, drafts: Iterable[Scored]) -> float | None:
    """The best reward up to a round; None where no draft has one."""
    known = (one.total for one in drafts if one.round <= number and one.total is not None)
    return max(known, default=None)


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None
