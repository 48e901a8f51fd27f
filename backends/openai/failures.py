"""The SDK's exceptions, and those from below it, as this library's `ModelError`s.

`judged` decides from status, code and words alone and is pure; `mapped` is the one place where
foreign exceptions are caught. No message carries the key, whatever the server echoes.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import Any

import openai

from parrot.backends.openai.endpoint import NO_KEY
from parrot.core.asks import Reply
from parrot.core.errors import (
    AccessError,
    ModelError,
    RefusedError,
    RejectedError,
    ThrottledError,
    TimedOutError,
    TransientError,
)

_LENGTH = 400
_SECRET = 8
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"})
_NO_ENTRY = frozenset({"invalid_api_key", "model_not_found"})
_FILTER = re.compile(r"content.?(filter|policy|management)|moderation|safety system", re.IGNORECASE)
_OPTIONS = {
    "response_format": "schema=False",
    "json_schema": "schema=False",
    "logprobs": "logprobs=False",
    "seed": "seed=False",
    "max_completion_tokens": "token_limit='max_completion_tokens'",
    "temperature": "omit=('temperature',)",
    "top_p": "omit=('top_p',)",
}


def _foreign() -> tuple[type[Exception], ...]:
    # Transports let some of their own errors through the SDK, and which transport is there varies.
    # A body that is cut or no JSON reaches us as the decoder's own error.
    found: list[type[Exception]] = [OSError, EOFError, json.JSONDecodeError, UnicodeError]
    found.append(openai.OpenAIError)
    below = (("aiohttp", "ClientError"), ("httpx2", "HTTPError"), ("httpx", "HTTPError"))
    for module, name in below:
        try:
            found.append(getattr(import_module(module), name))
        except ImportError:
            continue
    return (ModelError, *found, *_strays())


def _strays() -> list[type[Exception]]:
    exported = [getattr(openai, name) for name in openai.__all__]
    errors = [e for e in exported if isinstance(e, type) and issubclass(e, Exception)]
    return [e for e in errors if not issubclass(e, openai.OpenAIError)]


FOREIGN = _foreign()


def judged(
    status: int, message: str, *, code: str | None = None, retry_after: float | None = None
) -> ModelError:
    """What an HTTP status with its error code and words means for the run."""
    said = f"{status}: {message}"
    if code in _NO_MONEY or code in _NO_ENTRY or status in {401, 402, 404} or status < 400:
        return AccessError(said)
    if _FILTER.search(f"{code} {message}") and status < 500 and status != 429:
        return RefusedError(said)
    if status in {429, 529}:
        return ThrottledError(said, retry_after=retry_after)
    if status == 408:
        return TimedOutError(said, retry_after=retry_after)
    if status >= 500 or status in {409, 425}:
        return TransientError(said, retry_after=retry_after)
    return AccessError(said) if status == 403 else RejectedError(said + _cure(message))


def _cure(message: str) -> str:
    for name, option in _OPTIONS.items():
        if name in message:
            return f" (a model opened with {option} does without)"
    return ""


def retry_after_of(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait, from milliseconds, seconds or an HTTP date; or None."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


@contextmanager
def mapped(key: str, key_variable: str) -> Iterator[None]:
    """Turns whatever SDK and transport raise into a ModelError that does not hold the key."""
    try:
        yield
    except FOREIGN as error:
        failure = error if isinstance(error, ModelError) else failure_of(error)
        message = _scrubbed(failure, key, key_variable)
        # The original may echo the key in its text or headers, so it is not chained.
        raise type(failure)(message, retry_after=failure.retry_after) from None


def _scrubbed(failure: ModelError, key: str, key_variable: str) -> str:
    said = str(failure).replace(key, "***") if key else str(failure)
    said = said if len(said) <= _LENGTH else said[:_LENGTH] + "…"
    if isinstance(failure, AccessError) and said.startswith(("401", "403")):
        said += f" (the key is read from {key_variable})"
    return said


def without_key(reply: Reply, key: str) -> Reply:
    """The reply, which is to be stored. Raises RejectedError where it repeats the key."""
    # Words such as EMPTY stand in for a key where a server wants none; they are no secret.
    if len(key) >= _SECRET and key != NO_KEY and key in reply.text:
        raise RejectedError("the reply repeats the key of the request, so it is not kept")
    return reply


def failure_of(error: Exception) -> ModelError:
    """The ModelError that a foreign exception stands for."""
    match error:
        case openai.APIStatusError():
            return judged(
                error.status_code,
                _words(error),
                code=error.code or error.type,
                retry_after=retry_after_of(error.response.headers, time.time()),
            )
        case openai.APIResponseValidationError():
            return TransientError("the server's answer is no completion")
        case openai.APITimeoutError() if _is_timeout(error):
            return TimedOutError("no answer within the time allowed")
        case openai.APIConnectionError():
            return TransientError(f"the connection failed: {_below(error)}")
        case openai.APIError():
            return told(error.body or error.message)
        case openai.ContentFilterFinishReasonError():
            return RefusedError("the content filter ended the reply")
        case openai.OpenAIError():
            return RejectedError(f"{type(error).__name__}: {error}")
        case TimeoutError():
            return TimedOutError("no answer within the time allowed")
        case ValueError():
            return TransientError("the server's answer is cut or no JSON")
        case _:
            return TransientError(f"the connection failed: {type(error).__name__}: {error}")


def told(error: object) -> ModelError:
    """The failure that an `error` object tells of where the HTTP status does not."""
    if not isinstance(error, Mapping):
        return judged(500, str(error))
    code, kind = error.get("code"), str(error.get("type"))
    message = str(error.get("message") or error)
    if str(code).isdigit() and 400 <= int(str(code)) < 600:
        return judged(int(str(code)), message, code=kind)
    return judged(500, message, code=str(code or kind))


def _words(error: openai.APIStatusError) -> str:
    body: Any = error.body
    message = body.get("message") if isinstance(body, Mapping) else body
    words = str(message or error.message)
    return f"{error.param}: {words}" if error.param and str(error.param) not in words else words


def _below(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


def _is_timeout(error: BaseException) -> bool:
    # The aiohttp transport reports a dropped connection as a time-out; only the root cause tells.
    while error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
