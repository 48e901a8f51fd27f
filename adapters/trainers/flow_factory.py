"""Reward models for Flow-Factory, named by dotted path in its configuration:

    rewards:
      - name: text
        reward_model: parrot.adapters.trainers.flow_factory.PointwiseReward
        critic: openai:critic@http://localhost:8000/v1
        dimension: text_faithfulness      # none: the total
        batch_size: 64

One entry a dimension shares one critique. `GroupwiseReward` gets whole groups; with `form: pairwise`
it gives win rates inside each. The classes are made when asked for, since their bases are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from parrot.adapters.trainers.batches import Numbers
from parrot.adapters.trainers.sharing import numbers_of
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.rewards.imputing import TOTAL

SETTINGS: Final = (
    "rubric", "aggregate", "reply_format", "layout", "samples", "form", "rivals", "both_orders",
    "max_concurrency", "cached", "encoding",
)  # fmt: skip

if TYPE_CHECKING:
    PointwiseReward: type[Any]
    GroupwiseReward: type[Any]


@frozen(slots=True)
class Scorer:
    """What both classes do, in plain Python. dimension: `total` for the total."""

    numbers: Numbers
    dimension: str = TOTAL

    def __call__(
        self, prompts: Sequence[str], images: Any, sources: Any
    ) -> tuple[list[float], dict[str, Any]]:
        """The numbers, in order, and which of them are stand-ins."""
        batch = self.numbers.batch(prompts, images, sources)
        if self.dimension == TOTAL:
            found = self.numbers.totals(batch)
        else:
            found = self.numbers.values(batch, self.dimension)
        return list(found.values), {"imputed": list(found.marks)}


def scorer_of(extra: Mapping[str, Any]) -> Scorer:
    """A scorer from the extra keys of a reward's configuration. Raises ConfigError."""
    given = dict(extra)
    critic = given.pop("critic", None)
    if not isinstance(critic, str):
        raise ConfigError("a reward of PARROT needs `critic: kind:target` in its configuration")
    dimension = str(given.pop("dimension", TOTAL))
    for name in given:
        if name not in SETTINGS:
            raise UnknownNameError("setting", name, ("critic", "dimension", *SETTINGS))
    return Scorer(numbers_of(critic, **given), dimension)


def __getattr__(name: str) -> Any:
    if name not in {"PointwiseReward", "GroupwiseReward"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = _made("Pointwise" if name == "PointwiseReward" else "Groupwise")
    globals()[name] = made
    return made


def _made(kind: str) -> type[Any]:
    try:
        abc = import_module("flow_factory.rewards.abc")
    except ModuleNotFoundError as error:
        raise ConfigError("Flow-Factory is not installed here: its trainer makes these") from error
    base: Any = getattr(abc, f"{kind}RewardModel")

    class Model(base):  # type: ignore[misc]
        """Scores through PARROT's reward model; image and source pixels come as PIL."""

        required_fields = ("prompt", "image")
        use_tensor_inputs = False

        def __init__(self, config: Any, accelerator: Any) -> None:
            super().__init__(config, accelerator)
            self.scorer = scorer_of(config.extra_kwargs)

        def __call__(
            self,
            prompt: list[str],
            image: Any = None,
            condition_images: Any = None,
        ) -> Any:
            """Rewards in the order of the samples; `imputed` in extra_info marks stand-ins."""
            rewards, extra = self.scorer(prompt, image, condition_images)
            return abc.RewardModelOutput(rewards=rewards, extra_info=extra)

    Model.__name__ = Model.__qualname__ = f"{kind}Reward"
    Model.__module__ = __name__
    return Model
