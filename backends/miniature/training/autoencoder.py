"""Training of the generator's autoencoder: a diffusers `AutoencoderKL`, 32 px to 8x8x8 latents.

What caps a generator is how exactly scenes come back from the latents, so that is what is measured:
the share of fresh scenes that the exact reader reads back from the decoded image as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from attrs import frozen
from diffusers import AutoencoderKL

from parrot.backends.miniature.chance import digest_of
from parrot.backends.miniature.draw import pixels_of
from parrot.backends.miniature.reader import Seen, read
from parrot.backends.miniature.training.loop import Line, Schedule
from parrot.backends.miniature.training.optimizers import take_step
from parrot.backends.miniature.training.pixels import to_pixels, to_tensor
from parrot.backends.miniature.training.scenes import fresh_scenes, image_batch
from parrot.backends.miniature.training.state import Average, State
from parrot.backends.miniature.world import SIDE, Drawing, Scene

LATENTS: Final = 8
"""Channels of the latents."""
SHRINK: Final = 4
"""Pixels of a scene along a side, for one of the latents."""


@frozen(slots=True)
class AutoencoderSettings:
    """What decides a run. blocks: widths at 32, 16 and 8 px; total: samples the schedule spans.

    kl, edge: weights beside L1 of 1. squared: weight of the squared error. jitter: deviation of
    noise on the latents, as a share of theirs, so that latents which are a little off decode well.
    """

    blocks: tuple[int, ...] = (16, 32, 64)
    layers: int = 1
    batch: int = 32
    peak: float = 2e-3
    total: int = 120_000
    warm: int = 6_400
    kl: float = 1e-4
    edge: float = 1.0
    squared: float = 4.0
    jitter: float = 0.05
    decay: float = 0.999
    seed: int = 0
    fresh: int = 500


def build_autoencoder(settings: AutoencoderSettings) -> AutoencoderKL:
    """An untrained autoencoder, its weights decided by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(digest_of("autoencoder", settings.seed) % 2**63)
        return AutoencoderKL(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownEncoderBlock2D",) * len(settings.blocks),
            up_block_types=("UpDecoderBlock2D",) * len(settings.blocks),
            block_out_channels=settings.blocks,
            layers_per_block=settings.layers,
            latent_channels=LATENTS,
            norm_num_groups=min(8, settings.blocks[0]),
            sample_size=SIDE,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )


def _slopes(gap: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference between neighbouring errors: what blurs an edge."""
    down, across = gap.diff(dim=2), gap.diff(dim=3)
    return down.abs().mean() + across.abs().mean()


class AutoencoderRun:
    """An autoencoder in training, for `loop.train`."""

    def __init__(self, settings: AutoencoderSettings, device: torch.device) -> None:
        self.settings, self._device = settings, device
        self.model = build_autoencoder(settings).to(device, memory_format=torch.channels_last)
        self._average = Average(self.model, decay=settings.decay)
        self._adam = torch.optim.AdamW(
            self.model.parameters(), lr=settings.peak, betas=(0.9, 0.95), weight_decay=0.0
        )
        self._schedule = Schedule(settings.peak, settings.total, settings.warm)
        self.state = State(
            models={"autoencoder": self.model},
            averages={"autoencoder": self._average},
            optimizers={"adamw": self._adam},
        )

    @property
    def goal(self) -> int:
        return self.settings.total

    def advance(self) -> float:
        """One step; returns the loss."""
        step, size = self.state.step, self.settings.batch
        images = to_tensor(image_batch(size, seed=self.settings.seed, step=step)).to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=_half(self._device)):
            loss = self._loss(images.contiguous(memory_format=torch.channels_last), step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        take_step(self.state.optimizers, self._schedule.rate(self.state.samples))
        self._average.update(self.model, step)
        self.state.step, self.state.samples = step + 1, self.state.samples + size
        return float(loss.detach())

    def _loss(self, images: torch.Tensor, step: int) -> torch.Tensor:
        settings = self.settings
        seen = self.model.encode(images).latent_dist
        noise = torch.Generator().manual_seed(digest_of("latents", settings.seed, step) % 2**63)
        drawn = torch.randn(seen.mean.shape, generator=noise).to(self._device)
        more = torch.randn(seen.mean.shape, generator=noise).to(self._device)
        spread = settings.jitter * seen.mean.detach().float().std()
        latents = seen.mean + seen.std * drawn + spread * more
        gap = (self.model.decode(latents).sample - images).float()
        loss: torch.Tensor = (
            gap.abs().mean()
            + settings.squared * gap.square().mean()
            + settings.edge * _slopes(gap)
            + settings.kl * seen.kl().mean() / seen.mean[0].numel()
        )
        return loss

    def averaged(self) -> AutoencoderKL:
        """A copy with the averaged weights, on the CPU."""
        model = build_autoencoder(self.settings)
        model.load_state_dict({k: v.cpu() for k, v in self._average.state_dict().items()})
        return model.eval()

    def measure(self) -> Line:
        """The read-back on fresh scenes, and how near the pixels come."""
        return read_back(self.averaged(), fresh_scenes(self.settings.fresh))


def _half(device: torch.device) -> bool:
    """Whether to compute in half precision: it pays on CUDA alone."""
    return device.type == "cuda"


def decoded(model: AutoencoderKL, scenes: Sequence[Scene], *, batch: int = 100) -> Any:
    """The scenes' images after a way through the latents; as many, 32, 32, 3."""
    images = np.stack([pixels_of(scene) for scene in scenes])
    with torch.no_grad():
        out = [
            to_pixels(model.decode(model.encode(part).latent_dist.mean).sample)
            for part in to_tensor(images).split(batch)
        ]
    return np.concatenate(out)


def read_back(model: AutoencoderKL, scenes: Sequence[Scene]) -> Line:
    """Shares of scenes read back: scene (its items and background), exact (and no defect seen)."""
    images = decoded(model, scenes)
    gap = images.astype(np.float64) - np.stack([pixels_of(scene) for scene in scenes])
    readings = [read(image) for image in images]
    seen = [reading.drawing if isinstance(reading, Seen) else None for reading in readings]
    right = [d is not None and d.scene == scene for d, scene in zip(seen, scenes, strict=True)]
    sound = [d == Drawing(scene) for d, scene in zip(seen, scenes, strict=True)]
    return {
        "scene": round(float(np.mean(right)), 4),
        "exact": round(float(np.mean(sound)), 4),
        "abstained": round(float(np.mean([d is None for d in seen])), 4),
        "psnr": round(float(10 * np.log10(255**2 / np.mean(gap**2))), 2),
    }


def finished(model: AutoencoderKL, *, seed: int = 0, count: int = 2000) -> AutoencoderKL:
    """The model with latents of about unit deviation in every channel, and its two factors set.

    Each channel's scale is folded into the convolutions around the latents, which changes no image;
    `scaling_factor` and `shift_factor` take what is left over all channels.
    """
    with torch.no_grad():
        spread = _latents(model, count, seed).std(dim=(0, 2, 3))
        means, logvars = model.encoder.conv_out, 2 * spread.log()
        means.weight[:LATENTS] /= spread[:, None, None, None]
        means.bias[:LATENTS] /= spread
        means.bias[LATENTS:] -= logvars
        model.decoder.conv_in.weight *= spread[None, :, None, None]
        latents = _latents(model, count, seed)
    model.register_to_config(
        scaling_factor=float(1 / latents.std()), shift_factor=float(latents.mean())
    )
    return model


def _latents(model: AutoencoderKL, count: int, seed: int) -> torch.Tensor:
    images = np.stack([pixels_of(scene) for scene in fresh_scenes(count, seed=seed + 1)])
    with torch.no_grad():
        means = [model.encode(part).latent_dist.mean for part in to_tensor(images).split(100)]
    return torch.cat(means)


def read_autoencoder(folder: str | Path) -> AutoencoderKL:
    """An autoencoder from its folder, in full precision."""
    return AutoencoderKL.from_pretrained(
        str(folder), local_files_only=True, torch_dtype=torch.float32
    ).eval()


def write_autoencoder(model: AutoencoderKL, folder: str | Path) -> None:
    """The diffusers folder that `AutoencoderKL.from_pretrained` loads."""
    model.save_pretrained(folder, safe_serialization=True)
