"""From critiques and comparisons to rewards. Whether a dimension applies is the rubric's to say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from parrot.core.asks import Failed, FailureKind
from parrot.core.critiques import Critique, Score, settled
from parrot.core.rewards.aggregates import Aggregate, checked_total
from parrot.core.rewards.values import Outcome, Reward, Unscored
from parrot.core.rubric import Rubric
from parrot.core.values import Request


def reward_of(
    critique: Critique, rubric: Rubric, request: Request, aggregate: Aggregate
) -> Outcome:
    """The critique's reward; Unscored where a dimension that applies has no score or says N/A.

    A score of a dimension that does not apply is left out, whatever it is. Raises ConfigError for
    an aggregate that leaves [0, 1].
    """
    applicable = rubric.applicable(request)
    values, lacking = _values(critique.scores, rubric, applicable)
    return _total(values, lacking, aggregate, (critique,))


def _values(
    scores: Mapping[str, Score], rubric: Rubric, applicable: Iterable[str]
) -> tuple[dict[str, float], list[str]]:
    values: dict[str, float] = {}
    lacking: list[str] = []
    for key in sorted(applicable, key=rubric.keys.index):
        score = scores.get(key)
        if isinstance(score, float | int) and rubric.scale.holds(score):
            values[key] = rubric.scale.unit(score)
        else:
            lacking.append(key)
    return values, lacking


def _total(
    values: Mapping[str, float],
    lacking: Sequence[str],
    aggregate: Aggregate,
    critiques: tuple[Critique, ...],
) -> Outcome:
    if lacking:
        return unreadable(f"no score of {', '.join(lacking)}", values, critiques)
    total = checked_total(aggregate, values)
    if total is None:
        said = "no dimension that the aggregate looks at applies to the request"
        return unreadable(said, values, critiques)
    return Reward(values, total, critiques)


def unreadable(
    why: str, values: Mapping[str, float] | None = None, critiques: tuple[Critique, ...] = ()
) -> Unscored:
    """No reward because of what was said, not because nothing came."""
    return Unscored(Failed(FailureKind.UNREADABLE, why), values or {}, critiques)


def averaged(samples: Sequence[Outcome]) -> Outcome:
    """The mean over the samples of one drawing that have a reward: its expected reward.

    Where none has, the first failure, with the dimensions that could be read. Raises ValueError
    without samples.
    """
    if not samples:
        raise ValueError("there is no mean of no samples")
    critiques = tuple(one for sample in samples for one in sample.critiques)
    scored = [one for one in samples if isinstance(one, Reward)]
    if scored:
        total = settled(math.fsum(one.total for one in scored) / len(scored))
        return Reward(_means(scored), total, critiques)
    failure = next(one.failure for one in samples if isinstance(one, Unscored))
    return Unscored(failure, _means(samples), critiques)


def _means(samples: Sequence[Outcome]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for one in samples:
        for key, value in one.dimensions.items():
            found.setdefault(key, []).append(value)
    return {key: settled(math.fsum(values) / len(values)) for key, values in found.items()}
