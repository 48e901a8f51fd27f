"""The drafts of `parrot study refine`: requests drawn and critiqued, and what each is truly worth.

The critic's replies lie in a store and drawings come of their seeds, so a study that was killed goes
on from its last finished line and asks nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from parrot.adapters.store import SqliteStore
from parrot.backends.miniature.redrawn import SUFFIX, Wish, nothing, wishes
from parrot.backends.miniature.shipped import by_folder
from parrot.cli.refine import looked_at
from parrot.cli.session import open_generator_spec, open_spec, run_async
from parrot.cli.study_files import Lines
from parrot.core.asks import Sampling
from parrot.core.engine import Engine
from parrot.core.interfaces import Generator
from parrot.core.pipelines.rewarding import Rewarding
from parrot.core.refine import Refining, Trace, refine, refine_all, rewrite_of
from parrot.core.rewards.values import Drawing
from parrot.core.studies.redrawing import (
    Arm,
    Drawn,
    Run,
    drawn_from_record,
    drawn_to_record,
    policy_of,
)
from parrot.core.values import Image, Request

_SEEDS_APART: Final = 1_000
"""Seeds of drawings between two seeds of the study: more than one run draws."""
_AT_ONCE: Final = 64
"""Requests under way, and critiques that a local student writes at once."""
_GREEDY: Final = Sampling(temperature=0.0, max_tokens=300)


def lines_of(folder: Path) -> Lines[Drawn]:
    """A study's results."""
    return Lines(folder / "drawn.jsonl", drawn_from_record, drawn_to_record, lambda one: one.id)


@frozen(slots=True)
class Study:
    """One study's models and requests. how_drawn: the generator's options; say: takes a line when a
    cell is done.
    """

    folder: Path
    generator: str
    how_drawn: Mapping[str, Any]
    critic: str
    requests: int
    rounds: int
    say: Callable[[dict[str, Any]], None]

    def run(self, cells: Iterable[tuple[Arm, int]]) -> None:
        """Draws these cells, in order; each is appended once all of its requests are drawn."""
        known = list(wishes(self.requests))

        async def work() -> None:
            painter = open_generator_spec(self.generator, self.how_drawn)
            judge = open_spec(by_folder(self.critic), max_batch=_AT_ONCE)
            with SqliteStore(self.folder / "critic.sqlite") as store:
                async with Engine(judge, store) as engine:
                    for arm, seed in cells:
                        drawn = await self._cell(arm, seed, known, painter, engine)
                        lines_of(self.folder).add(drawn)
                        self.say({"cell": drawn.id, "seconds": drawn.seconds})
            await painter.aclose()

        run_async(work)

    async def _cell(
        self, arm: Arm, seed: int, known: list[Wish], painter: Generator, engine: Engine
    ) -> Drawn:
        began = time.monotonic()
        how = Refining(_rewarding(), seed=seed * _SEEDS_APART, look=looked_at)
        by_id = {wish.id: wish for wish in known}

        async def begin(id_: str, request: Request) -> Trace:
            blind = await self._unseeing(by_id[id_], engine) if arm is Arm.BLIND else ""
            policy = policy_of(
                arm, prompt=request.prompt, suffix=SUFFIX, blind=blind, rounds=self.rounds
            )
            return await refine(request, painter, engine, policy, how, id_=id_)

        asked = [(wish.id, wish.request) for wish in known]
        runs = [
            _run(by_id[id_], trace)
            async for id_, trace in refine_all(asked, begin, at_once=_AT_ONCE)
        ]
        return Drawn(arm, seed, tuple(runs), round(time.monotonic() - began, 1))

    async def _unseeing(self, wish: Wish, engine: Engine) -> str:
        """The critic's better request with a grey image before it; the request as it is, if none."""
        drawing, rewarding = Drawing(wish.request, nothing()), _rewarding()
        (ask,) = rewarding.asks([drawing])
        (outcome,) = rewarding.read([drawing], [await engine.ask(ask)])
        found = rewrite_of(outcome.critiques, wish.request.prompt)
        return found.request if found and not found.fault else wish.request.prompt


def _rewarding() -> Rewarding:
    return Rewarding(sampling=_GREEDY, critiques_whole=True)


def _run(wish: Wish, trace: Trace) -> Run:
    drafts = trace.history.drafts
    worth = [wish.worth(d.image) if isinstance(d.image, Image) else None for d in drafts]
    return Run(
        wish.id,
        tuple(draft.total for draft in drafts),
        tuple(0.0 if one is None else round(one, 6) for one in worth),
        trace.stop.draft,
        worth.count(None),
        trace.history.spent.tokens,
    )
