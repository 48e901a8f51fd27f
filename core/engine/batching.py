"""Local models and generators that work in batches, as a ChatModel and a Generator.

Knows nothing of gates or stores. Both live on the loop of their first call; the batch form and
`close` run on one thread of their own, and closing them closes the model.
"""

from __future__ import annotations

from parrot.core.asks import Ask, Reply
from parrot.core.engine.clock import SystemClock
from parrot.core.engine.together import Together, error_of
from parrot.core.interfaces import (
    BatchGenerator,
    BatchModel,
    ChatModel,
    Clock,
    Counting,
    Generator,
    Profile,
    Wanted,
)
from parrot.core.values import Image, Request

__all__ = ["batched", "batched_generator", "error_of"]


class _Batched:
    def __init__(self, model: BatchModel, *, max_batch: int, max_wait: float, clock: Clock) -> None:
        self._model = model
        self._together = Together[Ask, Reply](
            model.reply_batch,
            model.close,
            name=f"the model {model.id!r}",
            max_batch=max_batch,
            max_wait=max_wait,
            clock=clock,
        )

    @property
    def id(self) -> str:
        return self._model.id

    @property
    def profile(self) -> Profile:
        return self._model.profile

    async def reply(self, ask: Ask, /) -> Reply:
        """The reply to one ask. Raises the ModelError or ImageError that its failure stands for."""
        return await self._together.one(ask)

    async def aclose(self) -> None:
        await self._together.aclose()


class _Counted(_Batched):
    def prompt_tokens(self, ask: Ask, /) -> int:
        """Tokens of the ask."""
        assert isinstance(self._model, Counting)
        return self._model.prompt_tokens(ask)


class _BatchedGenerator:
    def __init__(
        self, generator: BatchGenerator, *, max_batch: int, max_wait: float, clock: Clock
    ) -> None:
        self._generator = generator
        self._together = Together[Wanted, Image](
            generator.draw_batch,
            generator.close,
            name=f"the generator {generator.id!r}",
            max_batch=max_batch,
            max_wait=max_wait,
            clock=clock,
        )

    @property
    def id(self) -> str:
        return self._generator.id

    async def draw(self, request: Request, /, *, seed: int, start: Image | None = None) -> Image:
        """One drawing. Raises the ModelError or ImageError that its failure stands for."""
        return await self._together.one(Wanted(request, seed, start))

    async def aclose(self) -> None:
        await self._together.aclose()


def batched(
    model: BatchModel,
    *,
    max_batch: int = 16,
    max_wait: float = 0.005,
    clock: Clock | None = None,
) -> ChatModel:
    """The batch model as a ChatModel that lives on the loop of its first ask.

    max_batch: asks in one batch at most. max_wait: seconds an ask waits for company. `reply_batch`
    and `close` run on one thread of the batcher's own. Closing it closes the model.
    """
    clock = clock or SystemClock()
    made = _Counted if isinstance(model, Counting) else _Batched
    return made(model, max_batch=max_batch, max_wait=max_wait, clock=clock)


def batched_generator(
    generator: BatchGenerator,
    *,
    max_batch: int = 4,
    max_wait: float = 0.02,
    clock: Clock | None = None,
) -> Generator:
    """The batch generator as a Generator; as `batched` for models."""
    clock = clock or SystemClock()
    return _BatchedGenerator(generator, max_batch=max_batch, max_wait=max_wait, clock=clock)
