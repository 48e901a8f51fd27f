"""The loop: a policy decides, a generator draws, a critic judges; every draft is kept at once.

Rewards are always of the user's own request, so that drafts of different words can be compared. What
is kept is enough to go on after a kill: the policy is pure, so the same drafts give the same end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen, validators

from parrot.core.asks import Ask, Failed, Reply, Usage, whole
from parrot.core.engine import Engine, SystemClock
from parrot.core.engine.budget import Price
from parrot.core.engine.retry import RetryPolicy
from parrot.core.errors import ConfigError
from parrot.core.evidence import Wishes
from parrot.core.formats import Form
from parrot.core.gatherers.wishes import ASKING, compared_wishes
from parrot.core.interfaces import Clock, Generator
from parrot.core.pipelines.rewarding import Rewarding
from parrot.core.prompts.checking import check_wishes, read_wishes
from parrot.core.prompts.refining import critique_again
from parrot.core.refine.drafts import (
    Decision,
    Draft,
    Draw,
    History,
    Rewrite,
    Spent,
    Trace,
    Try,
)
from parrot.core.refine.drawing import Look, drawn
from parrot.core.refine.policies import KeepBest, RefinePolicy
from parrot.core.refine.rewriting import MOST_WORDS, checked, rewrite_of
from parrot.core.rewards.values import Drawing, Outcome, Unscored
from parrot.core.rubric import rubric_for
from parrot.core.values import Image, Request

FREE: Final = Price(0.0, 0.0)
PATIENCE: Final = RetryPolicy(seconds=300.0)

Keep = Callable[[str, Draft], Draft]
"""Keeps a draft of a run, by the run's id, at once; returns it with its image where it now lies."""


def _to_the_end(rewarding: Rewarding) -> Rewarding:
    if rewarding.form is Form.PAIRWISE:
        raise ConfigError("drafts are scored one at a time: win rates are of a group")
    return evolve(rewarding, critiques_whole=True)


@frozen(slots=True)
class Refining:
    """How a run goes, beside its policy.

    rewarding: how drafts are scored, one at a time, by critiques that are taken to their end; raises
    ConfigError for win rates. show_history: from the
    second round on the critic is asked once more, with the earlier tries in view, for the refined
    request alone; scores stay those of the ask without. most_words: of a refined request. seed:
    the first draft's. price: of the critic's tokens; drawing_price: of one drawing. look: says what
    is wrong with a drawing before anyone is asked about it.
    """

    rewarding: Rewarding = field(factory=Rewarding, converter=_to_the_end)
    show_history: bool = False
    most_words: int = field(default=MOST_WORDS, validator=validators.ge(1))
    seed: int = field(default=0, validator=validators.ge(0))
    price: Price = FREE
    drawing_price: float = field(default=0.0, validator=validators.ge(0.0))
    retry: RetryPolicy = PATIENCE
    look: Look | None = None

    def begin(self, request: Request) -> History:
        """A history without a draft."""
        rubric = self.rewarding.rubric or rubric_for(request)
        return History(request, rubric, self.seed)


async def refine(
    request: Request,
    generator: Generator,
    critic: Engine,
    policy: RefinePolicy = KeepBest(),  # noqa: B008  frozen
    how: Refining | None = None,
    *,
    id_: str = "request",
    verifier: Engine | None = None,
    known: Mapping[int, Draft] | None = None,
    keep: Keep | None = None,
    clock: Clock | None = None,
) -> Trace:
    """One request, drawn and refined until the policy stops.

    verifier: asked whether a refined request keeps every wish; without one, quotations, numbers and
    negations alone are compared. known: drafts of an earlier run by id; each that is of the same
    try is taken, not drawn. Raises RunStopped as the critic's engine does.
    """
    how = how or Refining()
    run = _Run(generator, critic, verifier, how, clock or SystemClock())
    history, decisions = how.begin(request), list[Decision]()
    while True:
        decision = policy(history)
        decisions.append(decision)
        if not isinstance(decision, Draw):
            return Trace(history, tuple(decisions))
        round_, first = history.rounds, len(history.drafts)

        async def one(number: int, made: Try, before: History = history) -> Draft:
            old = (known or {}).get(number)
            if old is not None and old.made == made:
                return old
            draft = await run.draft(before, number, made)
            return keep(id_, draft) if keep else draft

        numbered = enumerate(decision.tries, start=first)
        made = await _all([one(number, try_) for number, try_ in numbered])
        settled = tuple(evolve(draft, round=round_) for draft in made)
        history = evolve(history, drafts=(*history.drafts, *settled))


async def refine_all(
    requests: Iterable[tuple[str, Request]],
    begin: Callable[[str, Request], Awaitable[Trace]],
    *,
    at_once: int = 8,
) -> AsyncIterator[tuple[str, Trace]]:
    """Each request's trace, in input order, so many under way at once."""
    source, window = iter(requests), deque[tuple[str, asyncio.Task[Trace]]]()
    try:
        while True:
            while len(window) < at_once:
                following = next(source, None)
                if following is None:
                    break
                id_, request = following
                window.append((id_, asyncio.ensure_future(_begun(begin, id_, request))))
            if not window:
                return
            id_, task = window[0]
            trace = await task
            window.popleft()
            yield id_, trace
    finally:
        await _cancelled([task for _, task in window])


async def _begun(
    begin: Callable[[str, Request], Awaitable[Trace]], id_: str, request: Request
) -> Trace:
    # Begun inside its task: a task that is cancelled before its first step leaves nothing unawaited.
    return await begin(id_, request)


async def _all(works: Sequence[Awaitable[Draft]]) -> list[Draft]:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        await _cancelled(tasks)
        raise


async def _cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@frozen(slots=True)
class _Run:
    generator: Generator
    critic: Engine
    verifier: Engine | None
    how: Refining
    clock: Clock

    async def draft(self, history: History, number: int, made: Try) -> Draft:
        """Draws one try and has it judged."""
        began, how = self.clock.now(), self.how
        start = None if made.start is None else history.drafts[made.start].image
        image = await drawn(
            self.generator,
            made.request,
            seed=made.seed,
            start=start if isinstance(start, Image) else None,
            clock=self.clock,
            retry=how.retry,
            look=how.look,
        )
        spent, rewrite = Usage(), None
        if isinstance(image, Failed):
            outcome: Outcome = Unscored(image)
        else:
            outcome, spent = await self._judged(history, image)
            rewrite, more = await self._rewritten(history, made, image, outcome)
            spent += more
        cost = Spent(
            1,
            self.clock.now() - began,
            spent.prompt + spent.completion,
            how.price.of(spent) + how.drawing_price,
        )
        return Draft(number, history.rounds, made, image, outcome, rewrite, cost)

    async def _judged(self, history: History, image: Image) -> tuple[Outcome, Usage]:
        drawing, rewarding = Drawing(history.request, image), self.how.rewarding
        replies = [await self.critic.ask(ask) for ask in rewarding.asks((drawing,))]
        return rewarding.read((drawing,), replies)[0], _used(replies)

    async def _rewritten(
        self, history: History, made: Try, image: Image, outcome: Outcome
    ) -> tuple[Rewrite | None, Usage]:
        critiques, spent, how = outcome.critiques, Usage(), self.how
        original = history.request.prompt
        if how.show_history and history.drafts:
            again = await self.critic.ask(self._again(history, made, image, outcome))
            reply, spent = whole(again), _used([again])
            if isinstance(reply, Reply):
                read = how.rewarding.prompt.format.read(reply.text, history.rubric, Form.POINTWISE)
                critiques = (read.value,)
        rewrite = rewrite_of(critiques, original, most_words=how.most_words)
        if rewrite is None or rewrite.fault is not None:
            return rewrite, spent
        if self.verifier is None:
            return checked(rewrite, compared_wishes(original, rewrite.request)), spent
        answer = await self.verifier.ask(check_wishes(original, rewrite.request, sampling=ASKING))
        return checked(rewrite, _wishes(whole(answer))), spent + _used([answer])

    def _again(self, history: History, made: Try, image: Image, outcome: Outcome) -> Ask:
        tries = [(d.made.request.prompt, _scores(d.outcome)) for d in history.drafts]
        tries.append((made.request.prompt, _scores(outcome)))
        rewarding = self.how.rewarding
        return critique_again(
            history.request,
            image,
            history.rubric,
            tries,
            prompt=rewarding.prompt,
            sampling=rewarding.how_to_sample,
        )


def _scores(outcome: Outcome) -> str:
    """A draft's values as shares of the scale, for the critic to read."""
    told = ", ".join(f"{key} {value:.2f}" for key, value in outcome.dimensions.items())
    return told or "not scored"


def _wishes(reply: Reply | Failed) -> Wishes | None:
    found = None if isinstance(reply, Failed) else read_wishes(reply.text)
    if found is None:
        return None
    kept = tuple(wish for wish, stays in found if stays)
    return Wishes(kept, tuple(wish for wish, stays in found if not stays), partial=False)


def _used(replies: Sequence[Reply | Failed]) -> Usage:
    return sum((r.usage for r in replies if isinstance(r, Reply)), Usage())
