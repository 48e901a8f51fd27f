"""Tiny pipelines with random weights, built for the session: Flux first, then other families."""

import pytest

SIDE = 32


def _flux_parts(seed=0):
    import torch
    from diffusers import AutoencoderKL, FluxTransformer2DModel

    from parrot.backends.miniature.training.parts import Sizes, build_clip, build_t5

    sizes = Sizes(text=32, text_layers=1, text_inner=32, pooled=32, pooled_layers=1)
    torch.manual_seed(seed)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8),
        norm_num_groups=2,
        latent_channels=4,
        layers_per_block=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0,
        scaling_factor=1.0,
    )
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=False,
        axes_dims_rope=(4, 6, 6),
    )
    with torch.no_grad():  # loud enough that words and sources change pixels
        for weight in transformer.parameters():
            weight.mul_(4.0)
    return vae, transformer, build_t5(sizes), build_clip(sizes)


def flux(seed=0):
    from parrot.backends.miniature.training.parts import pipeline_of

    return pipeline_of(*_flux_parts(seed))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of a `FluxPipeline`, which `FluxKontextPipeline` loads too."""
    place = tmp_path_factory.mktemp("flux")
    flux().save_pretrained(place, safe_serialization=True)
    return place


def _clip(hidden=32, projected=False):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from parrot.backends.miniature.training.prompt_tokens import POOLED_LENGTH, clip_tokenizer

    tokenizer = clip_tokenizer()
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden,
        projection_dim=hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=POOLED_LENGTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return tokenizer, (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _vae(channels=4, **more):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8),
        norm_num_groups=2,
        latent_channels=channels,
        layers_per_block=1,
        **more,
    )


def _unet(**more):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=2,
        attention_head_dim=4,
        **more,
    )


def stable_diffusion():
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    torch.manual_seed(0)
    tokenizer, encoder = _clip()
    return StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=_unet(cross_attention_dim=32),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def stable_diffusion_edit():
    from diffusers import StableDiffusionImg2ImgPipeline

    parts = stable_diffusion().components
    return StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)


def sdxl():
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    torch.manual_seed(0)
    (one, first), (two, second) = _clip(), _clip(projected=True)
    unet = _unet(
        cross_attention_dim=64,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=32 + 6 * 8,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=first,
        tokenizer=one,
        text_encoder_2=second,
        tokenizer_2=two,
        unet=unet,
        scheduler=EulerDiscreteScheduler(),
        add_watermarker=False,
    )


def sd3():
    import torch
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )

    torch.manual_seed(0)
    (one, first), (two, second) = _clip(projected=True), _clip(projected=True)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(shift_factor=0.0, scaling_factor=1.0),
        text_encoder=first,
        tokenizer=one,
        text_encoder_2=second,
        tokenizer_2=two,
        text_encoder_3=None,
        tokenizer_3=None,
    )


def qwen_image():
    import torch
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    tokenizer, _ = _clip()
    small = {"hidden_size": 16, "intermediate_size": 16}
    words = {
        **small,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
        "bos_token_id": 0,
        "eos_token_id": 1,
        "rope_parameters": {
            "rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4
        },
    }  # fmt: skip
    sight = {**small, "depth": 1, "num_heads": 2, "out_hidden_size": 16}
    encoder = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=words, vision_config=sight)
    )
    return QwenImagePipeline(
        transformer=QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 2, 4],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=encoder.eval(),
        tokenizer=tokenizer,
    )


FAMILIES = {
    "stable-diffusion": (stable_diffusion, {}),
    "stable-diffusion-edit": (stable_diffusion_edit, {"strength": 1.0}),
    "sdxl": (sdxl, {}),
    "sd3": (sd3, {}),
    "qwen-image": (qwen_image, {"true_cfg_scale": 1.0}),
}
