"""From a folder to a pipeline, ready to draw; each fault is one clear error.

Knows nothing of requests. Nothing is downloaded: a hub name must be in the local cache.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen, validators

from parrot.backends.diffusers.identity import digest_of
from parrot.core.errors import ConfigError, MissingExtraError, UnknownNameError

try:
    import diffusers
    import torch
except ImportError as error:
    raise MissingExtraError("a diffusers: generator", "diffusers") from error

_DTYPES: Final = ("auto", "float32", "bfloat16", "float16")
_DENOISERS: Final = ("transformer", "unet")
_ADAPTER: Final = "parrot"


@frozen(slots=True)
class Options:
    """How a pipeline is loaded; see `open_batch_generator`."""

    pipeline: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    offload: str | None = field(
        default=None, validator=validators.in_((None, "model", "sequential"))
    )
    compile: bool = False
    lora: str | None = None
    lora_scale: float = 1.0


def load(target: str, options: Options) -> tuple[Any, str]:
    """The pipeline and its id. Raises ConfigError."""
    if options.dtype not in _DTYPES:
        raise UnknownNameError("dtype", options.dtype, _DTYPES)
    folder = _folder(target)
    device = _device(options.device)
    dtype = _dtype(options.dtype, device)
    pipeline = _pipeline(folder, options.pipeline, dtype)
    pipeline.set_progress_bar_config(disable=True)
    told = f"{digest_of(folder)}|{dtype}|{type(pipeline).__name__}"
    if options.lora:
        told += f"|{_adapted(pipeline, options)}|{options.lora_scale!r}"
    _placed(pipeline, options, device)
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return pipeline, f"diffusers:{Path(target).name}@{digest}"


def _folder(target: str) -> Path:
    place = Path(target).expanduser()
    if place.is_dir():
        if not (place / "model_index.json").is_file():
            raise ConfigError(f"{target!r} holds no model_index.json, so it is no pipeline")
        return place
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(target, local_files_only=True))
    except Exception:  # noqa: BLE001  its errors differ by version; all mean that nothing is there
        said = f"{target!r} is no folder with a pipeline, nor a hub name in the local cache"
        raise ConfigError(f"{said} (huggingface-cli download {target})") from None


def _device(name: str) -> str:
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(name: str, device: str) -> Any:
    auto = "float32" if device == "cpu" else "bfloat16"
    return getattr(torch, auto if name == "auto" else name)


def _pipeline(folder: Path, name: str | None, dtype: Any) -> Any:
    kind = getattr(diffusers, name or "DiffusionPipeline", None)
    if kind is None or not hasattr(kind, "from_pretrained"):
        raise ConfigError(f"diffusers has no pipeline {name!r}")
    if os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS"):  # transformers heeds it, diffusers does not
        diffusers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # The older versions that we allow know no other name for it.
            warnings.filterwarnings("ignore", ".*torch_dtype", FutureWarning)
            return kind.from_pretrained(
                folder, torch_dtype=dtype, local_files_only=True, use_safetensors=True
            )
    except Exception as error:  # noqa: BLE001  diffusers raises anything on broken files
        raise ConfigError(f"the pipeline in {str(folder)!r}: {_first(error)}") from None


def _adapted(pipeline: Any, options: Options) -> str:
    place = Path(options.lora or "").expanduser()
    if not place.exists():
        raise ConfigError(f"{options.lora!r} is no file or folder of LoRA weights")
    if not hasattr(pipeline, "load_lora_weights"):
        raise ConfigError(f"a {type(pipeline).__name__} takes no LoRA weights")
    folder, named = (place.parent, {"weight_name": place.name}) if place.is_file() else (place, {})
    try:
        pipeline.load_lora_weights(folder, adapter_name=_ADAPTER, local_files_only=True, **named)
        pipeline.set_adapters([_ADAPTER], [options.lora_scale])
    except Exception as error:  # noqa: BLE001  diffusers and peft raise anything on other weights
        raise ConfigError(f"the LoRA weights {options.lora!r}: {_first(error)}") from None
    return digest_of(place)


def _placed(pipeline: Any, options: Options, device: str) -> None:
    try:
        if options.offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        elif options.offload == "sequential":
            pipeline.enable_sequential_cpu_offload(device=device)
        else:
            pipeline.to(device)
    except (RuntimeError, ValueError, ImportError, AssertionError) as error:
        raise ConfigError(f"the pipeline cannot be put on {device}: {_first(error)}") from None
    if options.compile:
        for name in _DENOISERS:
            denoiser = getattr(pipeline, name, None)
            if denoiser is not None:
                denoiser.compile()


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
