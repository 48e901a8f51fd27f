"""A policy looked at: what it draws from the same noise each time, and how far it has gone.

Nothing here learns, and nothing depends on the step: two policies measured alike differ by their
weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from attrs import evolve

from parrot.backends.diffusers.tune.drawing import Sheet, generator_of, sheet_of
from parrot.backends.diffusers.tune.losses import step_kl
from parrot.backends.diffusers.tune.recipe import Method
from parrot.backends.diffusers.tune.running import Tuning
from parrot.core.rewards.values import Drawing
from parrot.core.values import Request

SEED: Final = 77
"""Of the noise that is drawn from; a run's own seed has no part in it."""


def drawn(tuning: Tuning, requests: Sequence[Request], count: int) -> list[Drawing]:
    """`count` drawings of each request by the policy in training, by the ODE, request by request."""
    with torch.no_grad():
        sheets = [_sheet(tuning, one, k, count, Method.NFT) for k, one in enumerate(requests)]
    return [one for sheet in sheets for one in sheet.drawings]


def path_kl(tuning: Tuning, requests: Sequence[Request], count: int) -> float:
    """KL of the policy in training to the frozen model, in nats a drawing: an estimate.

    Of the SDE's paths at the recipe's noise (Flow-GRPO, arXiv 2505.05470), which have the ODE's
    marginals for small steps: along `count` paths a request that the policy draws, each noisy step's
    KL is exact, for two normals of one deviation, and summed over steps and elements. The last step
    has no noise and is left out. Always the same noise, so the estimate rises smoothly.
    """
    with torch.no_grad():
        sheets = [_sheet(tuning, one, k, count, Method.GRPO) for k, one in enumerate(requests)]
        found = [_way_kl(tuning, sheet) for sheet in sheets]
    return float(torch.cat(found).mean())


def _sheet(tuning: Tuning, request: Request, place: int, count: int, method: Method) -> Sheet:
    recipe = evolve(tuning.recipe, method=method)
    condition = tuning.flow.condition(request, recipe.sampling)
    source = generator_of(SEED, "measuring", place)
    return sheet_of(tuning.flow, request, condition, count, recipe, source)


def _way_kl(tuning: Tuning, sheet: Sheet) -> torch.Tensor:
    """(n,): nats of each member's path."""
    way, flow, found = sheet.way, tuning.flow, torch.zeros(len(sheet.pictures))
    for k in way.noisy_steps:
        here = way.latents[k]
        at = torch.full((len(here),), way.sigmas[k], device=here.device)
        with tuning.policy.frozen():
            reference = way.step(flow.velocity(sheet.condition, here, at), k)
        now = way.step(flow.velocity(sheet.condition, here, at), k)
        found += (step_kl(now, reference) * here[0].numel()).cpu()
    return found
