"""Never run: type checkers read it, so that the public types stay what users write against."""

from collections.abc import AsyncIterator

import parrot
from parrot.core.outcomes import PairOutcome


def keep_long(candidate: parrot.Candidate) -> parrot.Keep | parrot.Drop:
    return parrot.Keep() if candidate.rationale.body.summary else parrot.Drop("short")


async def kept(pairs: list[parrot.PreferencePair], engine: parrot.Engine) -> int:
    stream: AsyncIterator[PairOutcome] = parrot.rationalize(pairs, engine, parrot.Rationalizing())
    how = parrot.Filtering((keep_long, parrot.FILTERS["leak-free"]))
    return sum([len(outcome.kept) async for outcome in parrot.filtered(stream, engine, how)])


def model(spec: str) -> parrot.ChatModel:
    return parrot.open_model(spec)


def totals(critic: str, drawings: list[parrot.Drawing]) -> list[float]:
    with parrot.RewardModel(critic, parrot.TEXT_TO_IMAGE) as model:
        return [found.total for found in model(drawings) if isinstance(found, parrot.Reward)]


async def reasons(model: parrot.RewardModel, drawings: list[parrot.Drawing]) -> list[str]:
    found = await model.score(drawings)
    return [one.failure.detail for one in found if isinstance(one, parrot.Unscored)]
