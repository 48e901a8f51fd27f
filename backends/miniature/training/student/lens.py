"""What comes between a drawing and the student: nothing, a smear, or a passage through the VAE.

Generated images are never as clean as drawn ones. A smear stands in for the VAE until it is there.
Every change is smaller than the slightest defect and decided by the words of its chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.defects import grain
from parrot.backends.miniature.world import SIDE

SMEARED: Final = 0.25
"""Share of pictures that are smeared."""
DECODED: Final = 0.1
"""Share of pictures that pass through the VAE, once there is one."""
SHIPPED: Final = Path(__file__).parents[2] / "weights" / "vae"
"""The autoencoder that this package brings."""
_GRAINS: Final = 16
_COARSE: Final = 8  # pixels across which a colour drifts


@cache
def _softener() -> NDArray[np.float32]:
    step = np.eye(SIDE) * 0.5 + np.eye(SIDE, k=1) * 0.25 + np.eye(SIDE, k=-1) * 0.25
    step[0, 0] = step[-1, -1] = 0.75
    return step.astype(np.float32)


def smeared(picture: Pixels, chance: Chance) -> Pixels:
    """The picture a little softer, grainier and off in colour."""
    plain = picture.astype(np.float32)
    planes = _softener() @ plain.transpose(2, 0, 1) @ _softener().T
    soft = planes.transpose(1, 2, 0)
    share = 0.7 * chance.below(1000) / 1000
    noise = grain(chance.below(_GRAINS)).astype(np.float32) * (6 * chance.below(100) / 100 / 128)
    block = SIDE // _COARSE
    drift = [chance.gauss(2.0) for _ in range(block * block * 3)]
    tiles = np.array(drift, dtype=np.float32).reshape(block, block, 3)
    wide = tiles.repeat(_COARSE, axis=0).repeat(_COARSE, axis=1)
    mixed = plain + share * (soft - plain) + np.roll(noise, chance.below(SIDE), axis=0) + wide
    out: Pixels = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return out


class Lens:
    """Looks at pictures through a VAE's folder, or through smears alone where there is none."""

    def __init__(self, vae: str | Path | None = None, device: str = "cpu") -> None:
        self._vae = _opened(vae, device) if vae else None
        self._device = device

    def through(self, pictures: Sequence[Pixels], *words: object) -> list[Pixels]:
        """The pictures as they are seen; the words decide which of them change, and how."""
        out, chosen = list(pictures), list[int]()
        for index, picture in enumerate(pictures):
            chance = Chance("lens", *words, index)
            if self._vae is not None and chance.hit(DECODED):
                chosen.append(index)
            elif chance.hit(SMEARED):
                out[index] = smeared(picture, chance)
        for index, seen in zip(chosen, self._decoded([out[i] for i in chosen]), strict=True):
            out[index] = seen
        return out

    def _decoded(self, pictures: list[Pixels]) -> list[Pixels]:
        if not pictures or self._vae is None:
            return []
        with torch.inference_mode():
            stacked = torch.from_numpy(np.stack(pictures)).to(self._device)
            values = stacked.permute(0, 3, 1, 2).float() / 127.5 - 1.0
            seen = self._vae.decode(self._vae.encode(values).latent_dist.mode()).sample
            whole = ((seen.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
        return list(whole.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def _opened(folder: str | Path, device: str) -> Any:
    # diffusers takes seconds to import, and a student can be trained without an autoencoder.
    from parrot.backends.miniature.training.autoencoder import read_autoencoder

    return read_autoencoder(folder).to(device)
