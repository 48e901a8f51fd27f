"""`miniature:NAME`: the simulated teacher, or a shipped checkpoint under the name of `torch:`."""

from __future__ import annotations

from typing import Any

from parrot.backends.miniature.shipped import SHIPPED, shipped
from parrot.backends.miniature.teacher import open_model as open_teacher
from parrot.core.interfaces import ChatModel
from parrot.core.registry import Spec
from parrot.core.registry import open_model as open_named


def open_model(target: str, **options: Any) -> ChatModel:
    """`teacher` and its levels, `base`, `student`. Raises UnknownNameError, or ConfigError where a
    checkpoint does not come with this installation; options are those of `torch:`.
    """
    if target in SHIPPED:
        return open_named(Spec("torch", str(shipped(target))), **options)
    return open_teacher(target)
