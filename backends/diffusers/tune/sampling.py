"""How a flow draws: the ODE of rectified flow, and the SDE of Flow-GRPO with its log-probabilities.

At noise level sigma in [0, 1] latents are (1 - sigma) of the image and sigma of the noise; a flow's
velocity leads from image to noise, and a drawing walks sigmas from 1 down to 0. Shapes: latents
(n, ...), sigmas numbers, one n-vector where each member has its own. Pure; computed in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import torch
from attrs import frozen

Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Latents (n, ...) and their sigmas (n,) to velocities (n, ...)."""

NOISE: Final = 0.7
"""Flow-GRPO's noise level a (arXiv 2505.05470; paper Table 11)."""


@frozen(slots=True)
class Step:
    """The normal distribution of the next latents: its mean, and one deviation for all of them."""

    mean: torch.Tensor
    deviation: float


def sde_step(
    velocity: torch.Tensor,
    latents: torch.Tensor,
    sigma: float,
    after: float,
    *,
    noise: float,
    first: float,
) -> Step:
    """One step from sigma to the lower `after`; with noise 0 it is the ODE's Euler step.

    With s^2 = a^2 sigma / (1 - sigma) and d = after - sigma < 0 (Flow-GRPO, arXiv 2505.05470 Eq. 9):
    mean = x (1 + s^2 d / (2 sigma)) + v (1 + s^2 (1 - sigma) / (2 sigma)) d, deviation = s sqrt(-d).
    The paper's s is infinite at sigma = 1, where every drawing begins; the official code puts the
    schedule's second sigma, here `first`, in the place of sigma inside 1 - sigma there, and so do we.
    """
    d = after - sigma
    variance = noise**2 * sigma / (1.0 - (first if sigma == 1.0 else sigma)) if noise else 0.0
    shrunk = 1.0 + variance * d / (2.0 * sigma)
    pushed = (1.0 + variance * (1.0 - sigma) / (2.0 * sigma)) * d
    return Step(shrunk * latents + pushed * velocity, math.sqrt(variance * -d))


def log_probability(latents: torch.Tensor, step: Step) -> torch.Tensor:
    """(n,): the mean over elements of the log density of latents under a step.

    The official code takes the mean where a density takes the sum: its ratio of probabilities is
    the geometric mean over elements, which is why its clip range is as narrow as 1e-4.
    """
    off = (latents - step.mean) / step.deviation
    each = -0.5 * off**2 - math.log(step.deviation) - 0.5 * math.log(2.0 * math.pi)
    return each.flatten(1).mean(1)


@frozen(slots=True)
class Trajectory:
    """A drawing's way. latents: one more than there are steps, noise first, image last.

    log_probabilities: (n,) of each step; None where the step had no noise.
    """

    sigmas: tuple[float, ...]
    noise: float
    latents: tuple[torch.Tensor, ...]
    log_probabilities: tuple[torch.Tensor | None, ...]

    @property
    def noisy_steps(self) -> tuple[int, ...]:
        """The steps that can be learned from: those with a log-probability."""
        return tuple(k for k, one in enumerate(self.log_probabilities) if one is not None)

    def step(self, velocity: torch.Tensor, k: int) -> Step:
        """The distribution after step k, were this its velocity."""
        s = self.sigmas
        return sde_step(velocity, self.latents[k], s[k], s[k + 1], noise=self.noise, first=s[1])


def draw(
    velocity: Velocity,
    noise: torch.Tensor,
    sigmas: Sequence[float],
    *,
    level: float = 0.0,
    generator: torch.Generator | None = None,
) -> Trajectory:
    """Draws from noise. level: 0 walks the ODE; above it the SDE, but for its last step.

    The last step is the ODE's, as in Flow-Factory: its noise would stay in the picture. generator:
    a CPU generator, so that a seed draws alike on every device.
    """
    latents, said = [noise], list[torch.Tensor | None]()
    for k, (sigma, after) in enumerate(pairwise(sigmas)):
        here = latents[-1]
        at = torch.full((len(here),), sigma, device=here.device)
        quiet = k == len(sigmas) - 2
        step = sde_step(
            velocity(here, at).float(),
            here,
            sigma,
            after,
            noise=0.0 if quiet else level,
            first=sigmas[1],
        )
        if step.deviation == 0.0:
            latents.append(step.mean)
            said.append(None)
            continue
        shaken = torch.randn(here.shape, generator=generator).to(here.device)
        latents.append(step.mean + step.deviation * shaken)
        said.append(log_probability(latents[-1], step))
    return Trajectory(tuple(sigmas), level, tuple(latents), tuple(said))
