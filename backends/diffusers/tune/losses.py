"""What is minimised: Flow-GRPO's and DiffusionNFT's losses, and distances to the frozen model.

Pure functions of tensors. Shapes: latents and velocities (n, ...), everything else (n,); each gives
one value a member. No member without a reward comes here: an advantage of zero still moves NFT.
"""

from __future__ import annotations

from typing import Final

import torch
from attrs import frozen

from parrot.backends.diffusers.tune.sampling import Step

LEAST_WEIGHT: Final = 1e-5
"""The official code's floor of the adaptive weight."""


@frozen(slots=True)
class GrpoTerms:
    """loss: to minimise. ratio: of probabilities, new to old; 1 on-policy."""

    loss: torch.Tensor
    ratio: torch.Tensor


def grpo_terms(
    log_probability: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, *, clip: float
) -> GrpoTerms:
    """-min(A ratio, A clip(ratio, 1 - c, 1 + c)) (PPO; Flow-GRPO, arXiv 2505.05470 Eq. 5).

    The official configurations have c = 1e-4, since their log-probability is a mean (`sampling`).
    """
    ratio = torch.exp(log_probability - old)
    held = ratio.clamp(1.0 - clip, 1.0 + clip)
    return GrpoTerms(torch.maximum(-advantages * ratio, -advantages * held), ratio)


def step_kl(step: Step, frozen_step: Step) -> torch.Tensor:
    """KL of a step to the frozen model's, a mean over elements: |m - m'|^2 / (2 deviation^2).

    Exact for two normals of one deviation. The official code divides by 2 s^2, without the -d of
    the step's variance s^2 (-d): its KL weight of 0.04 at 10 even steps is 0.004 here.
    """
    gap = (step.mean - frozen_step.mean).flatten(1).pow(2).mean(1)
    return gap / (2.0 * step.deviation**2)


def velocity_gap(velocity: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The mean squared difference of two velocities: NFT's distance to the frozen model."""
    return (velocity - other).flatten(1).pow(2).mean(1)


def nft_loss(
    velocity: torch.Tensor,
    old: torch.Tensor,
    *,
    clean: torch.Tensor,
    noised: torch.Tensor,
    sigmas: torch.Tensor,
    optimality: torch.Tensor,
    beta: float,
    bound: float,
    adaptive: bool = True,
) -> torch.Tensor:
    """r |x+ - x0|^2 / w+ + (1 - r) |x- - x0|^2 / w-, times bound / beta (DiffusionNFT, 2509.16117).

    v+- = old +- beta (v - old) and x+- = noised - sigma v+-: the policy that the rewards favour, and
    its mirror image, which must fit the images that they do not. r in [0, 1]: `optimality` of the
    advantages. bound: what they were clipped to. old: of the sampling policy, without gradient.

    The paper (Alg. 1) has |v+- - v|^2, which is |x+- - x0|^2 / sigma^2, without weights or factor.
    Its code, Edit-R1 and Flow-Factory take the images, divide by w = mean |x+- - x0| (held fixed, at
    least 1e-5), by beta, and multiply by the bound; `adaptive=False` has w = sigma^2, the paper's
    form but for that factor. In the paper's Alg. 1 the bound is Z_c itself; in its code Z_c is
    bound times the deviation, which here is in the advantage.
    """
    away = velocity - old  # written so that on-policy both halves cancel to the last bit
    sides = [old + beta * away, old - beta * away]
    at = sigmas.reshape(-1, *[1] * (clean.ndim - 1))
    good, bad = [_fit(noised - at * side, clean, at, adaptive=adaptive) for side in sides]
    return (optimality * good + (1.0 - optimality) * bad) * (bound / beta)


def _fit(
    said: torch.Tensor, clean: torch.Tensor, at: torch.Tensor, *, adaptive: bool
) -> torch.Tensor:
    off = said - clean
    if adaptive:
        around = off.detach().abs().flatten(1).mean(1).clamp(min=LEAST_WEIGHT)
        weight = around.reshape(at.shape)
    else:
        weight = at**2
    return (off**2 / weight).flatten(1).mean(1)
