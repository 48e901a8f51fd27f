"""The same network, trained faster: images of one size looked at together, layers compiled.

Outputs are the same up to rounding. transformers 5.24 calls the vision tower's attention once for
each image, which is a third of a training step at this size.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn
from transformers import AttentionInterface

SAME_SIZE: Final = "flash_same_size"
"""The attention's name; one with "flash" in it is handed all images in one call."""


def look_together(model: Any) -> None:
    """Makes the vision tower attend within all images at once. They must be of one size."""
    AttentionInterface.register(SAME_SIZE, _same_size)
    # The public setter refuses names of kernels that are not installed.
    model.model.visual.config._attn_implementation = SAME_SIZE


def _same_size(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    cu_seq_lens_q: torch.Tensor,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Query, key and value are (1, heads, patches of all images, width of a head)."""
    del module, attention_mask
    count, heads = len(cu_seq_lens_q) - 1, query.shape[1]
    q, k, v = (
        one[0].reshape(heads, count, -1, one.shape[-1]).transpose(0, 1)
        for one in (query, key, value)
    )
    weights = torch.softmax(q @ k.transpose(-1, -2) * scaling, dim=-1, dtype=torch.float32)
    seen = weights.to(v.dtype) @ v  # images, heads, patches, width
    return seen.transpose(1, 2).reshape(1, -1, heads, v.shape[-1]), None


def compile_layers(model: Any) -> None:
    """Compiles the layers of language model and tower for any length. Needs a C++ compiler."""
    for layer in (*model.model.language_model.layers, *model.model.visual.blocks):
        layer.forward = torch.compile(layer.forward, dynamic=True)
