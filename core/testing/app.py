"""The loopback server's mind: HTTP requests on a stream, a teacher's answers, faults and counts.

Speaks as much HTTP/1.1 as OpenAI clients need. Knows nothing of ports or threads (see `server`).
Latencies and faults follow from the requests and a seed, not from chance.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from http.client import responses
from typing import Any, TextIO

from attrs import define, evolve, field, frozen

from parrot.core.testing.chat import (
    Answer,
    ChatRequest,
    Raw,
    chunks,
    completion,
    error_body,
    usage_of,
)
from parrot.core.testing.faults import Fault, Faults
from parrot.core.testing.images import ImageRequest, answer_of, image_request, paint

Teacher = Callable[[ChatRequest], str | Answer | Raw]
Painter = Callable[[ImageRequest], bytes | Raw]
_COUNTED = (
    "requests",
    "answered",
    "repeated",
    "throttled",
    "peak_in_flight",
    "connections",
    "tokens_sent",
)
_STREAMED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


@frozen(slots=True)
class Behaviour:
    """How a server answers, beside what its teacher says.

    capacity: requests admitted at once, the rest get 429. latency_s: seconds to the answer;
    token_s: seconds a token when streaming. api_key, models: what is accepted; None accepts all.
    """

    faults: Faults = field(factory=Faults)
    capacity: int | None = None
    latency_s: float = 0.0
    token_s: float = 0.0
    api_key: str | None = None
    models: frozenset[str] | None = None
    retry_after_s: float = 0.1


@define(slots=True)
class Counts:
    """What a server has seen. repeated: bodies answered well more than once."""

    requests: int = 0
    answered: int = 0
    repeated: int = 0
    throttled: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    connections: int = 0
    tokens_sent: int = 0
    faults: Counter[str] = field(factory=Counter)
    attempts: Counter[str] = field(factory=Counter)
    served: set[str] = field(factory=set)
    systems: set[str] = field(factory=set)
    keys: set[str] = field(factory=set)

    def summary(self) -> dict[str, Any]:
        """The counts as plain data."""
        plain = {name: getattr(self, name) for name in _COUNTED}
        return {**plain, "distinct": len(self.attempts), "faults": dict(self.faults)}


@define(slots=True, eq=False)
class App:
    """The server's mind: requests in, bytes out. Knows sockets only as stream writers."""

    teacher: Teacher
    behaviour: Behaviour = field(factory=Behaviour)
    counts: Counts = field(factory=Counts)
    log: TextIO | None = None
    painter: Painter = paint

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until either side ends it."""
        self.counts.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            return  # the client went away
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if method == "POST" and path.endswith("/chat/completions"):
            return await self._chat(body, headers, writer)
        if method == "POST" and path.endswith(("/images/generations", "/images/edits")):
            return await self._image(body, headers, writer)
        if path.endswith("/stats"):
            return await _send(writer, Raw(200, json.dumps(self.counts.summary()).encode()))
        if path.endswith("/models"):
            names = sorted(self.behaviour.models or {"any"})
            listed = {"object": "list", "data": [{"id": n, "object": "model"} for n in names]}
            return await _send(writer, Raw(200, json.dumps(listed).encode()))
        return await _send(writer, Raw(404, error_body(f"no {path}", kind="not_found")))

    async def _chat(
        self, body: bytes, headers: Mapping[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        counts = self.counts
        digest = hashlib.sha256(body).hexdigest()
        counts.requests += 1
        counts.attempts[digest] += 1
        counts.keys.add(headers.get("authorization", ""))
        request = ChatRequest(json.loads(body), digest, counts.attempts[digest], headers)
        refusal = self._refusal(request)
        if refusal is not None:
            self._noted(request, str(refusal.status))
            return await _send(writer, refusal)
        counts.in_flight += 1
        counts.peak_in_flight = max(counts.peak_in_flight, counts.in_flight)
        try:
            return await self._admitted(request, writer)
        finally:
            counts.in_flight -= 1

    async def _image(
        self, body: bytes, headers: Mapping[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        counts = self.counts
        request = image_request(body, headers)
        counts.requests += 1
        counts.attempts[request.digest] += 1
        request = evolve(request, attempt=counts.attempts[request.digest])
        counts.keys.add(headers.get("authorization", ""))
        refusal = self._refusal(request)
        if refusal is None:
            fault, size = self.behaviour.faults.drawn(request.digest, request.attempt)
            counts.faults.update([fault.value] if fault else [])
            refusal = self._early(fault, size)
        said = refusal or self.painter(request)
        counts.answered += isinstance(said, bytes)
        self._noted(request, "drawn" if isinstance(said, bytes) else f"raw {said.status}")
        return await _send(writer, said if isinstance(said, Raw) else Raw(200, answer_of(said)))

    def _refusal(self, request: ChatRequest | ImageRequest) -> Raw | None:
        wants, counts = self.behaviour, self.counts
        given = request.headers.get("authorization", "")
        if wants.api_key is not None and given != f"Bearer {wants.api_key}":
            return Raw(401, error_body("Incorrect API key provided", kind="invalid_request_error"))
        if wants.models is not None and request.model not in wants.models:
            message = f"The model {request.model!r} does not exist"
            return Raw(
                404, error_body(message, kind="invalid_request_error", code="model_not_found")
            )
        if wants.capacity is not None and counts.in_flight >= wants.capacity:
            return self._throttle(wants.retry_after_s)
        return None

    def _throttle(self, seconds: float) -> Raw:
        self.counts.throttled += 1
        body = error_body("Rate limit reached", kind="requests", code="rate_limit_exceeded")
        return Raw(429, body, {"retry-after": f"{seconds:.3f}"})

    async def _admitted(self, request: ChatRequest, writer: asyncio.StreamWriter) -> bool:
        fault, size = self.behaviour.faults.drawn(request.digest, request.attempt)
        if fault is not None:
            self.counts.faults[fault.value] += 1
        early = self._early(fault, size)
        if early is not None:
            self._noted(request, str(fault))
            return await _send(writer, early)
        late = self.behaviour.faults.slow_s if fault is Fault.SLOW else 0.0
        if self.behaviour.latency_s + late > 0:
            await asyncio.sleep(self.behaviour.latency_s + late)
        said = self.teacher(request)
        if isinstance(said, Raw):
            self._noted(request, f"raw {said.status}")
            return await _send(writer, said)
        answer = _spoilt(Answer(said) if isinstance(said, str) else said, fault, request.digest)
        return await self._answer(request, answer, fault, writer)

    def _early(self, fault: Fault | None, size: float) -> Raw | None:
        if fault is Fault.THROTTLED:
            return self._throttle(size * self.behaviour.faults.retry_after_s)
        if fault is Fault.SERVER_ERROR:
            return Raw(500, error_body("The server had an error", kind="server_error"))
        if fault is Fault.HANG_UP:
            return Raw(0, hang_up=True)
        if fault is Fault.WRONG_JSON:
            return Raw(200, b'{"object": "list", "data": []}')
        return None

    async def _answer(
        self,
        request: ChatRequest,
        answer: Answer,
        fault: Fault | None,
        writer: asyncio.StreamWriter,
    ) -> bool:
        usage = usage_of(request, answer, cached=request.system in self.counts.systems)
        self.counts.systems.add(request.system)
        whole = completion(request, answer, usage)
        if fault is Fault.CUT_BODY:
            self._noted(request, fault)
            return await _send(writer, Raw(200, whole[: len(whole) // 2], hang_up=True), len(whole))
        self.counts.answered += 1
        self.counts.repeated += request.digest in self.counts.served
        self.counts.served.add(request.digest)
        self._noted(request, answer.finish)
        if request.body.get("stream"):
            return await self._stream(request, answer, usage, writer)
        self.counts.tokens_sent += usage["completion_tokens"]
        return await _send(writer, Raw(200, whole))

    async def _stream(
        self,
        request: ChatRequest,
        answer: Answer,
        usage: dict[str, Any],
        writer: asyncio.StreamWriter,
    ) -> bool:
        writer.write(_STREAMED)
        for event in chunks(request, answer, usage):
            writer.write(_framed(event))
            await writer.drain()
            if self.behaviour.token_s:
                await asyncio.sleep(self.behaviour.token_s)
            self.counts.tokens_sent += 1
        writer.write(_framed(b""))
        await writer.drain()
        return True

    def _noted(self, request: ChatRequest | ImageRequest, outcome: str) -> None:
        if self.log is not None:
            line = {"digest": request.digest, "attempt": request.attempt, "outcome": outcome}
            self.log.write(json.dumps(line) + "\n")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _spoilt(answer: Answer, fault: Fault | None, digest: str) -> Answer:
    if fault is Fault.CUT_REPLY:
        return Answer(answer.text[: len(answer.text) // 2], "length")
    if fault is Fault.GARBAGE:
        return Answer(f"{digest} \ufffd\u2588 }}{{ 1. ?? Score: {digest[:2]}")
    return answer


async def _send(writer: asyncio.StreamWriter, raw: Raw, length: int | None = None) -> bool:
    """Writes the answer and says whether the connection lives on."""
    if raw.status:
        shown = {"content-type": "application/json", **raw.headers}
        shown["content-length"] = str(len(raw.body) if length is None else length)
        lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
        phrase = responses.get(raw.status, "Unknown")
        writer.write(f"HTTP/1.1 {raw.status} {phrase}\r\n{lines}\r\n".encode("latin-1") + raw.body)
        await writer.drain()
    return not raw.hang_up
