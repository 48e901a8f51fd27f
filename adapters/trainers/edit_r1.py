"""Rewards for Edit-R1 (UniWorld-V2) and the RationalRewards training scripts that grew out of it.

    import flow_grpo.rewards
    from parrot.adapters.trainers.flow_grpo import multi_score
    flow_grpo.rewards.multi_score = multi_score

does for a whole run. This module has the two other forms: one `mllm_` entry of Edit-R1's own
`multi_score`, which gets source images first, and RationalRewards' `direct_reward_fn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define

from parrot.adapters.trainers.batches import Numbers
from parrot.adapters.trainers.sharing import numbers_of
from parrot.core.pipelines.reward_model import RewardModel


def mllm_parrot(critic: RewardModel | str, **settings: Any) -> Callable[..., Any]:
    """A factory `name(device)` of `_fn(ref_images, images, prompts, metadatas) -> (scores, {})`."""
    numbers = numbers_of(critic, **settings)

    def factory(device: Any = None) -> Callable[..., tuple[list[float], dict[str, Any]]]:
        del device

        def _fn(
            ref_images: Any, images: Any, prompts: Sequence[str], metadatas: Any = None
        ) -> tuple[list[float], dict[str, Any]]:
            batch = numbers.batch(_asked(prompts, metadatas), images, ref_images)
            return list(numbers.totals(batch).values), {}

        return _fn

    return factory


def _asked(prompts: Sequence[str], metadatas: Any) -> list[str]:
    # Edit-R1 tells its judge a requirement beside the instruction, where the data has one.
    if not isinstance(metadatas, Sequence) or len(metadatas) != len(prompts):
        return list(prompts)
    wanted = [m.get("requirement") if isinstance(m, Mapping) else None for m in metadatas]
    return [f"{p}\n{w}" if w else p for p, w in zip(prompts, wanted, strict=True)]


@define(slots=True, eq=False)
class DirectReward:
    """RationalRewards' `direct_reward_fn(images, prompts, prompt_metadata, ref_images, ...)`.

    Unlike theirs, image faithfulness counts (paper Eq. 13), and a failure is never 0.0.
    """

    numbers: Numbers

    def __call__(
        self,
        images: Any,
        prompts: Sequence[str],
        prompt_metadata: Any = None,
        ref_images: Any = None,
        only_strict: bool = True,  # noqa: FBT001, FBT002  their form
        batch_size: int = 32,
    ) -> tuple[dict[str, list[float]], list[None]]:
        """({"avg": totals}, [None, ...]): the second is where theirs keeps nothing either."""
        del prompt_metadata, only_strict, batch_size
        batch = self.numbers.batch(prompts, images, ref_images)
        return {"avg": list(self.numbers.totals(batch).values)}, [None] * len(prompts)


def direct_reward(critic: RewardModel | str, **settings: Any) -> DirectReward:
    """A `direct_reward_fn` over a critic. settings: see `sharing.reward_model`."""
    return DirectReward(numbers_of(critic, **settings))
