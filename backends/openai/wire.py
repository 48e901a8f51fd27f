"""Asks as request bodies and response bodies as replies: the chat-completions form, and only that.

Knows the wire and nothing of connections, keys or retries. Image parts must have been turned into
`data:` URLs by the caller, since opening images may block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from parrot.core.asks import Ask, Finish, Reply, TokenLogprob, Turn, Usage, sendable
from parrot.core.errors import RefusedError, TransientError
from parrot.core.interfaces import Profile
from parrot.core.values import Image

Body = dict[str, Any]
_FINISHES = {
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "content_filter": Finish.FILTERED,
}
_BROKEN_OFF = frozenset({"abort", "error", "cancelled"})


@frozen(slots=True)
class Wire:
    """What one server wants said differently.

    token_limit: the name of the field that limits the reply. omitted: sampling fields that are not
    sent. extra: fields added to every body.
    """

    model: str
    token_limit: str = "max_tokens"  # noqa: S105 - a field name
    omitted: frozenset[str] = frozenset()
    extra: Mapping[str, Any] = field(factory=dict)


def body_of(ask: Ask, wire: Wire, profile: Profile, url_of: Callable[[Image], str]) -> Body:
    """The request body of an ask. `url_of` gives the URL under which an image is sent.

    A seed is sent plus the sample index, so that samples of one ask differ.
    """
    sampling = ask.sampling
    body: Body = {
        "model": wire.model,
        "messages": [_message(turn, url_of) for turn in ask.turns],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        wire.token_limit: sampling.max_tokens,
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed + ask.sample
    if sampling.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    if ask.schema is not None and profile.schema:
        named = {"name": "reply", "strict": True, "schema": dict(ask.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    kept = {name: value for name, value in body.items() if name not in wire.omitted}
    return {**kept, **wire.extra}


def _message(turn: Turn, url_of: Callable[[Image], str]) -> Body:
    blocks = turn.blocks
    if len(blocks) == 1 and isinstance(blocks[0], str):
        return {"role": turn.role, "content": sendable(blocks[0])}
    content = [
        {"type": "text", "text": sendable(block)}
        if isinstance(block, str)
        else {"type": "image_url", "image_url": {"url": url_of(block)}}
        for block in blocks
    ]
    return {"role": turn.role, "content": content or ""}


def _whole(text: str) -> str:
    """The text with halves of characters, which JSON can carry and no store can, marked as such."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def reply_of(body: object) -> Reply:
    """The reply that a response body holds.

    Raises RefusedError where the model declined, TransientError where the body is not a completion
    or was broken off.
    """
    if not isinstance(body, Mapping):
        raise TransientError(f"the server's answer is no completion but {str(body)!r}")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, Sequence) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise TransientError("the server's answer has no choices")
    if message.get("refusal"):
        raise RefusedError(f"the model declined: {message['refusal']}")
    return Reply(
        text_of(message.get("content")),
        finish_of(choice.get("finish_reason")),
        usage_of(body.get("usage")),
        logprobs_of(choice.get("logprobs")),
    )


def text_of(content: object) -> str:
    """The text of a message's content: a string, nothing, or text parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _whole(content)
    if isinstance(content, Sequence):
        parts = (str(p.get("text") or "") for p in content if isinstance(p, Mapping))
        return _whole("".join(parts))
    raise TransientError("the content of the server's answer is no text")


def finish_of(reason: object) -> Finish:
    """Why the reply ended. Raises TransientError where the server broke it off."""
    if reason in _BROKEN_OFF:
        raise TransientError(f"the server broke the reply off ({reason})")
    return _FINISHES.get(str(reason), Finish.END)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def usage_of(usage: object) -> Usage:
    """Tokens as the server counts them; zeros where it does not say."""
    if not isinstance(usage, Mapping):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    return Usage(
        _count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens"))
    )


def logprobs_of(logprobs: object) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities a token, None where the server gave none."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(content, Sequence) or isinstance(content, str):
        return None
    try:
        return tuple(_token(entry) for entry in content)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise TransientError("the answer's log-probabilities cannot be read") from None


def _token(entry: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((str(t["token"]), float(t["logprob"])) for t in entry.get("top_logprobs") or ())
    return TokenLogprob(str(entry["token"]), float(entry["logprob"]), top)
