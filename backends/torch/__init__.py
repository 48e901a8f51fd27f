"""`torch:PATH`: any Hugging Face image-text-to-text checkpoint in a folder, run in this process.

    model = open_model("path/to/checkpoint", dtype="bfloat16")

Asks that wait together are answered together: sorted by length, the shared beginning of their
prompts computed once, finished rows retired. A `reply` wants only what its ask allows: with
`until=SCORES` a row ends behind its last score.
"""

from __future__ import annotations

from parrot.backends.torch.loading import Options, load
from parrot.backends.torch.model import TorchModel
from parrot.core.engine.batching import batched
from parrot.core.interfaces import ChatModel

__all__ = ["Options", "TorchModel", "load", "open_batch_model", "open_model"]


def open_batch_model(
    target: str,
    *,
    max_batch: int = 16,
    stop: tuple[str, ...] = (),
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> TorchModel:
    """The checkpoint in a folder as a BatchModel. Raises ConfigError with one clear reason.

    max_batch: rows decoded at once; halved where memory runs out. stop: texts that end a reply and
    are not part of it. dtype: auto, float32, bfloat16 or float16. device: auto, cpu, cuda, ...;
    device_map: accelerate's, instead of a device. attention: eager, sdpa, flash_attention_2, ...
    trust_remote_code, allow_pickle: run the checkpoint's own Python or unpickle its weights.
    """
    options = Options(
        dtype=dtype,
        device=device,
        device_map=device_map,
        attention=attention,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    return TorchModel(load(target, options), max_batch=max_batch, stop=stop)


def open_model(target: str, *, max_batch: int = 16, **options: object) -> ChatModel:
    """The checkpoint in a folder as a ChatModel; options as `open_batch_model` has them."""
    model = open_batch_model(target, max_batch=max_batch, **options)  # type: ignore[arg-type]
    return batched(model, max_batch=max_batch)
