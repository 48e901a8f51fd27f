"""How a generator is tuned: every number of it, with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen, validators

from parrot.backends.diffusers.tune.sampling import NOISE
from parrot.core.errors import ConfigError
from parrot.core.rewards.groups import GroupFilter

MEANWHILE: Final = ("steps", "every", "batch", "device", "checkpointing")
"""What may differ when a run goes on."""


class Method(StrEnum):
    """nft learns from the images alone, at any noise level; grpo from each step of an SDE."""

    NFT = "nft"
    GRPO = "grpo"


class Credit(StrEnum):
    """How rewards become advantages: a dimension at a time, by totals, or by places of totals."""

    GDPO = "gdpo"
    GRPO = "grpo"
    RANKED = "ranked"


_positive = validators.gt(0)


@frozen(slots=True)
class Recipe:
    """The defaults are the paper's (Table 11) where it states them, for a method that it used (NFT).

    steps: of the run; each draws `prompts` groups of `group` images and learns `updates` times, each
    time from another part of them. kl: weight of the distance to the frozen model; None is 1e-4 for
    nft and 4e-3 for grpo (the official 0.04, see `losses.step_kl`). levels: noise levels (nft) or
    steps (grpo) that an image is learned at; None is all but one (nft: the official 0.99 of 15) or all
    with noise (grpo). noisiest: nft learns at the highest levels, not at drawn ones. shared_noise: nft
    puts one noise on all members of a group that are drawn at once, so that what it does to the
    gradient cancels in part between better and worse ones; neither is the paper's. guidance: the
    embedded scale of a guidance-distilled model, else classifier-free guidance above 1, in drawing
    and learning alike. sampling: steps of a drawing, by Euler; the paper's 15 are of a second-order
    solver. size: side of a square of the drawing's area, in pixels.
    noise: of grpo's SDE. rank: of LoRA, alpha twice that (the published script: 32). ema: slope and
    most of the sampling policy's decay, min(slope * step, most). keeps: None keeps every group.
    batch: images at once. weights: of dimensions, for gdpo.
    """

    method: Method = field(default=Method.NFT, converter=Method)
    steps: int = field(default=300, validator=validators.ge(0))
    group: int = field(default=16, validator=validators.ge(2))
    prompts: int = field(default=16, validator=validators.ge(1))
    updates: int = field(default=1, validator=validators.ge(1))
    rate: float = field(default=2e-4, validator=validators.ge(0))
    kl: float | None = field(default=None, validator=validators.optional(validators.ge(0)))
    guidance: float = field(default=2.5, validator=validators.ge(0))
    sampling: int = field(default=15, validator=validators.ge(2))
    levels: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    size: int = field(default=512, validator=_positive)
    words: int = field(default=512, validator=_positive)
    noisiest: bool = False
    shared_noise: bool = False
    noise: float = field(default=NOISE, validator=validators.gt(0.0))
    clip: float = field(default=1e-4, validator=validators.gt(0.0))
    beta: float = field(default=1.0, validator=validators.gt(0.0))
    bound: float = field(default=5.0, validator=validators.gt(0.0))
    credit: Credit = field(default=Credit.GDPO, converter=Credit)
    weights: Mapping[str, float] | None = field(default=None, hash=False)
    keeps: GroupFilter | None = field(factory=GroupFilter)
    rank: int = field(default=64, validator=validators.ge(1))
    ema: tuple[float, float] = (0.001, 0.5)
    gradient: float = field(default=1.0, validator=validators.gt(0.0))
    batch: int = field(default=16, validator=validators.ge(1))
    every: int = field(default=20, validator=validators.ge(1))
    checkpointing: bool = False
    seed: int = 0
    device: str = "auto"

    def __attrs_post_init__(self) -> None:
        if self.weights is not None and self.credit is not Credit.GDPO:
            raise ConfigError("weights of dimensions belong to gdpo; an aggregate weighs totals")

    @property
    def kl_weight(self) -> float:
        """The weight of the distance to the frozen model that holds for the method."""
        if self.kl is not None:
            return self.kl
        return 1e-4 if self.method is Method.NFT else 4e-3

    def decay(self, step: int) -> float:
        """How much of the sampling policy stays after step n, from 0; grpo draws from the newest."""
        slope, most = self.ema
        return min(slope * step, most) if self.method is Method.NFT else 0.0
