"""Deliberately wrong models: what their conformance suites must catch.

Each says in one line what it does wrong; all else about it is right. Filters, generators, stores and
aggregates have modules of their own beside this one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence

from attrs import evolve

from parrot.core.asks import Ask, Failed, FailureKind, Finish, Reply, TokenLogprob, Usage
from parrot.core.errors import TransientError
from parrot.core.interfaces import BatchModel, ChatModel, Profile
from parrot.core.testing.fakes import (
    ABLE,
    ScriptedBatchModel,
    ScriptedModel,
    echo,
)


class _Wrong:
    """A sound model, to be made wrong in one thing."""

    id = "broken:model"
    profile = ABLE

    def __init__(self) -> None:
        self._sound = ScriptedModel(id=self.id, profile=self.profile)

    async def reply(self, ask: Ask, /) -> Reply:
        return await self._sound.reply(ask)

    async def aclose(self) -> None:
        return None


class SaysItsUrl(_Wrong):
    """Its id holds the URL of its server."""

    id = "openai:m@http://localhost:8000/v1"


class RenamesItself(_Wrong):
    """Every instance has an id of its own, so that nothing stored is ever found again."""

    _numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.id = f"broken:{next(self._numbers)}"


class GivesPlainText(_Wrong):
    """Its reply is a str."""

    async def reply(self, ask: Ask, /) -> Reply:
        return echo(ask)  # type: ignore[return-value]


class RaisesItsOwn(_Wrong):
    """An empty text makes it raise what nobody is told of."""

    async def reply(self, ask: Ask, /) -> Reply:
        if echo(ask) == "":
            raise KeyError("choices")
        return await super().reply(ask)


class ChokesOnImages(_Wrong):
    """An image that cannot be opened makes it raise a bare OSError."""

    async def reply(self, ask: Ask, /) -> Reply:
        if any(image.source == "absent/absent.png" for image in ask.images):
            raise FileNotFoundError("absent/absent.png")
        return await super().reply(ask)


class NeverAnswers(_Wrong):
    """Whatever it is asked, it is busy."""

    async def reply(self, ask: Ask, /) -> Reply:
        raise TransientError("busy")


class MixesReplies(_Wrong):
    """Of asks at once, all get the answer to the last."""

    def __init__(self) -> None:
        super().__init__()
        self._last: Ask | None = None

    async def reply(self, ask: Ask, /) -> Reply:
        self._last = ask
        await asyncio.sleep(0)
        return await super().reply(self._last)


class DiesOfCancellation(_Wrong):
    """A call that was cancelled leaves its lock taken: the next one hangs."""

    def __init__(self) -> None:
        super().__init__()
        self._busy = False

    async def reply(self, ask: Ask, /) -> Reply:
        while self._busy and echo(ask) == "Say one word.":  # noqa: ASYNC110  its fault
            await asyncio.sleep(0.01)
        self._busy = True
        await asyncio.sleep(0)
        self._busy = False
        return await super().reply(ask)


class ClosesOnce(_Wrong):
    """A second aclose() fails."""

    def __init__(self) -> None:
        super().__init__()
        self._open = True

    async def aclose(self) -> None:
        if not self._open:
            raise RuntimeError("already closed")
        self._open = False


class OverlooksImages(_Wrong):
    """Its profile has no images, and it answers as though the ask had none."""

    profile = Profile(images=False, logprobs=True, seed=True)

    def __init__(self) -> None:
        super().__init__()
        self._sound = ScriptedModel(id=self.id)


class OverlooksSeeds(OverlooksImages):
    """Its profile has no seed, and it answers as though the ask had none."""

    profile = Profile(images=True, logprobs=True, seed=False)


class PromisesLogprobs(_Wrong):
    """Its profile has log-probabilities, its replies have none."""

    async def reply(self, ask: Ask, /) -> Reply:
        return evolve(await super().reply(ask), logprobs=None)


class ShowsLogprobsUnasked(_Wrong):
    """Its replies have log-probabilities that nobody asked for."""

    async def reply(self, ask: Ask, /) -> Reply:
        return evolve(await super().reply(ask), logprobs=(TokenLogprob("x", -0.1),))


class InventsLogprobs(_Wrong):
    """Its log-probabilities are probabilities."""

    async def reply(self, ask: Ask, /) -> Reply:
        reply = await super().reply(ask)
        return evolve(reply, logprobs=reply.logprobs and (TokenLogprob("x", 0.9),))


class AlwaysStopsEarly(_Wrong):
    """It stops after the scores though the ask wants the end."""

    async def reply(self, ask: Ask, /) -> Reply:
        return evolve(await super().reply(ask), finish=Finish.SCORES)


class Wavers(_Wrong):
    """At temperature 0 it says something else each time."""

    _numbers = itertools.count()

    async def reply(self, ask: Ask, /) -> Reply:
        return evolve(await super().reply(ask), text=f"answer {next(self._numbers)}")


class Miscounts(_Wrong):
    """It forgets the images when it says how long an ask is."""

    async def reply(self, ask: Ask, /) -> Reply:
        usage = Usage(self.prompt_tokens(ask) + len(ask.images))
        return evolve(await super().reply(ask), usage=usage)

    def prompt_tokens(self, ask: Ask, /) -> int:
        return sum(len(p) for t in ask.turns for p in t.parts if isinstance(p, str))


MODELS: tuple[Callable[[], ChatModel], ...] = (
    SaysItsUrl,
    RenamesItself,
    GivesPlainText,
    RaisesItsOwn,
    ChokesOnImages,
    NeverAnswers,
    MixesReplies,
    DiesOfCancellation,
    ClosesOnce,
    OverlooksImages,
    OverlooksSeeds,
    PromisesLogprobs,
    ShowsLogprobsUnasked,
    InventsLogprobs,
    AlwaysStopsEarly,
    Wavers,
    Miscounts,
)


class _WrongBatch:
    id = "broken:batch"
    profile = ABLE

    def __init__(self) -> None:
        self._sound = ScriptedBatchModel(id=self.id)

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        return self._sound.reply_batch(asks)

    def close(self) -> None:
        return None


class Shuffles(_WrongBatch):
    """Answers come longest ask first and are not put back."""

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        return super().reply_batch(sorted(asks, key=lambda ask: -len(echo(ask))))


class LosesTheLast(_WrongBatch):
    """An odd ask at the end of a batch gets no answer."""

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        return super().reply_batch(asks[: len(asks) // 2 * 2] or asks)


class DiesOfOne(_WrongBatch):
    """One image that cannot be opened ends the batch with an exception."""

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        if any(i.source == "absent/absent.png" for ask in asks for i in ask.images):
            raise FileNotFoundError("absent/absent.png")
        return super().reply_batch(asks)


class FailsTogether(_WrongBatch):
    """One image that cannot be opened fails every ask of the batch."""

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        if any(i.source == b"x" for ask in asks for i in ask.images):
            return [Failed(FailureKind.IMAGE, "no image")] * len(asks)
        return super().reply_batch(asks)


class LeansOnCompany(_WrongBatch):
    """What it says depends on how many asks came along (padding that is not masked)."""

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        extra = "" if len(asks) == 1 else "."
        return [
            evolve(answer, text=answer.text + extra) if isinstance(answer, Reply) else answer
            for answer in super().reply_batch(asks)
        ]


class NeedsOne(_WrongBatch):
    """An empty batch is more than it can take."""

    def reply_batch(self, asks: Sequence[Ask], /) -> Sequence[Reply | Failed]:
        return super().reply_batch((asks[0], *asks[1:]))


BATCH_MODELS: tuple[Callable[[], BatchModel], ...] = (
    Shuffles,
    LosesTheLast,
    DiesOfOne,
    FailsTogether,
    LeansOnCompany,
    NeedsOne,
)
