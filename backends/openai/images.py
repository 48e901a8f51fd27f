"""`openai:MODEL[@URL]` as a generator: images from any server that speaks OpenAI's images form.

A request in words goes to `/images/generations`, an edit to `/images/edits`. The image must come in
the answer: a URL in its place is not followed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from parrot.backends.images import image_from_bytes, prepare
from parrot.backends.openai.connection import Connection, Limits
from parrot.backends.openai.endpoint import endpoint
from parrot.backends.openai.failures import mapped, told
from parrot.core.asks import sendable
from parrot.core.errors import ConfigError, RefusedError, RejectedError, TransientError
from parrot.core.values import Image, Request

_OURS: Final = ("model", "prompt", "n", "seed", "image", "stream")
_FORM: Final[Any] = {"headers": {"Content-Type": "multipart/form-data"}}


@define(slots=True, eq=False)
class OpenAIGenerator:
    """A generator behind an images server. seed: whether the server takes one.

    fields: sent with every request, by the server's own names. An edit begins from `start` in the
    place of its first source; a request in words cannot begin from an image, and does not.
    """

    id: str
    model: str
    connection: Connection
    seed: bool = True
    fields: Mapping[str, Any] = field(factory=dict)

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        """One image from one request. Raises ModelError, or ImageError for an image of either side."""
        body = {"model": self.model, "prompt": sendable(request.prompt), "n": 1, **self.fields}
        if self.seed:
            body["seed"] = seed
        at = self.connection.endpoint
        images = (start or request.sources[0], *request.sources[1:]) if request.is_edit else ()
        files = await asyncio.to_thread(_files, images) if images else None
        with mapped(at.key, at.key_variable):
            client = self.connection.opened()
            if files is None:
                answer = await client.post("/images/generations", cast_to=object, body=body)
            else:
                answer = await client.post(
                    "/images/edits",
                    cast_to=object,
                    body=body,
                    files=files,
                    options=_FORM,
                )
            data = _drawn(answer)
        return image_from_bytes(data)

    async def aclose(self) -> None:
        """Closes the connections; a second call does nothing."""
        await self.connection.aclose()


def _files(images: tuple[Image, ...]) -> list[tuple[str, Any]]:
    name = "image[]" if len(images) > 1 else "image"
    prepared = [prepare(image) for image in images]
    return [
        (name, (f"{number}.{kind.partition('/')[2]}", data, kind))
        for number, (data, kind) in enumerate(prepared)
    ]


def _drawn(answer: object) -> bytes:
    """The bytes of the one image in an answer. Raises ModelError."""
    if not isinstance(answer, Mapping):
        raise TransientError("the server's answer is no object")
    if answer.get("error"):
        raise told(answer["error"])
    data = answer.get("data")
    first = data[0] if isinstance(data, list) and data else None
    if not isinstance(first, Mapping):
        raise TransientError("the server's answer holds no image")
    if first.get("finish_reason") in {"content_filter", "CONTENT_FILTERED"}:
        raise RefusedError("a content filter refused the drawing")
    text = first.get("b64_json")
    if not isinstance(text, str):
        raise RejectedError(
            "the server answered with a URL, which is not followed; ask it for the image itself"
            " with response_format=b64_json"
        )
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise TransientError("the server's image is not base64") from None


def open_generator(
    target: str,
    *,
    tag: str | None = None,
    connections: int = 8,
    timeout: float = 600.0,
    seed: bool | None = None,
    **fields: Any,
) -> OpenAIGenerator:
    """The generator that `MODEL[@URL]` names, without asking the server anything yet.

    Without a URL it is OPENAI_BASE_URL, else OpenAI's own. tag: enters the id, to tell servers of
    one model name apart. seed: whether the server takes a seed; OpenAI's own does not, so that its
    drawings cannot be repeated. fields: sent with every request, such as `size` or `quality`;
    servers but OpenAI's own are asked for `response_format` b64_json. Raises ConfigError.
    """
    for name in fields:
        if name in _OURS:
            raise ConfigError(f"{name!r} is set for each drawing and is no option")
    at = endpoint(target, os.environ)
    usual = {} if at.official else {"response_format": "b64_json"}
    sent = {k: v for k, v in {**usual, **fields}.items() if v is not None}
    takes_seed = not at.official if seed is None else seed
    name = f"openai:{at.model}" + (f"#{tag}" if tag else "")
    if fields or seed is not None:
        told_ = json.dumps([sent, takes_seed], sort_keys=True, default=repr)
        name += f"+{hashlib.sha256(told_.encode()).hexdigest()[:8]}"
    connection = Connection(at, Limits(connections=connections, read_s=timeout))
    return OpenAIGenerator(name, at.model, connection, takes_seed, sent)
