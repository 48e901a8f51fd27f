"""`RewardModel`: rewards for drawings, from any thread, any event loop, and after a fork.

It owns a background loop on which its critic and its engine live; every caller's batch is a stream
of that one engine, so batches of all callers fill the critic together and equal asks go out once.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, Self

from parrot.core.asks import Ask, Failed, Reply, Sampling
from parrot.core.engine import BackgroundLoop, Engine, Job, RetryPolicy
from parrot.core.engine.bounded import BoundedStore
from parrot.core.engine.budget import Budget
from parrot.core.engine.progress import Meter
from parrot.core.errors import ConfigError
from parrot.core.formats import Form
from parrot.core.interfaces import ChatModel, Store
from parrot.core.pipelines.rewarding import Rewarding
from parrot.core.prompts.judging import Prompt
from parrot.core.registry import open_model
from parrot.core.rewards.aggregates import Aggregate, mean
from parrot.core.rewards.tally import Tally
from parrot.core.rewards.values import Drawing, Outcome
from parrot.core.rubric import Rubric

CACHED: Final = 16_384
PATIENCE: Final = RetryPolicy(seconds=300.0, attempt_seconds=180.0)
"""A trainer waits for the slowest of a batch, so a reward is given up sooner than a rationale."""


class RewardModel:
    """Scores drawings with a critic: `model(drawings)` blocks, `await model.score(drawings)` not.

    critic: a spec (`kind:target`), what opens one, or an open model. A spec or an opener is opened
    anew in each process, so the model survives fork and spawn; an open model that was used does
    not. rubric, aggregate and the rest: see `Rewarding`. max_concurrency: of this process; give
    each rank its share. cached: replies kept in memory, the last used. known: opens a store that
    is only read, such as one that ranks share; it is closed with the model.
    """

    def __init__(
        self,
        critic: str | ChatModel | Callable[[], ChatModel],
        rubric: Rubric | None = None,
        aggregate: Aggregate = mean,
        *,
        prompt: Prompt | None = None,
        samples: int = 1,
        sampling: Sampling | None = None,
        form: Form = Form.POINTWISE,
        rivals: int | None = None,
        both_orders: bool = False,
        critiques_whole: bool = False,
        expected: bool = False,
        max_concurrency: int = 64,
        cached: int = CACHED,
        known: Callable[[], Store] | None = None,
        retry: RetryPolicy = PATIENCE,
    ) -> None:
        if not (isinstance(critic, str | ChatModel) or callable(critic)):
            raise ConfigError(f"a critic is a spec, a model or what opens one, not {critic!r}")
        self.how = Rewarding(
            rubric,
            aggregate,
            prompt or Prompt(),
            samples,
            sampling,
            form,
            rivals,
            both_orders,
            critiques_whole,
            expected,
        )
        self._critic, self._known, self._retry = critic, known, retry
        self._max_concurrency, self._cached = max_concurrency, cached
        self._used_by: int | None = None  # the process that used the open model it was given
        self._reset()

    def _reset(self) -> None:
        self._home = BackgroundLoop("parrot-rewards")
        self._engine: Engine | None = None
        self._model: ChatModel | None = None
        self._behind: Store | None = None
        self._store: BoundedStore | None = None
        self._meter = Meter()
        self._tally = Tally()
        _living.add(self)

    def __call__(self, drawings: Sequence[Drawing], /) -> tuple[Outcome, ...]:
        """One outcome a drawing, in order. Raises RunStopped where the critic is out of reach for
        good (a wrong key, no such model), ConfigError for wrong settings, and nothing for one
        drawing's sake.
        """
        return self._home.run(self._scored(tuple(drawings)))

    async def score(self, drawings: Sequence[Drawing], /) -> tuple[Outcome, ...]:
        """The same, awaited on any loop. A cancelled caller gives up its place in the queue."""
        work = self._scored(tuple(drawings))
        home = self._home.loop
        if asyncio.get_running_loop() is home:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))

    async def reply(self, ask: Ask, /) -> Reply | Failed:
        """The critic's answer to any ask, past the same queue and cache; on any loop."""
        work = self._answered((ask,))
        future = asyncio.run_coroutine_threadsafe(work, self._home.loop)
        return (await asyncio.wrap_future(future))[0]

    async def open(self) -> str:
        """Opens the critic, if it is not open yet, and returns its id; on any loop."""
        future = asyncio.run_coroutine_threadsafe(self._opened(), self._home.loop)
        return (await asyncio.wrap_future(future)).model_id

    @property
    def metrics(self) -> dict[str, float]:
        """Counts and means so far, by flat name; `asks/...` are the engine's."""
        now = self._meter.progress
        return {
            **self._tally.metrics,
            "asks/sent": float(now.tries),
            "asks/cached": float(now.cached + now.joined),
            "asks/retried": float(now.retried),
            "asks/failed": float(sum(now.failed.values())),
            "tokens/prompt": float(now.tokens.prompt),
            "tokens/completion": float(now.tokens.completion),
        }

    def close(self) -> None:
        """Ends what is under way, closes a critic that it opened, and ends its thread."""
        if self._engine or self._model or self._behind:
            self._home.run(self._aclose())
        self._home.close()

    async def aclose(self) -> None:
        """The same, awaited."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        # What a spawned process needs to make its own; the loop, the client and counts stay here.
        kept = ("how", "_critic", "_known", "_retry", "_max_concurrency", "_cached")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._used_by = None
        self._reset()

    async def _scored(self, drawings: tuple[Drawing, ...]) -> tuple[Outcome, ...]:
        replies = await self._answered(self.how.asks(drawings))
        outcomes = self.how.read(drawings, replies)
        self._tally = self._tally.after(outcomes)
        return outcomes

    async def _answered(self, asks: Sequence[Ask]) -> list[Reply | Failed]:
        if not asks:
            return []
        engine = await self._opened()
        replies: list[Reply | Failed] = []
        try:
            async with aclosing(engine.answered([Job(None, (ask,)) for ask in asks])) as answers:  # type: ignore[type-var]
                async for _, (reply,) in answers:
                    replies.append(reply)
        except Exception as error:  # whatever ended the run is the caller's to see, once
            await self._end(engine, error)
            raise
        return replies

    async def _opened(self) -> Engine:
        # On the home loop, and nothing here lets another task in: two callers cannot open two.
        if self._engine is None:
            self._behind = self._known() if self._known and not self._behind else self._behind
            self._store = self._store or BoundedStore(self._cached, self._behind)
            self._engine = await Engine(
                self._opened_critic(),
                self._store,
                max_concurrency=self._max_concurrency,
                retry=self._retry,
                budget=Budget(failures=1.0),
                observers=(self._meter,),
            ).__aenter__()
        return self._engine

    def _opened_critic(self) -> ChatModel:
        if self._model is None:
            self._model = self._opening(self._critic)
        return self._model

    def _opening(self, critic: str | ChatModel | Callable[[], ChatModel]) -> ChatModel:
        if isinstance(critic, str):
            return open_model(critic)
        if not isinstance(critic, ChatModel) or isinstance(critic, type):
            return critic()
        if self._used_by not in (None, os.getpid()):
            raise ConfigError(
                "the critic is an open model that another process used before the fork, and its"
                " connections did not follow: give its spec, or what opens it"
            )
        self._used_by = os.getpid()
        return critic

    async def _end(self, engine: Engine, error: BaseException) -> None:
        if self._engine is engine:
            self._engine = None  # the next call tries anew
            await engine.__aexit__(type(error), error, None)

    async def _aclose(self) -> None:
        engine, self._engine = self._engine, None
        model, self._model = self._model, None
        if engine is not None:
            await engine.__aexit__(None, None, None)
        if model is not None and model is not self._critic:
            await model.aclose()
        behind, self._behind, self._store = self._behind, None, None
        close = getattr(behind, "close", None)
        if close is not None:
            close()


_living: weakref.WeakSet[RewardModel] = weakref.WeakSet()


def _after_fork() -> None:
    # Threads do not follow into a child, so each model there gets a loop and a client of its own.
    for model in tuple(_living):
        model._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
