"""Rewards for Pref-GRPO (and its fork of DanceGRPO), and for DanceGRPO's inlined call.

Pref-GRPO asks a dispatcher for tensors by reward name; its win rates are of one GPU's batch (its
issue 18), ours of each request and its sources within what is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from parrot.adapters.trainers.batches import Batch, Numbers
from parrot.adapters.trainers.sharing import numbers_of
from parrot.core.errors import ConfigError
from parrot.core.pipelines.reward_model import RewardModel

Item = Mapping[str, Any]


def _tensor(values: Sequence[float], device: Any) -> Any:
    import torch

    return torch.tensor(values, dtype=torch.float32, device=device)


@define(slots=True, eq=False)
class RewardDispatcher:
    """Stands where Pref-GRPO makes its own: `compute_rewards({name: items})`.

    An item has `path` (or `edited_path`) and `prompt` (or `instruction`), and for an edit
    `source_path`, one or several. critics: a reward model or spec by reward name.
    """

    critics: Mapping[str, RewardModel | str]
    device: Any = None
    settings: Mapping[str, Any] = field(factory=dict)
    _numbers: dict[str, Numbers] = field(factory=dict, init=False)

    def compute_rewards(
        self, reward_inputs: Mapping[str, Sequence[Item]]
    ) -> tuple[dict[str, Any], dict[str, list[float]]]:
        """A tensor (N,) by reward name, and a list by name and dimension for the logs.

        Raises ConfigError for a name without a critic, and for no items at all.
        """
        if not any(reward_inputs.values()):
            raise ConfigError("no reward inputs were given")
        tensors: dict[str, Any] = {}
        logged: dict[str, list[float]] = {}
        for name, items in reward_inputs.items():
            numbers = self._of(name)
            batch = _batch(numbers, items)
            tensors[name] = _tensor(numbers.totals(batch).values, self.device)
            for key in batch.dimensions:
                logged[f"{name}/{key}"] = list(numbers.values(batch, key).values)
        return tensors, logged

    def _of(self, name: str) -> Numbers:
        if name not in self.critics:
            raise ConfigError(f"no critic for the reward {name!r}: {', '.join(self.critics)}")
        if name not in self._numbers:
            self._numbers[name] = numbers_of(self.critics[name], **self.settings)
        return self._numbers[name]


def _batch(numbers: Numbers, items: Sequence[Item]) -> Batch:
    prompts = [str(item.get("prompt") or item.get("instruction") or "") for item in items]
    images = [item.get("edited_path") or item["path"] for item in items]
    sources = [item.get("source_path") for item in items]
    return numbers.batch(prompts, images, sources if any(sources) else None)


@define(slots=True, eq=False)
class DanceReward:
    """DanceGRPO's inlined `reward_model(image, text)`: one image, a tensor (1,) to be concatenated.

    Its loop scores images one at a time; only the running mean can stand in for a failure. Pass a
    list of images and one of texts to score them together.
    """

    numbers: Numbers
    device: Any = None

    def __call__(self, image: Any, text: Any) -> Any:
        texts = [text] if isinstance(text, str) else list(text)
        images = image if isinstance(image, list | tuple) else [image]
        if len(texts) == 1:
            texts *= len(images)
        totals = self.numbers.totals(self.numbers.batch(texts, images))
        return _tensor(totals.values, self.device)


def dance_reward(critic: RewardModel | str, device: Any = None, **settings: Any) -> DanceReward:
    """DanceGRPO's reward over a critic. settings: see `sharing.reward_model`."""
    return DanceReward(numbers_of(critic, **settings), device)
