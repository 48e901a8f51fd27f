"""The student's network: Qwen3-VL as transformers builds it, very small.

One place of the world is one image token: patches of 8 pixels, 2 x 2 of them merged.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from parrot.backends.miniature.training.student.lessons import (
    END,
    IMAGE_PAD,
    MERGE,
    PATCH,
    SPECIALS,
    STOP,
    VIDEO_PAD,
    VISION_END,
    VISION_START,
)
from parrot.backends.miniature.world import SIDE

WIDTH: Final = 160
LAYERS: Final = 5
_HEAD: Final = 40
_TOWER: Final = 64


def config_of(vocabulary: int) -> Qwen3VLConfig:
    """The configuration for so many tokens. About 1.9 million parameters in all."""
    return Qwen3VLConfig(
        text_config=_text(vocabulary),
        vision_config=_vision(),
        image_token_id=SPECIALS.index(IMAGE_PAD),
        video_token_id=SPECIALS.index(VIDEO_PAD),
        vision_start_token_id=SPECIALS.index(VISION_START),
        vision_end_token_id=SPECIALS.index(VISION_END),
        tie_word_embeddings=True,
    )


def _text(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": WIDTH,
        "intermediate_size": 416,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": _HEAD,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": SPECIALS.index(STOP),
        "pad_token_id": SPECIALS.index(END),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [8, 6, 6],
            "mrope_interleaved": True,
        },
    }


def _vision() -> dict[str, Any]:
    return {
        "depth": 3,
        "hidden_size": _TOWER,
        "intermediate_size": 4 * _TOWER,
        "num_heads": 4,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "out_hidden_size": WIDTH,
        "num_position_embeddings": (SIDE // PATCH) ** 2,
        "deepstack_visual_indexes": [1],
    }


def student_of(vocabulary: int, *, seed: int) -> Qwen3VLForConditionalGeneration:
    """A student with fresh weights; the same for a seed. The global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Qwen3VLForConditionalGeneration = Qwen3VLForConditionalGeneration(
            config_of(vocabulary)
        )
    model.generation_config.eos_token_id = SPECIALS.index(STOP)
    model.generation_config.pad_token_id = SPECIALS.index(END)
    model.generation_config.do_sample = False
    return model
