"""A step's first half: groups of drawings by the sampling policy, as images that can be scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from attrs import frozen

from parrot.backends.diffusers.tune.flows import Condition, Flow
from parrot.backends.diffusers.tune.policy import Policy
from parrot.backends.diffusers.tune.recipe import Method, Recipe
from parrot.backends.diffusers.tune.sampling import Trajectory, draw
from parrot.backends.images import image_from_pixels
from parrot.core.rewards.values import Drawing, Outcome
from parrot.core.values import Request

Score = Callable[[Sequence[Drawing]], Sequence[Outcome]]
"""What scores drawings, such as a `RewardModel`."""


@frozen(slots=True, eq=False)
class Sheet:
    """Drawings of one request that were drawn together. ways: one a member."""

    request: Request
    condition: Condition
    way: Trajectory
    pictures: tuple[Any, ...]

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return tuple(Drawing(self.request, image_from_pixels(one)) for one in self.pictures)


def generator_of(seed: int, *what: object) -> torch.Generator:
    """A CPU generator that depends on all of this and on nothing else, so that a run can go on."""
    told = hashlib.sha256(repr((seed, *what)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(told[:8], "big") % 2**63)


def sheets_of(
    flow: Flow, policy: Policy, requests: Sequence[Request], recipe: Recipe, step: int
) -> list[Sheet]:
    """`recipe.group` drawings of each request, in sheets of at most `recipe.batch`, in order."""
    out: list[Sheet] = []
    with policy.sampling():
        for place, request in enumerate(requests):
            condition = flow.condition(request, recipe.sampling)
            source = generator_of(recipe.seed, "drawing", step, place)
            for start in range(0, recipe.group, recipe.batch):
                count = min(recipe.batch, recipe.group - start)
                out.append(sheet_of(flow, request, condition, count, recipe, source))
    return out


def sheet_of(
    flow: Flow,
    request: Request,
    condition: Condition,
    count: int,
    recipe: Recipe,
    generator: torch.Generator,
) -> Sheet:
    """`count` drawings by whatever policy the network is just now."""
    some = next(iter(condition.said.values()))
    noise = torch.randn((count, *condition.shape), generator=generator).to(some.device)
    way = draw(
        lambda latents, sigmas: flow.velocity(condition, latents, sigmas),
        noise,
        condition.sigmas,
        level=recipe.noise if recipe.method is Method.GRPO else 0.0,
        generator=generator,
    )
    pictures = flow.pictures(condition, way.latents[-1])
    return Sheet(request, condition, way, tuple(pictures))
