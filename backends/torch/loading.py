"""From a folder to a model with tokenizer and image processor; each fault is one clear error.

Knows nothing of asks. Nothing is looked up on a hub: the folder is all there is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from attrs import frozen

from parrot.backends.identity import digest_of
from parrot.core.errors import ConfigError

_DTYPES: Final = ("auto", "float32", "bfloat16", "float16")
BY_HAND: Final = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
"""Model types whose image marks are expanded here, the same with torchvision and without."""


@frozen(slots=True)
class Options:
    """How a checkpoint is loaded; see `open_batch_model`."""

    dtype: str = "auto"
    device: str = "auto"
    device_map: str | None = None
    attention: str | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False


@frozen(slots=True)
class Loaded:
    """A checkpoint in memory. processor: None where image marks are expanded by hand."""

    name: str
    model: Any
    tokenizer: Any
    images: Any
    processor: Any
    kind: str
    device: torch.device

    @property
    def ends(self) -> frozenset[int]:
        """The ids that end a reply."""
        said = self.model.generation_config.eos_token_id
        ids = said if isinstance(said, list) else [said]
        return frozenset(i for i in (*ids, self.tokenizer.eos_token_id) if i is not None)


def load(target: str | Path, options: Options | None = None) -> Loaded:
    """The checkpoint of a folder. Raises ConfigError where it is broken, of another kind, or mute.

    A checkpoint without a chat template is refused: no prompt of ours would reach it as trained.
    """
    options = options or Options()
    folder = Path(target).expanduser()
    kind = _kind(folder, options)
    tokenizer, images, processor = _readers(folder, kind, options)
    model = _model(folder, options)
    dtype = str(model.dtype).removeprefix("torch.")
    name = f"torch:{folder.resolve().name}@{digest_of(folder, dtype)}"
    device = model.get_input_embeddings().weight.device
    return Loaded(name, model, tokenizer, images, processor, kind, device)


def _kind(folder: Path, options: Options) -> str:
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN,
    )

    if options.dtype not in _DTYPES:
        raise ConfigError(f"dtype is one of {', '.join(_DTYPES)}, not {options.dtype!r}")
    if not folder.is_dir():
        raise ConfigError(f"{str(folder)!r} is no folder with a checkpoint")
    try:
        held = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(held["model_type"])
    except FileNotFoundError:
        raise ConfigError(f"{str(folder)!r} holds no config.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / 'config.json'} cannot be used: {error!r}") from None
    if kind not in KNOWN and not options.trust_remote_code:
        raise ConfigError(
            f"{str(folder)!r} holds a {kind!r} model, which does not read images and write text"
        )
    return kind


def _readers(folder: Path, kind: str, options: Options) -> tuple[Any, Any, Any]:
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    known = {"trust_remote_code": options.trust_remote_code, "local_files_only": True}
    processor = None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **known)
        if kind in BY_HAND:
            images = AutoImageProcessor.from_pretrained(folder, **known)
        else:
            processor = AutoProcessor.from_pretrained(folder, **known)
            images = processor.image_processor
    except ImportError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"the processor of a {kind!r} model needs more: {reason}") from None
    except Exception as error:  # noqa: BLE001  transformers raises anything on broken files
        raise ConfigError(f"tokenizer or processor in {str(folder)!r}: {_first(error)}") from None
    if not tokenizer("Image A: 3.4").input_ids:  # transformers makes one up where files are absent
        raise ConfigError(f"{str(folder)!r} holds no tokenizer (tokenizer.json)")
    if not (getattr(processor, "chat_template", None) or tokenizer.chat_template):
        raise ConfigError(f"{str(folder)!r} has no chat template (chat_template.jinja)")
    return tokenizer, images, processor


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _model(folder: Path, options: Options) -> Any:
    from transformers import AutoModelForImageTextToText

    if not options.allow_pickle and not any(folder.glob("*.safetensors")):
        raise ConfigError(
            f"{str(folder)!r} holds no safetensors; pickled weights load only if you allow them"
        )
    wishes: dict[str, Any] = {
        "dtype": options.dtype,
        "trust_remote_code": options.trust_remote_code,
        "local_files_only": True,
        "use_safetensors": None if options.allow_pickle else True,
    }
    if options.attention:
        wishes["attn_implementation"] = options.attention
    if options.device_map:
        wishes["device_map"] = options.device_map
    try:
        model, told = AutoModelForImageTextToText.from_pretrained(
            folder, output_loading_info=True, **wishes
        )
    except Exception as error:  # noqa: BLE001  OSError, SafetensorError, RuntimeError, ...
        raise ConfigError(f"the weights in {str(folder)!r}: {_first(error)}") from None
    lacking = sorted(told.get("missing_keys", ()))
    if lacking:
        raise ConfigError(f"the weights in {str(folder)!r} lack {lacking[0]!r} and perhaps more")
    return (model if options.device_map else model.to(device_of(options.device))).eval()


def device_of(name: str) -> torch.device:
    """The device of a name; `auto` is the accelerator where there is one. Raises ConfigError."""
    if name != "auto":
        try:
            return torch.device(name)
        except RuntimeError:
            raise ConfigError(f"{name!r} is no device: auto, cpu, cuda, mps") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
