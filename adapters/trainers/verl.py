"""`compute_score` for verl, named in its configuration:

    custom_reward_function.path=pkg://parrot.adapters.trainers.verl
    custom_reward_function.name=critic_score

verl scores one completion at a time and knows no absence, so an unscored drawing gets the running
mean, marked `imputed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from parrot.adapters.trainers.sharing import numbers_of
from parrot.adapters.trainers.writing import CriticReward, RefinerReward, request_of
from parrot.core.errors import ConfigError
from parrot.core.interfaces import Generator
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.rubric import IMAGE_EDIT
from parrot.core.values import Label, Request

_CRITIC = CriticReward()


def critic_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> float:
    """The worth of a written critique. ground_truth: A, B, TIE, or scores by dimension (or JSON of
    them). extra_info: `request`, and `sources` for edits.
    """
    del data_source, kwargs
    request, truth = _request(extra_info), _truth(ground_truth)
    if isinstance(truth, Label):
        return _CRITIC.of_comparison(solution_str, request, truth)
    return _CRITIC.of_critique(solution_str, request, truth)


def _truth(given: Any) -> Label | Mapping[str, float]:
    if isinstance(given, Mapping):
        return given
    text = str(given)
    if text in list(Label):
        return Label(text)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise ConfigError(f"the truth is A, B, TIE or scores by dimension, not {text!r}")
    return found


def _request(extra_info: Mapping[str, Any] | None) -> Request:
    if not extra_info or "request" not in extra_info:
        raise ConfigError("extra_info needs `request`: what was asked, in words")
    return request_of(extra_info["request"], extra_info.get("sources"))


def refiner_score(
    critic: RewardModel | str, generator: Generator, *, seed: int = 0, **settings: Any
) -> Callable[..., dict[str, Any]]:
    """A `compute_score` for written requests: {"score", "imputed", and a key a dimension}.

    The keys are the same for every completion: verl makes columns of them.
    """
    numbers = numbers_of(critic, **settings)
    refiner = RefinerReward(numbers, generator, seed)

    def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: Any = None,
        extra_info: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        del data_source, ground_truth, kwargs
        batch = refiner.batch([solution_str], [_request(extra_info)])
        found = numbers.totals(batch)
        keys = (numbers.model.how.rubric or IMAGE_EDIT).keys
        dimensions = {key: numbers.values(batch, key).values[0] for key in keys}
        return {"score": found.values[0], "imputed": found.marks[0], **dimensions}

    return compute_score
