"""Drawing with the generator in training, through the pipelines that its users will load it with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from attrs import frozen
from diffusers import FluxKontextPipeline
from PIL import Image

from parrot.backends.miniature.cells import Pixels
from parrot.backends.miniature.draw import pixels_of
from parrot.backends.miniature.training.parts import pipeline_of, write_pipeline
from parrot.backends.miniature.training.prompt_tokens import LENGTH
from parrot.backends.miniature.world import SIDE, Scene

STEPS: Final = 20
GUIDANCE: Final = 3.0
_BATCH: Final = 32


@frozen(slots=True)
class Sheet:
    """One drawing to be made. source: what is edited."""

    prompt: str
    seed: int
    source: Scene | None = None


class Hand:
    """Flux and Flux Kontext over the same weights."""

    def __init__(self, vae: Any, transformer: Any, t5: Any, clip: Any) -> None:
        self._flux = pipeline_of(vae.cpu(), transformer.eval(), t5.eval(), clip.eval())
        self._kontext = FluxKontextPipeline(**self._flux.components)
        self._kontext.set_progress_bar_config(disable=True)

    def draw(self, sheets: Sequence[Sheet]) -> list[Pixels]:
        """The images, in order: 32, 32, 3 each. All sheets draw or all edit."""
        out: list[Pixels] = []
        for start in range(0, len(sheets), _BATCH):
            out += list(self._drawn(sheets[start : start + _BATCH]))
        return out

    def _drawn(self, sheets: Sequence[Sheet]) -> Pixels:
        prompts = [one.prompt for one in sheets]
        how: dict[str, Any] = {
            "prompt": prompts,
            "negative_prompt": [""] * len(prompts),
            "true_cfg_scale": GUIDANCE,
            "num_inference_steps": STEPS,
            "max_sequence_length": LENGTH,
            "height": SIDE,
            "width": SIDE,
            "generator": [torch.Generator().manual_seed(one.seed) for one in sheets],
            "output_type": "np",
        }
        sources = [Image.fromarray(pixels_of(one.source)) for one in sheets if one.source]
        if sources:
            how |= {"image": sources, "max_area": SIDE * SIDE, "_auto_resize": False}
        made = (self._kontext if sources else self._flux)(**how).images
        pixels: Pixels = np.clip(np.rint(made * 255), 0, 255).astype(np.uint8)
        return pixels

    def write(self, folder: str | Path) -> None:
        """The folder that both pipelines load."""
        write_pipeline(self._flux, folder)
