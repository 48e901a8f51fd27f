"""Training of the miniature's generator: one tiny Flux that draws requests and carries out edits.

Half of all steps draw, half edit with the source's latents behind the image's, as Flux Kontext has
them. A tenth of the requests is empty, so that guidance has something to lead away from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from attrs import frozen
from diffusers import AutoencoderKL
from torch.nn.attention import SDPBackend, sdpa_kernel

from parrot.backends.miniature.briefs import Style
from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.chance import digest_of
from parrot.backends.miniature.training.captions import (
    Shown,
    changed_batch,
    drawn_batch,
    fresh_changed,
    fresh_drawn,
    pixels_for,
)
from parrot.backends.miniature.training.drawing import Hand, Sheet
from parrot.backends.miniature.training.flow import (
    noised,
    packed,
    positions,
    sigmas_of,
    velocity_loss,
)
from parrot.backends.miniature.training.grading import graded
from parrot.backends.miniature.training.loop import Line, Schedule
from parrot.backends.miniature.training.optimizers import optimizers_of, take_step
from parrot.backends.miniature.training.parts import (
    Sizes,
    build_clip,
    build_t5,
    build_transformer,
    compile_blocks,
)
from parrot.backends.miniature.training.pixels import to_tensor
from parrot.backends.miniature.training.prompt_tokens import LENGTH, clip_tokenizer, t5_tokenizer
from parrot.backends.miniature.training.state import Average, State
from parrot.backends.miniature.training.texts import pooled_ids

_ATTENTION: Final = SDPBackend.MATH
"""The CPU's fused attention spends a third of a step on its way back at lengths this short."""
_INNER: Final = 3.0
"""Muon's share of the rate; under a share of 1 the loss falls slower (0.95 for 0.76 at 13,600)."""
_PADDED: Final = 5  # one step in so many pads requests to their full length, as pipelines do
_POOL: Final = 4  # steps that share out requests by length among them: less padding to work on


@frozen(slots=True)
class GeneratorSettings:
    """What decides the run. total: samples the schedule spans; empty: share of empty requests.

    fresh: requests of each kind in a measurement; text: the encoders' rate as a share of the rate;
    compile: blocks compiled, nearly twice as fast after five minutes.
    """

    sizes: Sizes = Sizes()  # noqa: RUF009 - frozen
    batch: int = 64
    peak: float = 1.5e-3
    total: int = 1_000_000
    warm: int = 12_800
    empty: float = 0.1
    decay: float = 0.999
    text: float = 0.3
    seed: int = 0
    fresh: int = 64
    compile: bool = False


class GeneratorRun:
    """The transformer and its text encoders in training, for `loop.train`.

    texts: encoders that already know which words belong together (`texts.TextRun`).
    """

    def __init__(
        self,
        settings: GeneratorSettings,
        vae: AutoencoderKL,
        device: torch.device,
        texts: Mapping[str, torch.nn.Module] | None = None,
    ) -> None:
        self.settings, self._device = settings, device
        self.vae = vae.to(device).eval()
        self._parts = _parts(settings, texts, device)
        self._averages = {
            name: Average(part, decay=settings.decay) for name, part in self._parts.items()
        }
        self._optimizers = optimizers_of(
            [(part, _share(settings, name)) for name, part in self._parts.items()],
            inner=_INNER,
        )
        self._schedule = Schedule(settings.peak, settings.total, settings.warm)
        self._read_t5, self._read_clip = t5_tokenizer(), clip_tokenizer()
        self.state = State(models=self._parts, averages=self._averages, optimizers=self._optimizers)
        if settings.compile:
            compile_blocks(self._parts)

    @property
    def goal(self) -> int:
        return self.settings.total

    def advance(self) -> float:
        """One step, on drawings and edits in turn; returns the loss."""
        settings, step = self.settings, self.state.step
        with sdpa_kernel(_ATTENTION):
            loss = self._loss(self._batch(step), step)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(
            [p for part in self._parts.values() for p in part.parameters()], 1.0
        )
        take_step(self._optimizers, self._schedule.rate(self.state.samples))
        for name, average in self._averages.items():
            average.update(self._parts[name], step)
        self.state.step, self.state.samples = step + 1, self.state.samples + settings.batch
        return float(loss.detach())

    def _batch(self, step: int) -> Sequence[Shown]:
        batch = changed_batch if step % 2 else drawn_batch
        turn, part = divmod(step // 2, _POOL)
        size, seed = self.settings.batch, self.settings.seed
        many = sorted(batch(_POOL * size, seed=seed, step=turn), key=_words)
        return many[part * size : (part + 1) * size]

    def _loss(self, shown: Sequence[Shown], step: int) -> torch.Tensor:
        chance = torch.Generator().manual_seed(digest_of("flow", self.settings.seed, step) % 2**63)
        clean = self.latents(pixels_for([one.scene for one in shown]))
        sigmas = sigmas_of(len(shown), chance).to(self._device)
        noise = torch.randn(clean.shape, generator=chance).to(self._device)
        fed, velocity = noised(clean, noise, sigmas)
        sources = [one.source for one in shown if one.source]
        if sources:
            fed = torch.cat([fed, self.latents(pixels_for(sources))], dim=1)
        empty = torch.rand(len(shown), generator=chance) < self.settings.empty
        prompts = ["" if no else one.prompt for one, no in zip(shown, empty, strict=True)]
        with torch.autocast(self._device.type, torch.bfloat16):
            states, pooled = self._read(prompts, full=step // 2 % _PADDED == 0)
            said = self._parts["transformer"](
                hidden_states=fed,
                timestep=sigmas,
                pooled_projections=pooled,
                encoder_hidden_states=states,
                txt_ids=torch.zeros(states.shape[1], 3, device=self._device),
                img_ids=positions(edit=bool(sources)).to(self._device),
                return_dict=False,
            )[0]
        return velocity_loss(said, velocity)

    def _read(self, prompts: Sequence[str], *, full: bool) -> tuple[torch.Tensor, torch.Tensor]:
        ids = self._read_t5(
            list(prompts),
            padding="max_length" if full else "longest",
            max_length=LENGTH,
            truncation=True,
            return_tensors="pt",
        )["input_ids"]
        states = self._parts["t5"](ids.to(self._device))[0]
        pooled = self._parts["clip"](pooled_ids(self._read_clip, prompts).to(self._device))
        return states, pooled.pooler_output

    def latents(self, images: Pixels) -> torch.Tensor:
        """Images as the transformer's tokens."""
        with torch.no_grad():
            seen = self.vae.encode(to_tensor(images).to(self._device)).latent_dist.mean
        config = self.vae.config
        return packed((seen - config.shift_factor) * config.scaling_factor)

    def hand(self) -> Hand:
        """Pipelines with the averaged weights, on the CPU."""
        parts = _parts(self.settings, None, torch.device("cpu"))
        for name, average in self._averages.items():
            parts[name].load_state_dict({k: v.cpu() for k, v in average.state_dict().items()})
        return Hand(self.vae, parts["transformer"], parts["t5"], parts["clip"])

    def measure(self) -> Line:
        """How well requests of the test split are met, by style, and edits; read from the pixels."""
        hand, count = self.hand(), self.settings.fresh
        asked = {
            "detailed": fresh_drawn(count, Style.DETAILED),
            "terse": fresh_drawn(count, Style.TERSE),
            "edit": fresh_changed(count),
        }
        figures: dict[str, Any] = {}
        for name, shown in asked.items():
            sheets = [Sheet(one.prompt, k, one.source) for k, one in enumerate(shown)]
            figures |= {f"{name} {k}": v for k, v in graded(shown, hand.draw(sheets)).items()}
        return figures

    def ship(self, folder: str | Path) -> None:
        """The folder in bf16 that both Flux pipelines load."""
        self.hand().write(folder)


def _parts(
    settings: GeneratorSettings, texts: Mapping[str, torch.nn.Module] | None, device: torch.device
) -> dict[str, torch.nn.Module]:
    sizes, seed = settings.sizes, settings.seed
    parts: dict[str, torch.nn.Module] = {
        "transformer": build_transformer(sizes, seed=seed),
        "t5": build_t5(sizes, seed=seed),
        "clip": build_clip(sizes, seed=seed),
    }
    for name, part in (texts or {}).items():
        parts[name].load_state_dict(part.state_dict())
    return {name: part.to(device) for name, part in parts.items()}


def _words(shown: Shown) -> int:
    return len(shown.prompt.split())


def _share(settings: GeneratorSettings, name: str) -> float:
    return 1.0 if name == "transformer" else settings.text
