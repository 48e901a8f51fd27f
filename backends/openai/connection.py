"""One HTTP client for the life of a model or generator, opened at first use on the loop that uses it.

Without retries of its own: those who ask decide when to ask again. Redirects are not followed, so
that a key never travels to a host it was not set for.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Final

import openai
from attrs import define, field, frozen

from parrot.backends.openai.endpoint import NO_KEY, Endpoint
from parrot.core.errors import ConfigError


@frozen(slots=True)
class Limits:
    """Of one client. connections: how many at once, all kept alive; times in seconds."""

    connections: int = 64
    connect_s: float = 5.0
    read_s: float = 180.0
    write_s: float = 60.0


USUAL: Final = Limits()


@define(slots=True, eq=False)
class Connection:
    """The client of one endpoint. Lives on the loop of its first use."""

    endpoint: Endpoint
    limits: Limits = USUAL
    _client: openai.AsyncOpenAI | None = field(default=None, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)

    def opened(self) -> openai.AsyncOpenAI:
        """The client. Raises ConfigError on another loop while the first one lives."""
        loop = asyncio.get_running_loop()
        if self._client is None or (self._loop is not loop and _is_over(self._loop)):
            self._client, self._loop = _client(self.endpoint, self.limits), loop
        if self._loop is not loop:
            raise ConfigError("a model lives on one event loop; this one was opened on another")
        return self._client

    async def aclose(self) -> None:
        """Closes the connections; a second call does nothing."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()


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
