"""`POST /v1/chat/completions`: any backend behind the OpenAI form, images inline only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import evolve
from pydantic import Field

from parrot.adapters.server.bodies import LooseFields, Pictures, decoded, fields_of, words
from parrot.adapters.server.refusing import Refusal, bad
from parrot.core.asks import Ask, Failed, FailureKind, Finish, Part, Reply, Sampling, Turn

STATUS: Mapping[FailureKind, int] = {
    FailureKind.THROTTLED: 429,
    FailureKind.TIMEOUT: 504,
    FailureKind.REJECTED: 400,
    FailureKind.REFUSED: 400,
    FailureKind.IMAGE: 400,
    FailureKind.ACCESS: 502,
}
_NEVER = -9999.0  # what OpenAI's own servers say for a token that is never drawn
_FINISH = {Finish.LENGTH: "length", Finish.FILTERED: "content_filter"}


class _Url(LooseFields):
    url: str


class _Part(LooseFields):
    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: _Url | None = None


class _Message(LooseFields):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]


class _Chat(LooseFields):
    messages: list[_Message] = Field(min_length=1, max_length=64)
    model: str = ""
    temperature: float = Field(default=1.0, ge=0.0, le=10.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    n: int = 1
    stop: str | list[str] | None = None
    stream: bool = False
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: dict[str, Any] | None = None


def read_chat(body: Any, picture: Pictures, *, number: int) -> tuple[Ask, bool]:
    """The ask, and whether the reply is to be streamed. Raises Refusal.

    number: of the request. Where chance decides, two equal requests are two samples, as a client
    of such a server expects; at temperature 0 or with a seed they are one ask.
    """
    read = fields_of(body, _Chat)
    if read.n != 1:
        raise bad("n: one completion a request")
    if read.stop:
        raise bad("stop: stop sequences are not taken")
    turns = tuple(_turn(one, f"messages.{n}", picture) for n, one in enumerate(read.messages))
    sampling = Sampling(read.temperature, read.top_p, read.seed)
    tokens = read.max_completion_tokens or read.max_tokens
    sampling = evolve(sampling, max_tokens=tokens) if tokens else sampling
    if read.logprobs or read.top_logprobs is not None:
        sampling = evolve(sampling, top_logprobs=read.top_logprobs or 0)
    chance = read.temperature > 0.0 and read.seed is None
    ask = Ask(turns, sampling, number if chance else 0, schema=_schema(read.response_format))
    return ask, read.stream


def _turn(message: _Message, place: str, picture: Pictures) -> Turn:
    role = "system" if message.role == "developer" else message.role
    if isinstance(message.content, str):
        return Turn(role, (words(message.content, place),))
    return Turn(role, tuple(_part(one, place, picture) for one in message.content))


def _part(part: _Part, place: str, picture: Pictures) -> Part:
    if part.type == "text":
        if part.text is None:
            raise bad(f"{place}: a text part without text")
        return words(part.text, place)
    if part.image_url is None or not part.image_url.url.startswith("data:"):
        raise bad(f"{place}: images come as data: URLs, never from a host or a path")
    return picture(decoded(part.image_url.url, place), place)


def _schema(response_format: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    kind = response_format and response_format.get("type")
    if response_format is None or kind == "text":
        return None
    inner = response_format.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if kind != "json_schema" or not isinstance(schema, Mapping):
        raise bad("response_format: text or json_schema with a schema")
    return schema


def write_chat(reply: Reply, model: str, *, number: int, created: int) -> dict[str, Any]:
    """The completion, in OpenAI's form."""
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text},
        "finish_reason": _FINISH.get(reply.finish, "stop"),
        "logprobs": _logprobs(reply),
    }
    usage = reply.usage
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
        },
    }


def _logprobs(reply: Reply) -> dict[str, Any] | None:
    if reply.logprobs is None:
        return None
    return {
        "content": [
            {
                "token": one.token,
                "logprob": _finite(one.logprob),
                "bytes": None,
                "top_logprobs": [
                    {"token": t, "logprob": _finite(p), "bytes": None} for t, p in one.top
                ],
            }
            for one in reply.logprobs
        ]
    }


def _finite(logprob: float) -> float:
    return logprob if math.isfinite(logprob) else _NEVER


def streamed(whole: Mapping[str, Any]) -> Iterator[str]:
    """The same as server-sent events. The text comes in one piece: the engine hands out wholes."""
    choice = whole["choices"][0]
    head = {k: whole[k] for k in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [
        {"delta": choice["message"], "finish_reason": None, "logprobs": choice["logprobs"]},
        {"delta": {}, "finish_reason": choice["finish_reason"], "logprobs": None},
    ]
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, **delta}]})
    yield _event({**head, "choices": [], "usage": whole["usage"]})
    yield "data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def refusal_of(failed: Failed) -> Refusal:
    """The status that a failure has in this form."""
    status = STATUS.get(failed.kind, 503)
    retry_after = 5 if status in {429, 503} else None
    return Refusal(status, f"{failed.kind.value}: {failed.detail}", retry_after=retry_after)
