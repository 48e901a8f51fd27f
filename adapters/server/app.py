"""The server: one reward model behind HTTP, in its own form and in those that trainers speak.

Bodies are read and checked on threads, drawings go to the model's one queue, and who finds no room
is told so at once. Nothing is ever fetched: images come inline.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from attrs import define, field
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from parrot.adapters.disk import json_text
from parrot.adapters.server import chat, native, scalars
from parrot.adapters.server.bodies import Pictures, json_of, pictures
from parrot.adapters.server.limits import Admission, Limits
from parrot.adapters.server.metrics import Counts, prometheus
from parrot.adapters.server.receiving import Held, drained, read_with
from parrot.adapters.server.refusing import Refusal
from parrot.core.asks import Failed
from parrot.core.errors import ParrotError, RunStopped
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.rewards.values import Drawing, Outcome, Reward

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]
OPEN: Final = frozenset({"/health", "/ready"})
"""Paths that need no token: what probes ask."""


class Json(JSONResponse):
    """JSON of what models say, halves of surrogate pairs included, which UTF-8 cannot hold."""

    def render(self, content: Any) -> bytes:
        return json_text(content).encode()


@define(slots=True, eq=False)
class Service:
    """What the handlers share. Lives on the server's loop.

    token: what `Authorization: Bearer` must say; None for anyone. pickles: whether Edit-R1's form
    is answered.
    """

    model: RewardModel
    limits: Limits = field(factory=Limits)
    token: str | None = field(default=None, repr=False)
    pickles: bool = False
    name: str = field(default="", init=False)
    admission: Admission = field(init=False)
    counts: Counts = field(factory=Counts, init=False)
    stand_ins: scalars.StandIns = field(factory=scalars.StandIns, init=False)
    picture: Pictures = field(init=False)
    number: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.admission = Admission(self.limits)
        self.picture = pictures(self.limits.pixels)

    async def open(self) -> None:
        """Opens the critic; until then the server is not ready."""
        self.name = await self.model.open()

    async def native(self, request: Request) -> Response:
        """`/score`: our own form, or UniRL's."""
        async with self._body(request) as data:
            body = await read_with(data, json_of, data)
            if native.is_unirl(body):
                asked = await read_with(data, native.read_unirl, body, self.picture)
                return Json(native.write_unirl(await self._scored(asked)))
            drawings, critiques = await read_with(data, native.read_native, body, self.picture)
            found = await self._scored(drawings)
            return Json(native.write_native(found, self.name, critiques=critiques))

    async def compute(self, request: Request) -> Response:
        """`/compute`: Flow-Factory's form."""
        async with self._body(request) as data:
            body = await read_with(data, json_of, data)
            drawings = await read_with(data, scalars.read_compute, body, self.picture)
            outcomes = await self._scored(drawings)
            return Json(scalars.write_compute(self.stand_ins.numbers(drawings, outcomes)))

    async def edit_r1(self, request: Request) -> Response:
        """`/mode/logits_non_cot`: Edit-R1's pickles, where the server was told to read them."""
        if not self.pickles:
            raise Refusal(
                403, "start the server with --edit-r1-pickle to have these read", unread=True
            )
        async with self._body(request) as data:
            drawings = await read_with(data, scalars.read_edit_r1, data, self.picture)
            outcomes = await self._scored(drawings)
            content = scalars.write_edit_r1(self.stand_ins.numbers(drawings, outcomes))
            return Response(content, media_type="application/octet-stream")

    async def chat(self, request: Request) -> Response:
        """`/v1/chat/completions`."""
        self.number += 1
        number = self.number
        async with self._body(request) as data:
            body = await read_with(data, json_of, data)
            read = partial(chat.read_chat, body, self.picture, number=number)
            ask, stream = await read_with(data, read)
            with self.admission.drawn(1):
                reply = await self._paced(1, self.model.reply(ask))
        if isinstance(reply, Failed):
            raise chat.refusal_of(reply)
        whole = chat.write_chat(reply, self.name, number=number, created=int(time.time()))
        if stream:
            return StreamingResponse(chat.streamed(whole), media_type="text/event-stream")
        return Json(whole)

    async def models(self, _: Request) -> Response:
        """`/v1/models`: the one model there is."""
        card = {"id": self.name, "object": "model", "created": 0, "owned_by": "parrot"}
        return Json({"object": "list", "data": [card]})

    async def health(self, _: Request) -> Response:
        """The process answers."""
        return Json({"status": "ok", "rewards": {native.NAME: "ok"}})

    async def rewards(self, _: Request) -> Response:
        """UniRL's list of reward names."""
        return Json({"rewards": [native.NAME]})

    async def ready(self, _: Request) -> Response:
        """The critic is open and there is room."""
        full = self.admission.drawings >= self.limits.queue
        if full or not self.name:
            raise Refusal(503, "the queue is full" if full else "opening", retry_after=1)
        return Json({"status": "ready", "model": self.name})

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text."""
        gauges = {
            "drawings_waiting": float(self.admission.drawings),
            "bytes_held": float(self.admission.held),
            "refused": float(self.admission.refused),
            "imputed": float(self.stand_ins.count),
        }
        return PlainTextResponse(prometheus(self.counts, gauges, self.model.metrics))

    async def _scored(self, drawings: Sequence[Drawing]) -> tuple[Outcome, ...]:
        with self.admission.drawn(len(drawings)):
            outcomes = await self._paced(len(drawings), self.model.score(drawings))
        for one in outcomes:
            kind = "scored" if isinstance(one, Reward) else one.failure.kind.value
            self.counts.drawings[kind] += 1
        return outcomes

    async def _paced(self, count: int, work: Awaitable[T]) -> T:
        found = await work
        self.admission.answered(count, time.monotonic())
        return found

    @asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, its bytes counted as held for as long as they are worked on."""
        held = Held(self.admission, self.limits.body)
        try:
            try:
                data = await held.read(request, self.limits.read_seconds)
            except Refusal as refusal:
                refusal.unread = True
                raise
            yield data
        finally:
            held.release()


def create_app(
    model: RewardModel,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    pickles: bool = False,
) -> FastAPI:
    """The ASGI application. It opens the model's critic when it starts and closes it at the end."""
    service = Service(model, limits or Limits(), token, pickles)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.open()
        try:
            yield
        finally:
            await model.aclose()

    app = FastAPI(title="PARROT rewards", lifespan=lifespan, openapi_url=None)
    app.state.service = service
    posts = {
        "/score": service.native,
        "/compute": service.compute,
        "/mode/logits_non_cot": service.edit_r1,
        "/v1/chat/completions": service.chat,
    }
    gets = {
        "/health": service.health,
        "/ready": service.ready,
        "/metrics": service.metrics,
        "/rewards": service.rewards,
        "/v1/models": service.models,
    }
    for method, handlers in (("POST", posts), ("GET", gets)):
        for path, handler in handlers.items():
            app.add_route(path, _guarded(service, path, handler), methods=[method])
    return app


def _guarded(service: Service, path: str, handler: Handler) -> Handler:
    """The handler behind the token, with refusals told in JSON and every answer counted."""

    async def guarded(request: Request) -> Response:
        began = time.monotonic()
        try:
            if path not in OPEN:
                await _check(service.token, request)
            response = await handler(request)
        except Refusal as refusal:
            response = _told(path, refusal)
        except RunStopped as stopped:
            response = _told(path, Refusal(503, f"the critic cannot be reached: {stopped}"))
        except ParrotError as error:
            response = _told(path, Refusal(503, str(error)))
        except Exception:  # a bug in a critic: the framework's 500, counted as every answer is
            service.counts.answered(path, 500, time.monotonic() - began)
            raise
        service.counts.answered(path, response.status_code, time.monotonic() - began)
        return response

    return guarded


async def _check(token: str | None, request: Request) -> None:
    if token is None:
        return
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        unread = not await drained(request)
        raise Refusal(401, "a bearer token is needed", unread=unread)


def _told(path: str, refusal: Refusal) -> Response:
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if refusal.unread:
        headers["Connection"] = "close"
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    error: Any = refusal.message
    if path.startswith("/v1/"):
        error = {"message": refusal.message, "type": "invalid_request_error", "code": None}
    return Json({"error": error}, refusal.status, headers)
