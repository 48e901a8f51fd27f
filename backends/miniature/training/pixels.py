"""Between this world's pixels and the tensors of diffusers: [-1, 1], channels first."""

from __future__ import annotations

import numpy as np
import torch

from parrot.backends.miniature.cells import Pixels


def to_tensor(images: Pixels) -> torch.Tensor:
    """Images (n, 32, 32, 3; 0 to 255) as n, 3, 32, 32 in [-1, 1]."""
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return torch.from_numpy(channels_first).float() / 127.5 - 1.0


def to_pixels(tensor: torch.Tensor) -> Pixels:
    """The inverse of `to_tensor`, rounded and clipped."""
    levels = ((tensor.detach().float().cpu() + 1.0) * 127.5).round().clamp(0, 255)
    out: Pixels = levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return out
