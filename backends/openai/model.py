"""`OpenAIModel`: a ChatModel over any server that speaks the chat-completions form.

The engine alone decides when to ask again. Knows nothing of how a connection is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import openai
from attrs import define, field

from parrot.backends.images import data_url
from parrot.backends.openai.connection import USUAL, Connection, Limits
from parrot.backends.openai.endpoint import Endpoint
from parrot.backends.openai.failures import mapped, told, without_key
from parrot.backends.openai.streaming import heard_out, streamed
from parrot.backends.openai.wire import Body, Wire, body_of, reply_of
from parrot.core.asks import Ask, Reply, Until
from parrot.core.interfaces import Profile
from parrot.core.values import Image

_PATH = "/chat/completions"


@define(slots=True, eq=False)
class OpenAIModel:
    """A model behind a chat-completions server. Lives on the loop of its first ask."""

    id: str
    profile: Profile
    endpoint: Endpoint
    wire: Wire
    limits: Limits = USUAL
    stream: bool = True
    _connection: Connection = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._connection = Connection(self.endpoint, self.limits)

    async def reply(self, ask: Ask, /) -> Reply:
        """One reply from one request. Raises ModelError, or ImageError for an image of the ask."""
        self.profile.refuse_unable(ask)
        body = await self._body(ask)
        if self.stream and ask.until is Until.SCORES and ask.last_score:
            return await self._until_scores(body, ask.last_score)
        with mapped(self.endpoint.key, self.endpoint.key_variable):
            answer = await self._connection.opened().post(_PATH, cast_to=object, body=body)
            if isinstance(answer, Mapping) and not answer.get("choices") and answer.get("error"):
                raise told(answer["error"])
            return without_key(reply_of(answer), self.endpoint.key)

    async def _until_scores(self, body: Body, last_score: str) -> Reply:
        said = streamed(body, official=self.endpoint.official)
        with mapped(self.endpoint.key, self.endpoint.key_variable):
            events = await self._connection.opened().post(
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
        await self._connection.aclose()

    async def _body(self, ask: Ask) -> Body:
        def url_of(image: Image) -> str:
            return data_url(image, ask.image_policy)

        if not ask.images:
            return body_of(ask, self.wire, self.profile, url_of)
        # Reading, digesting and encoding images would hold up every other ask of the loop.
        return await asyncio.to_thread(body_of, ask, self.wire, self.profile, url_of)
