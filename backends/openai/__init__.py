"""`openai:MODEL[@URL]`: models behind any server that speaks the OpenAI chat-completions form."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from parrot.core.errors import MissingExtraError
from parrot.core.interfaces import Profile

try:
    from parrot.backends.openai.connection import Limits
    from parrot.backends.openai.endpoint import endpoint
    from parrot.backends.openai.images import OpenAIGenerator, open_generator
    from parrot.backends.openai.model import OpenAIModel
    from parrot.backends.openai.wire import Wire
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "openai":
        raise
    raise MissingExtraError("openai: models", "openai") from None

__all__ = ["Limits", "OpenAIGenerator", "OpenAIModel", "open_generator", "open_model"]


def open_model(
    target: str,
    *,
    tag: str | None = None,
    connections: int = 64,
    timeout: float = 180.0,
    logprobs: bool = True,
    schema: bool = True,
    images: bool = True,
    seed: bool = True,
    stream: bool = True,
    token_limit: str | None = None,
    omit: Sequence[str] = (),
    extra_body: Mapping[str, Any] | None = None,
) -> OpenAIModel:
    """The model that `MODEL[@URL]` names, without asking the server anything yet.

    Without a URL it is OPENAI_BASE_URL, else OpenAI's own. tag: enters the id, to tell servers of
    one model name apart. connections: asks at once. timeout: seconds without a byte from the
    server. logprobs, schema, images, seed: what the server can do; a schema it cannot take is not
    sent. stream: whether a reply may be left when its last score is out. token_limit:
    `max_tokens` or `max_completion_tokens`, by default the latter for OpenAI's own host alone.
    omit: sampling fields that the server refuses. extra_body: fields added to each request; they
    and omit enter the id. Raises ConfigError where target or key make no sense.
    """
    at = endpoint(target, os.environ)
    limit = token_limit or ("max_completion_tokens" if at.official else "max_tokens")
    wire = Wire(at.model, limit, frozenset(omit), dict(extra_body or {}))
    return OpenAIModel(
        _id(wire, tag),
        Profile(logprobs=logprobs, schema=schema, images=images, seed=seed),
        at,
        wire,
        Limits(connections=connections, read_s=timeout),
        stream,
    )


def _id(wire: Wire, tag: str | None) -> str:
    """`openai:MODEL`, then `#tag`, then `+` and a digest of what changes all requests."""
    said = f"openai:{wire.model}" + (f"#{tag}" if tag else "")
    changes = {"omit": sorted(wire.omitted), "extra": dict(wire.extra)}
    if not any(changes.values()):
        return said
    text = json.dumps(changes, sort_keys=True)
    return f"{said}+{hashlib.sha256(text.encode()).hexdigest()[:8]}"
