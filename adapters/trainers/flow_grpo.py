"""Rewards for flow_grpo and DiffusionNFT, in the form of their `multi_score`.

    from parrot.adapters.trainers.flow_grpo import multi_score
    reward_fn = multi_score(device, {"torch:critic": 1.0})

Their registry of rewards is closed, so this `multi_score` takes the place of theirs in the training
script: `flow_grpo.rewards.multi_score = multi_score`. Edit-R1 calls it with `ref_images`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parrot.adapters.trainers.batches import Batch, Numbers
from parrot.adapters.trainers.sharing import numbers_of
from parrot.core.errors import ConfigError
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE

Details = dict[str, list[float]]
ScoreFunction = Callable[..., tuple[Details, dict[str, Any]]]


def multi_score(
    device: Any, score_dict: Mapping[str | RewardModel, float], **settings: Any
) -> ScoreFunction:
    """`_fn(images, prompts, metadata, ref_images=None, only_strict=True) -> (details, {})`.

    score_dict: critics (specs or reward models) and their weights. details: by name a list with a
    number an image: `avg`, the weighted sum that the trainer optimises; each critic's total; and
    each dimension. No number is ever NaN; a stand-in is counted under `imputed` (1.0 or 0.0).
    images: float NCHW in [0, 1], uint8 NHWC, PIL or paths. ref_images: a source or several an image.
    settings: see `sharing.reward_model`. device is not used: the critic has its own.
    """
    del device
    if not score_dict:
        raise ConfigError("multi_score needs at least one critic")
    critics = {
        critic if isinstance(critic, str) else f"parrot{n}": (
            numbers_of(critic, **settings),
            weight,
        )
        for n, (critic, weight) in enumerate(score_dict.items())
    }

    def _fn(
        images: Any,
        prompts: Sequence[str],
        metadata: Any = None,
        ref_images: Any = None,
        only_strict: bool = True,  # noqa: FBT001, FBT002  the trainers' own form
    ) -> tuple[Details, dict[str, Any]]:
        del metadata, only_strict
        details: Details = {}
        avg = [0.0] * len(prompts)
        marks = [False] * len(prompts)
        for name, (numbers, weight) in critics.items():
            batch = numbers.batch(prompts, images, ref_images)
            totals = numbers.totals(batch)
            details[name] = list(totals.values)
            prefix = "" if len(critics) == 1 else f"{name}/"
            details |= dimension_columns(numbers, batch, prefix, edits=ref_images is not None)
            avg = [
                so_far + weight * value for so_far, value in zip(avg, totals.values, strict=True)
            ]
            marks = [one or other for one, other in zip(marks, totals.marks, strict=True)]
        return {**details, "imputed": [float(mark) for mark in marks], "avg": avg}, {}

    return _fn


def dimension_columns(
    numbers: Numbers, batch: Batch, prefix: str = "", *, edits: bool = False
) -> Details:
    """A list a dimension. Trainers gather each across ranks, so that every batch has them all."""
    rubric = numbers.model.how.rubric or (IMAGE_EDIT if edits else TEXT_TO_IMAGE)
    return {f"{prefix}{name}": list(numbers.values(batch, name).values) for name in rubric.keys}


def parrot_score(
    device: Any = None, *, critic: str | RewardModel, **settings: Any
) -> ScoreFunction:
    """One entry of their own `multi_score`: `_fn(images, prompts, metadata) -> (scores, {})`."""
    whole = multi_score(device, {critic: 1.0}, **settings)

    def _fn(
        images: Any, prompts: Sequence[str], metadata: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        return whole(images, prompts, metadata)[0]["avg"], {}

    return _fn
