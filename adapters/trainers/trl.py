"""Reward functions for TRL's GRPOTrainer and kin, whose policy writes critiques or requests.

    GRPOTrainer(model, reward_funcs=[critic_reward()], train_dataset=rows, ...)

TRL passes a data set's columns by name; `request` (and `sources` for edits) say what was asked, and
`label` (A, B, TIE) or `scores` (by dimension) what is right. Functions block; TRL awaits none of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field

from parrot.adapters.rubrics import rubric_named
from parrot.adapters.trainers.batches import Batch
from parrot.adapters.trainers.sharing import numbers_of
from parrot.adapters.trainers.writing import (
    CriticReward,
    RefinerReward,
    label_of,
    requests_of,
    text_of,
)
from parrot.core.errors import ConfigError
from parrot.core.formats import format_named
from parrot.core.interfaces import Generator
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.rewards.values import Reward
from parrot.core.values import Request

RewardFunction = Callable[..., list[float | None]]


def critic_reward(
    *, rubric: str = "auto", reply_format: str = "markup", formed: float = 0.1
) -> RewardFunction:
    """Rewards a written comparison (column `label`) or critique (column `scores`); see `CriticReward`."""
    judge = CriticReward(rubric_named(rubric), format_named(reply_format), formed)

    def critic(*, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        texts = [text_of(one) for one in completions]
        requests = requests_of(columns, len(texts))
        if "label" in columns:
            labels = map(label_of, columns["label"])
            return [judge.of_comparison(*row) for row in zip(texts, requests, labels, strict=True)]
        if "scores" in columns:
            rows = zip(texts, requests, columns["scores"], strict=True)
            return [judge.of_critique(*row) for row in rows]
        raise ConfigError("the data set needs a column `label` or `scores`")

    return _named(critic, "parrot_critic")


def refiner_rewards(
    critic: RewardModel | str,
    generator: Generator,
    *,
    dimensions: Sequence[str] = (),
    seed: int = 0,
    **settings: Any,
) -> list[RewardFunction]:
    """Reward functions for written requests: one for the total, or one a dimension.

    An unscored drawing gets None from every one of them, which TRL leaves out of its group. Give
    dimensions only with `multi_objective_aggregation="normalize_then_sum"`: TRL's default sum takes
    a dimension that does not apply (None there) for 0, alike for a whole group.
    """
    shared = _Shared(RefinerReward(numbers_of(critic, **settings), generator, seed))

    def function(dimension: str | None) -> RewardFunction:
        def reward(*, completions: Sequence[Any], **columns: Any) -> list[float | None]:
            texts = [text_of(one) for one in completions]
            batch = shared.batch(dimension, texts, requests_of(columns, len(texts)))
            if dimension is None:
                return list(batch.totals())
            return [
                one.dimensions.get(dimension) if isinstance(one, Reward) else None
                for one in batch.outcomes
            ]

        return _named(reward, f"parrot_{dimension or 'total'}")

    return [function(one) for one in dimensions or (None,)]


@define(slots=True, eq=False)
class _Shared:
    """The last batch, until one of the functions asks for it a second time."""

    refiner: RefinerReward
    _of: tuple[Any, ...] = field(default=(), init=False)
    _batch: Batch | None = field(default=None, init=False)
    _had: set[str | None] = field(factory=set, init=False)
    _guard: threading.Lock = field(factory=threading.Lock, init=False)

    def batch(
        self, dimension: str | None, texts: Sequence[str], requests: Sequence[Request]
    ) -> Batch:
        of = (tuple(texts), tuple(requests))
        with self._guard:
            if self._batch is None or of != self._of or dimension in self._had:
                self._batch, self._of = self.refiner.batch(texts, requests), of
                self._had = set()
            self._had.add(dimension)
            return self._batch


def _named(function: RewardFunction, name: str) -> RewardFunction:
    function.__name__ = function.__qualname__ = name  # TRL logs rewards under it
    return function
