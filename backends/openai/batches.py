"""The files and batches endpoints of an OpenAI-compatible server, for the asks of one model.

Knows the wire: lines of a request file, states, answer files. What is sent when, and what becomes
of it, is decided elsewhere (`parrot.core.pipelines.batching`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import openai
from attrs import define, field

from parrot.backends.images import data_url
from parrot.backends.openai.connection import Connection
from parrot.backends.openai.failures import judged, mapped, without_key
from parrot.backends.openai.model import OpenAIModel
from parrot.backends.openai.wire import body_of, reply_of
from parrot.core.asks import Ask, Failed, Reply
from parrot.core.batches import Row, State, name_of
from parrot.core.engine.retry import kind_of
from parrot.core.errors import AccessError, ModelError, TransientError
from parrot.core.interfaces import Key
from parrot.core.values import Image

_ENDPOINT: Final = "/v1/chat/completions"
_WINDOW: Final = "24h"
_MARK: Final = "parrot"
LOOKED_AT: Final = 1000  # of the newest batches, when one of ours is looked for


@define(slots=True, eq=False)
class OpenAIBatches:
    """Batches of a model's asks. url_of: where an image of the ask can be had; inline where None."""

    model: OpenAIModel
    url_of: Callable[[Image], str] | None = None
    _connection: Connection = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._connection = Connection(self.model.endpoint, self.model.limits)

    def line(self, ask: Ask, key: Key, /) -> bytes:
        """The line of an ask. Raises ModelError or ImageError."""

        def inline(image: Image) -> str:
            return data_url(image, ask.image_policy)

        model = self.model
        model.profile.refuse_unable(ask)
        body = body_of(ask, model.wire, model.profile, self.url_of or inline)
        told = {"custom_id": name_of(key), "method": "POST", "url": _ENDPOINT, "body": body}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    async def upload(self, lines: bytes, token: str, /) -> str:
        """Puts a file of lines there; its id. Raises ModelError."""
        with self._mapped():
            file = (f"{token}.jsonl", lines)
            return (await self._opened().files.create(file=file, purpose="batch")).id

    async def create(self, file_id: str, token: str, /) -> State:
        """A batch of an uploaded file. Raises ModelError."""
        with self._mapped():
            return _state(
                await self._opened().batches.create(
                    input_file_id=file_id,
                    endpoint=_ENDPOINT,
                    completion_window=_WINDOW,
                    metadata={_MARK: token},
                )
            )

    async def find(self, file_id: str, token: str, /) -> State | None:
        """The batch of the file or the token among the newest thousand. Raises ModelError."""
        with self._mapped():
            seen = 0
            async for batch in self._opened().batches.list(limit=100):
                marked = (batch.metadata or {}).get(_MARK) == token
                if marked or batch.input_file_id == file_id:
                    return _state(batch)
                seen += 1
                if seen >= LOOKED_AT:
                    return None
            return None

    async def state(self, batch_id: str, /) -> State:
        """How far it is; `unknown` where the server has no such batch. Raises ModelError."""
        try:
            with self._mapped():
                return _state(await self._opened().batches.retrieve(batch_id))
        except AccessError as error:
            if str(error).startswith("404"):
                return State(batch_id, "unknown", detail=str(error))
            raise

    async def rows(self, file_id: str, /) -> Sequence[Row]:
        """What can be read of an answer file. Raises ModelError."""
        with self._mapped():
            data = await (await self._opened().files.content(file_id)).aread()
        return tuple(rows_of(data, self.model.endpoint.key))

    async def aclose(self) -> None:
        """Closes the connections; a second call does nothing."""
        await self._connection.aclose()

    def _opened(self) -> openai.AsyncOpenAI:
        return self._connection.opened()

    def _mapped(self) -> Any:
        return mapped(self.model.endpoint.key, self.model.endpoint.key_variable)


def served_at(base: str, root: str | os.PathLike[str]) -> Callable[[Image], str]:
    """Where images with a path under `root` can be had under the URL `base`.

    The server must give the very bytes that were digested. An image without a path there goes inline.
    """
    folder = os.path.realpath(root)

    def url_of(image: Image) -> str:
        place = os.path.realpath(image.source) if isinstance(image.source, str) else ""
        if os.path.commonpath([folder, place or os.sep]) != folder:
            return data_url(image, "original")
        name = os.path.relpath(place, folder)
        return f"{base.rstrip('/')}/{quote(name.replace(os.sep, '/'))}"

    return url_of


def _state(batch: Any) -> State:
    files = tuple(f for f in (batch.output_file_id, batch.error_file_id) if f)
    errors = getattr(batch.errors, "data", None) or ()
    said = "; ".join(f"{e.code}: {e.message}" for e in errors)
    return State(str(batch.id), str(batch.status), files, said[:400])


def rows_of(data: bytes, key: str) -> Iterator[Row]:
    """The rows of an answer file; a line that is none is passed over. key: kept out of replies."""
    for line in data.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, Mapping) and isinstance(told.get("custom_id"), str):
            yield Row(told["custom_id"], _outcome(told, key))


def _outcome(told: Mapping[str, Any], key: str) -> Reply | Failed:
    try:
        return without_key(_reply(told), key)
    except ModelError as error:
        said = str(error).replace(key, "***") if key else str(error)
        return Failed(kind_of(error), said[:400])


def _reply(told: Mapping[str, Any]) -> Reply:
    response, error = told.get("response"), told.get("error")
    if isinstance(response, Mapping):
        status, body = response.get("status_code"), response.get("body")
        if status == 200:
            return reply_of(body)
        error = body.get("error") if isinstance(body, Mapping) else error
        raise _judged(error, status if isinstance(status, int) else 500)
    if error:
        raise _judged(error, 500)
    raise TransientError("a row has neither an answer nor an error")


def _judged(error: object, status: int) -> ModelError:
    if not isinstance(error, Mapping):
        return judged(status, str(error))
    return judged(status, str(error.get("message")), code=str(error.get("code")))
