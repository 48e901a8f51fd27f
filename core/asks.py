"""What a model gets and gives: `Ask`, `Reply`, and `Failed` where no reply came."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from attrs import field, frozen, validators

from parrot.core.errors import RejectedError
from parrot.core.values import Image

Part = str | Image
Role = Literal["system", "user", "assistant"]


@frozen(slots=True)
class Turn:
    """One message: text and images in order. Text is only text: nothing in it is expanded."""

    role: Role
    parts: tuple[Part, ...] = field()

    @property
    def blocks(self) -> tuple[Part, ...]:
        """The parts as every model is shown them: texts that follow one another stand on lines of
        their own in one block."""
        out: list[Part] = []
        for part in self.parts:
            before = out[-1] if out else None
            if isinstance(part, str) and isinstance(before, str):
                out[-1] = before + ("" if before.endswith("\n") else "\n") + part
            else:
                out.append(part)
        return tuple(out)


@frozen(slots=True)
class Sampling:
    """How to sample. Limits of length do not change the meaning of an ask and stay out of its key.

    temperature >= 0; top_p in (0, 1]; max_tokens >= 1; top_logprobs: alternatives wanted for each
    token in [0, 20], None for no log-probabilities at all.
    """

    temperature: float = field(default=0.7, validator=validators.ge(0.0))
    top_p: float = field(default=1.0, validator=[validators.gt(0.0), validators.le(1.0)])
    seed: int | None = None
    max_tokens: int = field(default=2048, validator=validators.ge(1))
    top_logprobs: int | None = field(
        default=None, validator=validators.optional([validators.ge(0), validators.le(20)])
    )


class Until(StrEnum):
    """How far a reply must go: to its end, or until the last score is out."""

    END = "end"
    SCORES = "scores"


@frozen(slots=True)
class Ask:
    """One question to a model.

    sample: index among repeated asks of one thing, from 0; equal asks with different samples have
    different keys. schema: a JSON schema that the reply should satisfy, used where a server can.
    until: SCORES lets a backend stop early. last_score: the heading after which no score follows,
    set with until=SCORES. image_policy: id of how images are prepared ("original": bytes untouched).
    """

    turns: tuple[Turn, ...] = field()
    sampling: Sampling = Sampling()
    sample: int = field(default=0, validator=validators.ge(0))
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    until: Until = Until.END
    last_score: str | None = None
    image_policy: str = "original"

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(p for t in self.turns for p in t.parts if isinstance(p, Image))


class Finish(StrEnum):
    """Why a reply ended."""

    END = "end"
    LENGTH = "length"
    SCORES = "scores"  # stopped on purpose: the last score was out
    FILTERED = "filtered"


@frozen(slots=True)
class Usage:
    """Tokens of one reply; `cached` is the part of `prompt` that the server had in its cache."""

    prompt: int = field(default=0, validator=validators.ge(0))
    cached: int = field(default=0, validator=validators.ge(0))
    completion: int = field(default=0, validator=validators.ge(0))

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
        )


@frozen(slots=True)
class TokenLogprob:
    """One token of a reply with its natural-log probability and the alternatives beside it."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@frozen(slots=True)
class Reply:
    """What a model wrote. logprobs: one entry a token, None where not asked for or not to be had."""

    text: str
    finish: Finish = Finish.END
    usage: Usage = Usage()
    logprobs: tuple[TokenLogprob, ...] | None = None


class FailureKind(StrEnum):
    """Why there is no value."""

    THROTTLED = "throttled"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    REFUSED = "refused"
    ACCESS = "access"
    CUT = "cut"  # the reply hit its token limit
    UNREADABLE = "unreadable"
    IMAGE = "image"
    NOT_ASKED = "not_asked"  # the run stopped before this ask


@frozen(slots=True)
class Failed:
    """No value, and why. `attempts`: how often it was tried."""

    kind: FailureKind
    detail: str
    attempts: int = field(default=1, validator=validators.ge(0))


def whole(reply: Reply | Failed) -> Reply | Failed:
    """The reply if it came to its end, else why it cannot be used."""
    if isinstance(reply, Failed):
        return reply
    if reply.finish is Finish.LENGTH:
        return Failed(FailureKind.CUT, "the reply hit its token limit")
    if reply.finish is Finish.FILTERED:
        return Failed(FailureKind.REFUSED, "a content filter cut the reply")
    return reply


def sendable(text: str) -> str:
    """The text, which UTF-8 can hold. Raises RejectedError where it holds half a character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RejectedError("a text of the ask holds half a character (a lone surrogate)") from None
    return text
