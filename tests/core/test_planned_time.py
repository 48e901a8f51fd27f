"""How long a plan says, against how long the engine takes on a clock that only sleepers move."""

import asyncio
import math
import random

import pytest

from parrot.core.asks import Ask, Reply, Turn
from parrot.core.engine import Engine, Job
from parrot.core.interfaces import Profile
from parrot.core.plan import Machines
from parrot.core.sharding import shard_of
from parrot.core.testing.clock import FakeClock


class Slow:
    """Takes so long for a reply as `seconds` says of its number."""

    id = "slow"
    profile = Profile()

    def __init__(self, clock, seconds):
        self._clock, self._seconds, self.asked = clock, seconds, 0

    async def reply(self, ask, /):
        self.asked += 1
        await self._clock.sleep(self._seconds(self.asked))
        return Reply(ask.turns[0].parts[0])

    async def aclose(self):
        return None


def taken(names, seconds, in_flight):
    """Seconds of the virtual clock that one machine needs for its asks."""
    clock = FakeClock()

    async def work():
        async with Engine(Slow(clock, seconds), clock=clock, max_concurrency=in_flight) as engine:
            jobs = [Job(n, (Ask((Turn("user", (n,)),)),)) for n in names]
            return [n async for n, _ in engine.answered(jobs)]

    assert asyncio.run(work()) == names
    return clock.now()


def alike(_):
    return 6.0


def uneven(number):
    # Log-normal as servers are, its mean 6 seconds.
    return 6.0 * math.exp(random.Random(number).gauss(-0.125, 0.5))


@pytest.mark.parametrize("machines", [1, 3])
@pytest.mark.parametrize("in_flight", [8, 64])
@pytest.mark.parametrize("seconds", [alike, uneven])
def test_a_run_takes_what_was_planned_within_half(machines, in_flight, seconds):
    names = [f"ask {n}" for n in range(1500)]
    planned = Machines(machines, in_flight, 6.0).seconds(len(names))
    shares = {}
    for name in names:
        shares.setdefault(shard_of(name, machines), []).append(name)
    longest = max(taken(share, seconds, in_flight) for share in shares.values())
    assert planned / 1.5 < longest < planned * 1.5
