"""A source or a batch that ends in what no `except Exception` takes leaves nobody waiting."""

from __future__ import annotations

import asyncio

import pytest

from parrot.core.engine import Engine, Job, SystemClock
from parrot.core.engine.together import Together
from parrot.core.errors import RejectedError
from parrot.core.testing.fakes import ScriptedModel


class Panic(BaseException):
    """As a library in another language raises it."""


def panicking():
    yield Job("first")
    raise Panic("lost")


async def cancelling():
    yield Job("first")
    raise asyncio.CancelledError


@pytest.mark.parametrize(("source", "said"), [(panicking, Panic), (cancelling, RuntimeError)])
def test_a_source_that_ends_so_ends_the_stream(source, said):
    async def work():
        async with Engine(ScriptedModel()) as engine:
            async for _ in engine.answered(source()):
                pass

    with pytest.raises(said):
        asyncio.run(asyncio.wait_for(work(), 20))


def test_a_batch_that_ends_so_is_told_to_each_and_the_next_goes_on():
    def work(items):
        if "bad" in items:
            raise Panic("lost")
        return items

    async def both():
        together = Together(
            work, lambda: None, name="it", max_batch=1, max_wait=0.0, clock=SystemClock()
        )
        with pytest.raises(RejectedError, match="lost"):
            await together.one("bad")
        assert await together.one("good") == "good"
        await together.aclose()

    asyncio.run(asyncio.wait_for(both(), 20))
