"""Between latents and what a Flux transformer is fed: packing, positions, noise, velocity.

A rectified flow: at sigma s the latents are (1 - s) of the image and s of the noise, and what is
learnt is the way from image to noise.
"""

from __future__ import annotations

from typing import Final

import torch
from torch.nn.functional import mse_loss

from parrot.backends.miniature.training.autoencoder import LATENTS
from parrot.backends.miniature.training.parts import ALONG, PATCH

TOKENS: Final = ALONG * ALONG
"""Tokens of one image."""


def packed(latents: torch.Tensor) -> torch.Tensor:
    """Latents (n, 8, 8, 8) as the transformer's tokens (n, 16, 32), as `FluxPipeline` packs them."""
    count = len(latents)
    cut = latents.reshape(count, LATENTS, ALONG, PATCH, ALONG, PATCH)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(count, TOKENS, LATENTS * PATCH * PATCH)


def positions(*, edit: bool) -> torch.Tensor:
    """Where each token is: (tokens, 3) of image number, row and column. The source is image 1."""
    rows, columns = torch.meshgrid(torch.arange(ALONG), torch.arange(ALONG), indexing="ij")
    one = torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).reshape(TOKENS, 3).float()
    if not edit:
        return one
    other = one.clone()
    other[:, 0] = 1.0
    return torch.cat([one, other])


def sigmas_of(count: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels to learn at: half of them spread evenly, half in the middle."""
    flat = torch.rand(count, generator=generator)
    middle = torch.sigmoid(torch.randn(count, generator=generator))
    return torch.where(torch.arange(count) % 2 == 0, flat, middle)


def noised(
    clean: torch.Tensor, noise: torch.Tensor, sigmas: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens at these noise levels, and the velocity to learn there."""
    share = sigmas[:, None, None]
    return (1 - share) * clean + share * noise, noise - clean


def velocity_loss(said: torch.Tensor, velocity: torch.Tensor) -> torch.Tensor:
    """Mean squared error over the tokens of the image to be drawn; a source's count for nothing."""
    return mse_loss(said[:, :TOKENS].float(), velocity)
