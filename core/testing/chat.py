"""Chat-completions requests and answers as the loopback server sees and writes them."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

Json = dict[str, Any]
_TOKEN = re.compile(r"\s*\S{1,6}|\s+")


@frozen(slots=True)
class ChatRequest:
    """One request. digest: of its body; attempt: how often that body came, from 1."""

    body: Mapping[str, Any]
    digest: str
    attempt: int = 1
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def system(self) -> str:
        return "\n".join(_texts(self.body, roles=("system", "developer")))

    @property
    def text(self) -> str:
        """All texts of all turns, in order, each on lines of its own."""
        return "\n".join(_texts(self.body))

    @property
    def images(self) -> tuple[bytes, ...]:
        """The bytes behind the `data:` URLs, in order."""
        return tuple(_image_bytes(url) for url in _urls(self.body))


def _parts(body: Mapping[str, Any], roles: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any]]:
    for message in body.get("messages", ()):
        if roles and message.get("role") not in roles:
            continue
        content = message.get("content")
        if isinstance(content, str):
            yield {"type": "text", "text": content}
        else:
            yield from content or ()


def _texts(body: Mapping[str, Any], roles: tuple[str, ...] = ()) -> Iterator[str]:
    return (str(p.get("text", "")) for p in _parts(body, roles) if p.get("type") == "text")


def _urls(body: Mapping[str, Any]) -> Iterator[str]:
    return (p["image_url"]["url"] for p in _parts(body) if p.get("type") == "image_url")


def _image_bytes(url: str) -> bytes:
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise ValueError(f"not an inline image: {url[:40]!r}")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None


@frozen(slots=True)
class Answer:
    """What a teacher says. odds: probabilities of the first token, for log-probabilities."""

    text: str
    finish: str = "stop"
    odds: Mapping[str, float] = field(factory=dict)
    refusal: str | None = None


@frozen(slots=True)
class Raw:
    """An HTTP answer as it is; `hang_up` closes the connection after `body`, however short."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)
    hang_up: bool = False


def tokens(text: str) -> list[str]:
    """The text in pieces of a few characters; joined they are the text."""
    return _TOKEN.findall(text)


def error_body(message: str, *, kind: str, code: str | None = None) -> bytes:
    """An error as OpenAI words it."""
    return json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()


def completion(request: ChatRequest, answer: Answer, usage: Json) -> bytes:
    """A `chat.completion` object."""
    message = {"role": "assistant", "content": answer.text, "refusal": answer.refusal}
    choice: Json = {"index": 0, "message": message, "finish_reason": answer.finish}
    choice["logprobs"] = _logprobs(request, answer)
    return json.dumps(
        _head(request, "chat.completion") | {"choices": [choice], "usage": usage}
    ).encode()


def chunks(request: ChatRequest, answer: Answer, usage: Json) -> Iterator[bytes]:
    """The events of a streamed completion, one a token and a last one that ends it."""
    counted = bool((request.body.get("stream_options") or {}).get("continuous_usage_stats"))
    listed = _logprobs(request, answer)
    for index, token in enumerate(tokens(answer.text)):
        so_far = usage | {"completion_tokens": index + 1} if counted else None
        said = {"content": [listed["content"][index]]} if listed else None
        yield _chunk(request, {"content": token}, logprobs=said, usage=so_far)
    yield _chunk(request, {}, answer.finish, usage=usage) + b"data: [DONE]\n\n"


def _chunk(
    request: ChatRequest,
    delta: Json,
    finish: str | None = None,
    *,
    logprobs: Json | None = None,
    usage: Json | None = None,
) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    data = _head(request, "chat.completion.chunk") | {"choices": [choice], "usage": usage}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _head(request: ChatRequest, kind: str) -> Json:
    return {"id": f"c-{request.digest[:12]}", "object": kind, "created": 0, "model": request.model}


def _logprobs(request: ChatRequest, answer: Answer) -> Json | None:
    if not request.body.get("logprobs"):
        return None
    wanted = int(request.body.get("top_logprobs") or 0)
    return {"content": [_token(t, answer, i, wanted) for i, t in enumerate(tokens(answer.text))]}


def _token(token: str, answer: Answer, index: int, wanted: int) -> Json:
    odds = dict(answer.odds) if index == 0 and answer.odds else {token: 0.9}
    ranked = sorted(odds.items(), key=lambda pair: -pair[1])[:wanted]
    top = [{"token": t, "logprob": math.log(max(p, 1e-9))} for t, p in ranked]
    own = math.log(max(odds.get(token, 1e-9), 1e-9))
    return {"token": token, "logprob": own, "top_logprobs": top}


def usage_of(
    request: ChatRequest, answer: Answer, *, cached: bool, image_tokens: int = 256
) -> Json:
    """Tokens, four characters each; `cached` where the system text was seen before."""
    images = sum(1 for _ in _urls(request.body))
    prompt = 1 + len(request.text) // 4 + images * image_tokens
    completion_tokens = len(tokens(answer.text))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": len(request.system) // 4 if cached else 0},
    }
