"""`OpenAIModel`: a ChatModel over any server that speaks the chat-completions form.

One client for the model's life, opened at the first ask on the loop that asks, without retries of
its own: the engine alone decides when to ask again. Redirects are not followed, so that a key never
travels to a host it was not set for.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import openai
from attrs import define, field, frozen

from parrot.backends.images import data_url
from parrot.backends.openai.endpoint import NO_KEY, Endpoint
from parrot.backends.openai.failures import mapped, told, without_key
from parrot.backends.openai.streaming import heard_out, streamed
from parrot.backends.openai.wire import Body, Wire, body_of, reply_of
from parrot.core.asks import Ask, Reply, Until
from parrot.core.errors import ConfigError
from parrot.core.interfaces import Profile
from parrot.core.values import Image

_PATH = "/chat/completions"


@frozen(slots=True)
class Limits:
    """Of one client. connections: how many at once, all kept alive; times in seconds."""

    connections: int = 64
    connect_s: float = 5.0
    read_s: float = 180.0
    write_s: float = 60.0


@define(slots=True, eq=False)
class OpenAIModel:
    """A model behind a chat-completions server. Lives on the loop of its first ask."""

    id: str
    profile: Profile
    endpoint: Endpoint
    wire: Wire
    limits: Limits = Limits()
    stream: bool = True
    _client: openai.AsyncOpenAI | None = field(default=None, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)

    async def reply(self, ask: Ask, /) -> Reply:
        """One reply from one request. Raises ModelError, or ImageError for an image of the ask."""
        self.profile.refuse_unable(ask)
        body = await self._body(ask)
        if self.stream and ask.until is Until.SCORES and ask.last_score:
            return await self._until_scores(body, ask.last_score)
        with mapped(self.endpoint.key, self.endpoint.key_variable):
            answer = await self._opened().post(_PATH, cast_to=object, body=body)
            if isinstance(answer, Mapping) and not answer.get("choices") and answer.get("error"):
                raise told(answer["error"])
            return without_key(reply_of(answer), self.endpoint.key)

    async def _until_scores(self, body: Body, last_score: str) -> Reply:
        said = streamed(body, official=self.endpoint.official)
        with mapped(self.endpoint.key, self.endpoint.key_variable):
            events = await self._opened().post(
                _PATH,
                cast_to=object,
                body=said,
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            # Closing the stream early is what tells the server to stop generating.
            async with events:
                return without_key(await heard_out(events, last_score), self.endpoint.key)

    async def aclose(self) -> None:
        """Closes the connections; a second call does nothing."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    async def _body(self, ask: Ask) -> Body:
        def url_of(image: Image) -> str:
            return data_url(image, ask.image_policy)

        if not ask.images:
            return body_of(ask, self.wire, self.profile, url_of)
        # Reading, digesting and encoding images would hold up every other ask of the loop.
        return await asyncio.to_thread(body_of, ask, self.wire, self.profile, url_of)

    def _opened(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._client is None or (self._loop is not loop and _is_over(self._loop)):
            self._client, self._loop = _client(self.endpoint, self.limits), loop
        if self._loop is not loop:
            raise ConfigError("a model lives on one event loop; this one was opened on another")
        return self._client


def _is_over(loop: asyncio.AbstractEventLoop | None) -> bool:
    return loop is None or loop.is_closed()


def _client(endpoint: Endpoint, limits: Limits) -> openai.AsyncOpenAI:
    timeout = openai.Timeout(
        None, connect=limits.connect_s, read=limits.read_s, write=limits.write_s, pool=None
    )
    return openai.AsyncOpenAI(
        api_key=endpoint.key,
        base_url=endpoint.url,
        max_retries=0,
        timeout=timeout,
        http_client=_transport(endpoint, limits, timeout),
        default_headers=_headers(endpoint),
    )


def _transport(endpoint: Endpoint, limits: Limits, timeout: openai.Timeout) -> Any:
    # Proxies from the environment would swallow requests to this machine.
    options: dict[str, Any] = {
        "timeout": timeout,
        "follow_redirects": False,
        "trust_env": not endpoint.loopback,
        "limits": type(openai.DEFAULT_CONNECTION_LIMITS)(
            max_connections=limits.connections, max_keepalive_connections=limits.connections
        ),
    }
    try:
        return openai.DefaultAioHttpClient(**options)
    except RuntimeError:  # the SDK without its aiohttp extra; slower above some 100 connections
        return openai.DefaultAsyncHttpxClient(**options)


def _headers(endpoint: Endpoint) -> dict[str, Any]:
    """Headers that keep what the environment says of OpenAI's own account off other hosts."""
    own = {"Authorization": f"Bearer {endpoint.key}"}
    if endpoint.key_variable == "OPENAI_API_KEY" and endpoint.key != NO_KEY:
        return own
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [line.partition(":")[0].strip() for line in lines if ":" in line]
    account = ["OpenAI-Organization", "OpenAI-Project", *names]
    kept_off = {n: openai.Omit() for n in account if n.lower() != "authorization"}
    return {**kept_off, **own}
