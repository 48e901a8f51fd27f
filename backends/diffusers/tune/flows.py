"""Pipelines of diffusers as flows: what a request becomes, the velocity there, and the pictures.

`flow_of` knows Flux, Flux Kontext and Stable Diffusion 3; another flow-matching family is a class of
three methods more. What a flow draws by the ODE is what its pipeline draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import torch
from attrs import frozen

from parrot.backends.images import pixels
from parrot.core.errors import ConfigError
from parrot.core.values import Request

FAMILIES: Final = ("FluxPipeline", "FluxKontextPipeline", "StableDiffusion3Pipeline")


@frozen(slots=True, eq=False)
class Condition:
    """A request, made ready. shape: of one drawing's latents. sigmas: of its steps, 1 to 0.

    said: what the denoiser is told, one row each; unsaid: the same for the empty request, where
    guidance leads away from it. size: width and height in pixels.
    """

    shape: tuple[int, ...]
    sigmas: tuple[float, ...]
    size: tuple[int, int]
    said: Mapping[str, torch.Tensor]
    unsaid: Mapping[str, torch.Tensor] | None = None


class Flow(Protocol):
    """A pipeline whose denoiser says velocities."""

    def condition(self, request: Request, steps: int, /) -> Condition:
        """Raises ConfigError for a request that the pipeline cannot carry out."""
        ...

    def velocity(
        self, condition: Condition, latents: torch.Tensor, sigmas: torch.Tensor, /
    ) -> torch.Tensor: ...

    def pictures(self, condition: Condition, latents: torch.Tensor, /) -> list[Any]: ...


def flow_of(pipeline: Any, *, guidance: float, size: int, words: int) -> Flow:
    """guidance, size, words (tokens of a prompt): as in `Recipe`. Raises ConfigError."""
    kind = type(pipeline).__name__
    if kind not in FAMILIES:
        raise ConfigError(f"a {kind} cannot be tuned here; {', '.join(FAMILIES)} can")
    made = Sd3Flow if kind == "StableDiffusion3Pipeline" else FluxFlow
    return made(pipeline, guidance=guidance, size=size, words=words)


class FluxFlow:
    """Flux, and Flux Kontext for requests with a source, over the same weights."""

    def __init__(self, pipeline: Any, *, guidance: float, size: int, words: int) -> None:
        from diffusers import FluxKontextPipeline

        # Without a source it prepares just what FluxPipeline does.
        self._pipeline = FluxKontextPipeline(**pipeline.components)
        self._denoiser, self._vae = pipeline.transformer, pipeline.vae
        self._device, self._dtype = pipeline.transformer.device, pipeline.transformer.dtype
        self._guidance, self._size, self._words = guidance, size, words
        self._embedded = bool(self._denoiser.config.guidance_embeds)

    def condition(self, request: Request, steps: int, /) -> Condition:
        """Raises ConfigError for more than one source."""
        source = _source(request)
        width, height = _fitted(source, self._size, 2 * self._pipeline.vae_scale_factor)
        channels = self._denoiser.config.in_channels // 4
        tokens = (height * width) // (2 * self._pipeline.vae_scale_factor) ** 2
        shape = (tokens, 4 * channels)
        with torch.no_grad():
            picture = None
            if source is not None:
                processor = self._pipeline.image_processor
                picture = processor.preprocess(source.resize((width, height)), height, width)
            _, behind, here, there = self._pipeline.prepare_latents(
                picture, 1, channels, height, width, self._dtype, self._device, None,
                torch.zeros(1, *shape),
            )  # fmt: skip
            placed = {"img_ids": here if there is None else torch.cat([here, there])}
            placed |= {} if behind is None else {"behind": behind}
            said = {**placed, **self._encoded(request.prompt)}
            guided = not self._embedded and self._guidance > 1.0
            unsaid = {**placed, **self._encoded("")} if guided else None
        sigmas = _sigmas(self._pipeline.scheduler, steps, tokens)
        return Condition(shape, sigmas, (width, height), said, unsaid)

    def velocity(
        self, condition: Condition, latents: torch.Tensor, sigmas: torch.Tensor, /
    ) -> torch.Tensor:
        """(n, tokens, channels) in float32."""
        return _guided(self._told, self._guidance, condition, latents, sigmas)

    def pictures(self, condition: Condition, latents: torch.Tensor, /) -> list[Any]:
        """Latents of images, decoded."""
        width, height = condition.size
        own = self._pipeline
        square = own._unpack_latents(latents, height, width, own.vae_scale_factor)
        return _decoded(own, square)

    def _encoded(self, prompt: str) -> dict[str, torch.Tensor]:
        words, pooled, places = self._pipeline.encode_prompt(
            prompt=prompt, prompt_2=None, device=self._device, max_sequence_length=self._words
        )
        return {"encoder_hidden_states": words, "pooled_projections": pooled, "txt_ids": places}

    def _told(
        self, told: Mapping[str, torch.Tensor], latents: torch.Tensor, sigmas: torch.Tensor
    ) -> torch.Tensor:
        count, seen = len(latents), latents.to(self._dtype)
        behind = told.get("behind")
        if behind is not None:
            seen = torch.cat([seen, behind.expand(count, -1, -1)], dim=1)
        strength = torch.full((count,), self._guidance, device=self._device)
        with _autocast(self._device, self._dtype):
            out = self._denoiser(
                hidden_states=seen,
                timestep=sigmas.to(self._dtype),
                guidance=strength if self._embedded else None,
                pooled_projections=told["pooled_projections"].expand(count, -1),
                encoder_hidden_states=told["encoder_hidden_states"].expand(count, -1, -1),
                txt_ids=told["txt_ids"],
                img_ids=told["img_ids"],
                return_dict=False,
            )[0]
        return out[:, : latents.shape[1]].float()


def _guided(
    told: Callable[[Mapping[str, torch.Tensor], torch.Tensor, torch.Tensor], torch.Tensor],
    scale: float,
    condition: Condition,
    latents: torch.Tensor,
    sigmas: torch.Tensor,
) -> torch.Tensor:
    """The velocity, led away from that of an empty request where there is guidance."""
    said = told(condition.said, latents, sigmas)
    if condition.unsaid is None:
        return said
    unsaid = told(condition.unsaid, latents, sigmas)
    return unsaid + scale * (said - unsaid)


class Sd3Flow:
    """Stable Diffusion 3, which draws and does not edit."""

    def __init__(self, pipeline: Any, *, guidance: float, size: int, words: int) -> None:
        self._pipeline, self._denoiser = pipeline, pipeline.transformer
        self._device, self._dtype = pipeline.transformer.device, pipeline.transformer.dtype
        self._guidance, self._size, self._words = guidance, size, min(words, 256)

    def condition(self, request: Request, steps: int, /) -> Condition:
        """Raises ConfigError for a request with sources."""
        if request.sources:
            raise ConfigError("a StableDiffusion3Pipeline takes no image to edit")
        factor = self._pipeline.vae_scale_factor
        width, height = _fitted(None, self._size, factor * self._denoiser.config.patch_size)
        shape = (self._denoiser.config.in_channels, height // factor, width // factor)
        tokens = shape[1] * shape[2] // self._denoiser.config.patch_size**2
        with torch.no_grad():
            said = self._encoded(request.prompt)
            unsaid = self._encoded("") if self._guidance > 1.0 else None
        sigmas = _sigmas(self._pipeline.scheduler, steps, tokens, even=False)
        return Condition(shape, sigmas, (width, height), said, unsaid)

    def velocity(
        self, condition: Condition, latents: torch.Tensor, sigmas: torch.Tensor, /
    ) -> torch.Tensor:
        """(n, channels, height, width) in float32."""
        return _guided(self._told, self._guidance, condition, latents, sigmas)

    def pictures(self, condition: Condition, latents: torch.Tensor, /) -> list[Any]:
        """Latents of images, decoded."""
        del condition
        return _decoded(self._pipeline, latents)

    def _encoded(self, prompt: str) -> dict[str, torch.Tensor]:
        words, _, pooled, _ = self._pipeline.encode_prompt(
            prompt=prompt, prompt_2=None, prompt_3=None, do_classifier_free_guidance=False,
            device=self._device, max_sequence_length=self._words,
        )  # fmt: skip
        return {"encoder_hidden_states": words, "pooled_projections": pooled}

    def _told(
        self, told: Mapping[str, torch.Tensor], latents: torch.Tensor, sigmas: torch.Tensor
    ) -> torch.Tensor:
        count = len(latents)
        with _autocast(self._device, self._dtype):
            out = self._denoiser(
                hidden_states=latents.to(self._dtype),
                timestep=1000.0 * sigmas,
                encoder_hidden_states=told["encoder_hidden_states"].expand(count, -1, -1),
                pooled_projections=told["pooled_projections"].expand(count, -1),
                return_dict=False,
            )[0]
        return out.float()


def _source(request: Request) -> Any | None:
    if len(request.sources) > 1:
        raise ConfigError("Flux Kontext edits one picture; this request has several")
    return pixels(request.sources[0]).convert("RGB") if request.sources else None


def _fitted(source: Any | None, size: int, multiple: int) -> tuple[int, int]:
    """Width and height of the area size^2 in the source's shape, in whole multiples."""
    ratio = 1.0 if source is None else source.width / source.height
    sides = (size * math.sqrt(ratio), size / math.sqrt(ratio))
    width, height = (max(1, round(side / multiple)) * multiple for side in sides)
    return width, height


def _sigmas(scheduler: Any, steps: int, tokens: int, *, even: bool = True) -> tuple[float, ...]:
    """The schedule that the pipeline itself walks, from 1 to 0, `steps` steps. Raises ConfigError."""
    from diffusers import FlowMatchEulerDiscreteScheduler
    from diffusers.pipelines.flux.pipeline_flux import calculate_shift

    if not isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        raise ConfigError(f"a {type(scheduler).__name__} is no scheduler of flow matching")
    own: Any = FlowMatchEulerDiscreteScheduler.from_config(scheduler.config)
    c = own.config
    dynamic = {}
    if c.use_dynamic_shifting:
        shift = (c.base_image_seq_len, c.max_image_seq_len, c.base_shift, c.max_shift)
        dynamic["mu"] = calculate_shift(tokens, *shift)
    if even and not c.get("use_flow_sigmas"):
        given = torch.linspace(1.0, 1.0 / steps, steps).tolist()
        own.set_timesteps(sigmas=given, **dynamic)
    else:
        own.set_timesteps(steps, **dynamic)
    return tuple(own.sigmas.tolist())


def _decoded(pipeline: Any, latents: torch.Tensor) -> list[Any]:
    vae = pipeline.vae
    with torch.no_grad():
        scaled = latents.to(vae.dtype) / vae.config.scaling_factor + vae.config.shift_factor
        shown = vae.decode(scaled, return_dict=False)[0]
        pictures: list[Any] = pipeline.image_processor.postprocess(shown.float(), output_type="pil")
    return pictures


def _autocast(device: torch.device, dtype: torch.dtype) -> Any:
    # Adapters are float32 in a denoiser that may be bfloat16.
    low = dtype in {torch.bfloat16, torch.float16}
    return torch.autocast(device.type, dtype=dtype if low else None, enabled=low)
