"""Models and generators that need no network: for users' tests and our own."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Sequence

from attrs import define, evolve, field

from parrot.core.asks import Ask, Failed, FailureKind, Reply, TokenLogprob
from parrot.core.errors import ModelError, RejectedError, TransientError
from parrot.core.interfaces import ChatModel, Key, Profile
from parrot.core.keys import key_of
from parrot.core.values import Image, Request

Said = str | Reply | ModelError
Script = Callable[[Ask], Said]
ABLE = Profile(logprobs=True, schema=True, images=True, seed=True)


def echo(ask: Ask) -> str:
    """The texts of the last turn, each on a line of its own."""
    return "\n".join(part for part in ask.turns[-1].parts if isinstance(part, str))


@define(slots=True)
class ScriptedModel:
    """A ChatModel that says what a function makes of the ask; an error it returns is raised.

    asked: every ask it got, in order.
    """

    script: Script = echo
    id: str = "fake:scripted"
    profile: Profile = ABLE
    asked: list[Ask] = field(factory=list)
    closed: bool = False

    async def reply(self, ask: Ask, /) -> Reply:
        self.asked.append(ask)
        self.profile.refuse_unable(ask)
        said = self.script(ask)
        if isinstance(said, ModelError):
            raise said
        return _whole(said, ask)

    async def aclose(self) -> None:
        self.closed = True


@define(slots=True)
class FlakyModel:
    """A ChatModel that fails the first `failures` tries of each ask, then lets another answer."""

    model: ChatModel
    failures: int = 1
    error: Callable[[], ModelError] = lambda: TransientError("flaky on purpose")
    _tries: Counter[Key] = field(factory=Counter)

    @property
    def id(self) -> str:
        return self.model.id

    @property
    def profile(self) -> Profile:
        return self.model.profile

    async def reply(self, ask: Ask, /) -> Reply:
        key = key_of(ask, self.id)
        self._tries[key] += 1
        if self._tries[key] <= self.failures:
            raise self.error()
        return await self.model.reply(ask)

    async def aclose(self) -> None:
        await self.model.aclose()


@define(slots=True)
class ScriptedBatchModel:
    """A BatchModel that says what a function makes of each ask. batches: the size of each call."""

    script: Script = echo
    id: str = "fake:batch"
    profile: Profile = ABLE
    batches: list[int] = field(factory=list)
    closed: bool = False

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        self.batches.append(len(asks))
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Reply | Failed:
        lacking = self.profile.lacking(ask)
        if lacking:
            return Failed(FailureKind.REJECTED, f"no {' and no '.join(lacking)}")
        said = self.script(ask)
        return _failed(said) if isinstance(said, ModelError) else _whole(said, ask)

    def close(self) -> None:
        self.closed = True


def _failed(error: ModelError) -> Failed:
    kind = FailureKind.REJECTED if isinstance(error, RejectedError) else FailureKind.TRANSIENT
    return Failed(kind, str(error))


def _whole(said: str | Reply, ask: Ask) -> Reply:
    """The reply with log-probabilities where they are asked for: one certain token."""
    reply = Reply(said) if isinstance(said, str) else said
    if ask.sampling.top_logprobs is None or reply.logprobs is not None:
        return reply
    return evolve(reply, logprobs=(TokenLogprob(reply.text, 0.0),))


def plain_image(red: int, green: int, blue: int, *, side: int = 8) -> Image:
    """A PNG of one colour, made without any library; channels in 0..255."""
    row = b"\0" + bytes((red, green, blue)) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * side)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)
    return Image(hashlib.sha256(data).hexdigest(), "image/png", data)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@define(slots=True)
class ScriptedGenerator:
    """A Generator whose images are of one colour, fixed by request, seed and start."""

    id: str = "fake:generator"
    drawn: list[tuple[Request, int, Image | None]] = field(factory=list)
    closed: bool = False

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        self.drawn.append((request, seed, start))
        sources = [source.sha256 for source in request.sources]
        meaning = repr((request.prompt, sources, seed, start and start.sha256)).encode()
        red, green, blue, *_ = hashlib.sha256(meaning).digest()
        return plain_image(red, green, blue)

    async def aclose(self) -> None:
        self.closed = True
