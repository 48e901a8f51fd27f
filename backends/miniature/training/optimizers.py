"""The optimizers of a training: Muon for the matrices inside a network, AdamW for all else.

Muon makes every direction of a matrix move alike, so that what is seldom asked for (which place
holds the thing named) is learned in far fewer steps than under AdamW alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch
from torch import nn

Optimizers = Mapping[str, torch.optim.Optimizer]
_AT_THE_RIM: Final = re.compile(r"embed|lm_head|proj_out|shared|relative|^(?!.*\.)")
"""Names of matrices that turn things into vectors and back; they stay with AdamW."""
_BETAS: Final = (0.9, 0.98)


def optimizers_of(
    parts: Iterable[tuple[nn.Module, float]], *, inner: float = 1.0, decay: float = 0.01
) -> Optimizers:
    """Both optimizers over networks and each one's share of the rate, which `take_step` is given.

    inner: Muon's rate as a share of AdamW's; its update is scaled to the size that AdamW's has
    (`match_rms_adamw`, arXiv 2502.16982). decay: of matrices.
    """
    within: list[dict[str, Any]] = []
    rim: list[dict[str, Any]] = []
    for part, share in parts:
        named = list(part.named_parameters())
        matrices = [p for name, p in named if _inner(name, p)]
        if matrices:
            within.append({"params": matrices, "share": share * inner})
        for fade, some in (
            (decay, [p for name, p in named if p.ndim >= 2 and not _inner(name, p)]),
            (0.0, [p for _, p in named if p.ndim < 2]),
        ):
            if some:
                rim.append({"params": some, "share": share, "weight_decay": fade})
    made: dict[str, torch.optim.Optimizer] = {"adamw": torch.optim.AdamW(rim, betas=_BETAS)}
    if within:
        made["muon"] = torch.optim.Muon(within, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return made


def take_step(optimizers: Optimizers, rate: float) -> None:
    """One step of all of them at the rate, and their gradients cleared."""
    for one in optimizers.values():
        for group in one.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        one.step()
        one.zero_grad(set_to_none=True)


def _inner(name: str, weight: torch.Tensor) -> bool:
    return weight.ndim == 2 and not _AT_THE_RIM.search(name)
