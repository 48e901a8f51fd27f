"""Reward classes for ms-swift's GRPO: put them into its table in a plugin file.

    from swift.plugin import orms
    from parrot.adapters.trainers.ms_swift import CriticORM
    orms["parrot_critic"] = CriticORM

and run with `--external_plugins plugin.py --reward_funcs parrot_critic`. ms-swift sums rewards
without heed to what is missing, so an unscored drawing gets a stand-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parrot.adapters.trainers.sharing import numbers_of
from parrot.adapters.trainers.trl import critic_reward
from parrot.adapters.trainers.writing import RefinerReward, requests_of, text_of
from parrot.core.interfaces import Generator
from parrot.core.pipelines.reward_model import RewardModel


class CriticORM:
    """Rewards written comparisons and critiques; columns as for `trl.critic_reward`."""

    def __init__(self, args: Any = None, **settings: Any) -> None:
        del args
        self._reward = critic_reward(**settings)

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """One number in [0, 1] a completion."""
        return [value or 0.0 for value in self._reward(completions=completions, **columns)]


def refiner_orm(
    critic: RewardModel | str, generator: Generator, *, seed: int = 0, **settings: Any
) -> type[Any]:
    """A reward class over a critic and a generator, to be put into ms-swift's table."""
    numbers = numbers_of(critic, **settings)
    refiner = RefinerReward(numbers, generator, seed)

    class RefinerORM:
        """Draws written requests and scores the drawings."""

        def __init__(self, args: Any = None) -> None:
            del args

        def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
            """One number in [0, 1] a completion; stand-ins counted in `numbers.imputed`."""
            texts = [text_of(one) for one in completions]
            batch = refiner.batch(texts, requests_of(columns, len(texts)))
            return list(numbers.totals(batch).values)

    return RefinerORM
