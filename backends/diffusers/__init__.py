"""`diffusers:PATH`: any diffusers text-to-image or editing pipeline as a generator.

    generator = open_generator("path/to/pipeline", num_inference_steps=28, guidance_scale=3.5)

What is no option of ours is an argument of the pipeline's own call, by the pipeline's own name.
Drawings that wait together are drawn together; a seed's noise is its own, whatever it waits with.
"""

from __future__ import annotations

from typing import Any

from parrot.backends.diffusers.generating import DiffusersGenerator
from parrot.backends.diffusers.loading import Options, load
from parrot.core.engine.batching import batched_generator
from parrot.core.interfaces import Generator

__all__ = ["DiffusersGenerator", "Options", "load", "open_batch_generator", "open_generator"]


def open_batch_generator(
    target: str,
    *,
    max_batch: int = 4,
    pipeline: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    offload: str | None = None,
    compile: bool = False,  # noqa: A002  the word that users of torch know
    lora: str | None = None,
    lora_scale: float = 1.0,
    **call: Any,
) -> DiffusersGenerator:
    """The pipeline in a folder, or of a hub name that is in the local cache, as a BatchGenerator.

    max_batch: drawings at once; halved where memory runs out. pipeline: a class of diffusers, where
    it is not the folder's own (FluxKontextPipeline over a folder of FluxPipeline). dtype: auto
    (bfloat16 on an accelerator, else float32), float32, bfloat16 or float16. device: auto, cpu,
    cuda, ... offload: `model` or `sequential`, as diffusers has them. compile: compiles the
    denoiser. lora: a file or folder of LoRA weights, at lora_scale. call: arguments of the
    pipeline's call. Raises ConfigError with one clear reason.
    """
    options = Options(pipeline, dtype, device, offload, compile, lora, lora_scale)
    loaded, name = load(target, options)
    return DiffusersGenerator(loaded, name, max_batch=max_batch, call=call)


def open_generator(target: str, *, max_batch: int = 4, **options: Any) -> Generator:
    """The pipeline in a folder as a Generator; options as `open_batch_generator` has them."""
    generator = open_batch_generator(target, max_batch=max_batch, **options)
    return batched_generator(generator, max_batch=max_batch)
