"""`onnx:DIR`: a Qwen3-VL that `parrot export-onnx` has exported, run by onnxruntime.

    model = open_model("path/to/exported")

Runs without torch and transformers. Asks that wait together are answered together, as by `torch:`.
"""

from __future__ import annotations

from parrot.core.engine.batching import batched
from parrot.core.errors import MissingExtraError
from parrot.core.interfaces import ChatModel

try:
    from parrot.backends.onnx.loading import Options, load
    from parrot.backends.onnx.model import OnnxModel
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"onnxruntime", "tokenizers", "numpy", "jinja2"}:
        raise
    raise MissingExtraError("an onnx: model", "onnx") from None

__all__ = ["OnnxModel", "Options", "load", "open_batch_model", "open_model"]


def open_batch_model(
    target: str,
    *,
    max_batch: int = 16,
    stop: tuple[str, ...] = (),
    device: str = "auto",
    threads: int | None = None,
) -> OnnxModel:
    """The export in a folder as a BatchModel. Raises ConfigError with one clear reason.

    max_batch: rows decoded at once; halved where memory runs out. stop: texts that end a reply and
    are not part of it. device: auto, cpu or cuda. threads: of one operation; None is one a core.
    """
    return OnnxModel(load(target, Options(device, threads)), max_batch=max_batch, stop=stop)


def open_model(target: str, *, max_batch: int = 16, **options: object) -> ChatModel:
    """The export in a folder as a ChatModel; options as `open_batch_model` has them."""
    model = open_batch_model(target, max_batch=max_batch, **options)  # type: ignore[arg-type]
    return batched(model, max_batch=max_batch)
