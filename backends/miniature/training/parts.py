"""The parts of the generator's pipeline, untrained, and the folder that diffusers loads.

Knows sizes and files; nothing of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from attrs import frozen
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
)
from diffusers.models.transformers.transformer_flux import (
    FluxSingleTransformerBlock,
    FluxTransformerBlock,
)
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel
from transformers.models.clip.modeling_clip import CLIPEncoderLayer
from transformers.models.t5.modeling_t5 import T5Block

from parrot.backends.miniature.chance import digest_of
from parrot.backends.miniature.training.autoencoder import LATENTS, SHRINK
from parrot.backends.miniature.training.prompt_tokens import (
    POOLED_LENGTH,
    clip_tokenizer,
    t5_tokenizer,
)
from parrot.backends.miniature.world import SIDE

_BLOCKS: Final = (FluxTransformerBlock, FluxSingleTransformerBlock, T5Block, CLIPEncoderLayer)
PATCH: Final = 2
"""Latents along a side of what one token of the transformer stands for."""
ALONG: Final = SIDE // SHRINK // PATCH
"""Tokens along a side of an image."""


@frozen(slots=True)
class Sizes:
    """How large the parts are. double, single: blocks; wide: heads of `head` each."""

    double: int = 2
    single: int = 3
    heads: int = 5
    head: int = 32
    rotary: tuple[int, int, int] = (4, 14, 14)
    text: int = 128
    text_layers: int = 3
    text_inner: int = 256
    pooled: int = 64
    pooled_layers: int = 2


def _seeded(what: str, seed: int) -> None:
    torch.manual_seed(digest_of(what, seed) % 2**63)


def build_transformer(sizes: Sizes, *, seed: int = 0) -> FluxTransformer2DModel:
    """An untrained Flux transformer; its modulations and its last layer begin at zero."""
    with torch.random.fork_rng(devices=[]):
        _seeded("transformer", seed)
        model = FluxTransformer2DModel(
            patch_size=1,
            in_channels=LATENTS * PATCH * PATCH,
            num_layers=sizes.double,
            num_single_layers=sizes.single,
            attention_head_dim=sizes.head,
            num_attention_heads=sizes.heads,
            joint_attention_dim=sizes.text,
            pooled_projection_dim=sizes.pooled,
            guidance_embeds=False,
            axes_dims_rope=sizes.rotary,
        )
        with torch.no_grad():
            for name, layer in model.named_modules():
                if isinstance(layer, torch.nn.Linear):
                    torch.nn.init.xavier_uniform_(layer.weight)
                    torch.nn.init.zeros_(layer.bias)
                    if "norm" in name or name == "proj_out":
                        layer.weight.zero_()
    return model


def build_t5(sizes: Sizes, *, seed: int = 0) -> T5EncoderModel:
    """An untrained T5 encoder for the world's tokenizer."""
    with torch.random.fork_rng(devices=[]):
        _seeded("t5", seed)
        return T5EncoderModel(
            T5Config(
                vocab_size=len(t5_tokenizer()),
                d_model=sizes.text,
                d_kv=32,
                num_heads=sizes.text // 32,
                d_ff=sizes.text_inner,
                num_layers=sizes.text_layers,
                relative_attention_num_buckets=32,
                relative_attention_max_distance=64,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
                pad_token_id=0,
                eos_token_id=1,
            )
        )


def build_clip(sizes: Sizes, *, seed: int = 0) -> CLIPTextModel:
    """An untrained CLIP text encoder for the world's tokenizer."""
    with torch.random.fork_rng(devices=[]):
        _seeded("clip", seed)
        return CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(clip_tokenizer()),
                hidden_size=sizes.pooled,
                intermediate_size=2 * sizes.pooled,
                projection_dim=sizes.pooled,
                num_hidden_layers=sizes.pooled_layers,
                num_attention_heads=max(1, sizes.pooled // 32),
                max_position_embeddings=POOLED_LENGTH,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        )


def compile_blocks(parts: Mapping[str, torch.nn.Module]) -> None:
    """Compiles the blocks of transformer and encoders for any length. Needs a C++ compiler."""
    for part in parts.values():
        for layer in part.modules():
            if isinstance(layer, _BLOCKS):
                layer.forward = torch.compile(layer.forward, dynamic=True)  # type: ignore[method-assign]


def pipeline_of(
    vae: AutoencoderKL,
    transformer: FluxTransformer2DModel,
    t5: T5EncoderModel,
    clip: CLIPTextModel,
) -> Any:
    """A `FluxPipeline` of the parts. Sigmas are spread evenly: images here are small."""
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=False, shift=1.0),
        vae=vae,
        text_encoder=clip,
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5,
        tokenizer_2=t5_tokenizer(),
        transformer=transformer,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def write_pipeline(pipeline: Any, folder: str | Path) -> None:
    """The folder in bf16 that `FluxPipeline` and `FluxKontextPipeline` load with from_pretrained."""
    pipeline.to(dtype=torch.bfloat16)
    pipeline.vae.register_to_config(_name_or_path="")  # else the folder it was loaded from
    pipeline.save_pretrained(folder, safe_serialization=True)
