"""`miniature:NAME`: what is simulated, or a shipped checkpoint under the name of `torch:`, `diffusers:`."""

from __future__ import annotations

from typing import Any, Final

from parrot.backends.miniature.painter import Painter
from parrot.backends.miniature.shipped import GENERATORS, STUDENTS, shipped
from parrot.backends.miniature.teacher import open_model as open_teacher
from parrot.backends.miniature.world import SIDE
from parrot.core.errors import UnknownNameError
from parrot.core.interfaces import ChatModel, Generator
from parrot.core.registry import Spec
from parrot.core.registry import open_generator as generator_named
from parrot.core.registry import open_model as open_named

DRAWING: Final[dict[str, Any]] = {
    "max_batch": 16,
    "pipeline": "FluxKontextPipeline",
    "num_inference_steps": 20,
    "true_cfg_scale": 3.0,
    "negative_prompt": "",
    "max_sequence_length": 48,
    "height": SIDE,
    "width": SIDE,
    "max_area": SIDE * SIDE,
    "_auto_resize": False,
}
"""How the shipped generator draws unless told otherwise; edits and new images by one pipeline."""


def open_model(target: str, **options: Any) -> ChatModel:
    """`teacher` and its levels, `base`, `student`. Raises UnknownNameError, or ConfigError where a
    checkpoint does not come with this installation; options are those of `torch:`.
    """
    if target in STUDENTS:
        return open_named(Spec("torch", str(shipped(target))), **options)
    return open_teacher(target)


def open_generator(target: str, **options: Any) -> Generator:
    """`painter` or `generator`. Raises as `open_model`; options are those of `diffusers:`."""
    if target in GENERATORS:
        return generator_named(Spec("diffusers", str(shipped(target))), **(DRAWING | options))
    if target != "painter":
        raise UnknownNameError("miniature generator", target, ("painter", *GENERATORS))
    if options:
        raise UnknownNameError("option of miniature: generators", min(options), ())
    return Painter()
