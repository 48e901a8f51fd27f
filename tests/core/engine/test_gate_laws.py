"""The gate: laws over arbitrary histories, and what it makes of simulated servers in virtual time.

The laws are also held against broken gates: each must be caught by the law it breaks.
"""

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.engine.gate import FLOOR, START, Gate

BENCH = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "bench_gate.py"))
Server, Aimd, simulate = BENCH["Server"], BENCH["Aimd"], BENCH["simulate"]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "enter", "passed", "again", "refused", "left"]),
        st.floats(0.0, 3.0),
        st.none() | st.floats(0.0, 100.0),
    ),
    max_size=300,
)


def law_of_bounds(make, ceiling, steps):
    """Its limit stays in its bounds, it counts whom it let in, and none enters a full gate."""
    gate, now, within = make(ceiling), 0.0, 0
    least = min(FLOOR, ceiling)
    assert gate.limit == min(START, ceiling)
    for what, seconds, retry_after in steps:
        now += seconds
        if what == "enter":
            while gate.free:
                gate.enter()
                within += 1
                assert gate.in_flight <= gate.limit
        elif within:
            within -= 1
            if what == "refused":
                gate.refused(now, retry_after=retry_after)
            elif what == "left":
                gate.left()
            else:
                gate.passed(now, first=what == "passed")
        assert gate.in_flight == within
        assert least <= gate.limit <= ceiling


@given(st.integers(1, 300), STEPS)
def test_the_limit_stays_in_bounds_and_none_enters_a_full_gate(ceiling, steps):
    law_of_bounds(Gate, ceiling, steps)


def fill(gate):
    while gate.free:
        gate.enter()


def rounds(gate, count, now=0.0):
    """So many busy rounds of first-try successes."""
    for _ in range(count):
        fill(gate)
        for _ in range(gate.in_flight):
            gate.passed(now)


def law_of_growth(make):
    """It doubles while nothing is refused; it stays where its limit is not used; retries count not."""
    gate = make(200)
    rounds(gate, 2)
    assert gate.limit == 4 * START
    idle = make(200)
    for _ in range(2000):
        idle.enter()
        idle.passed(0.0)
    assert idle.limit == START
    again = make(200)
    for _ in range(100):
        fill(again)
        for _ in range(START):
            again.passed(0.0, first=False)
    assert again.limit == START


def law_of_cuts(make):
    """One refusal is chance, another soon after is a cut, and a burst is one cut, not many."""
    gate = make(200)
    rounds(gate, 3)
    before = gate.limit
    fill(gate)
    gate.refused(1.0)
    assert gate.limit == before
    gate.refused(1.0)
    cut = gate.limit
    assert before // 2 < cut < before
    for _ in range(before // 3):
        gate.refused(1.0)
        gate.passed(1.0)
    assert gate.limit >= cut // 2
    assert gate.limit <= cut


def law_of_retry_after(make):
    """After a cut it does not grow before the server's own time is over, and then it does."""
    gate = make(200)
    rounds(gate, 3)
    fill(gate)
    gate.refused(1.0, retry_after=20.0)
    gate.refused(1.0, retry_after=20.0)
    while gate.in_flight:
        gate.passed(2.0)
    cut = gate.limit
    rounds(gate, 40, now=20.9)
    assert gate.limit == cut
    rounds(gate, 40, now=21.1)
    assert gate.limit > cut


def law_of_walls(make):
    """A server that admits 60 at once: found in slow start, kept busy, and hardly ever refused."""
    for retry_after in (1.0, None):
        server = Server(cap=60, latency=0.2, retry_after=retry_after)
        out = simulate(make(256), server, 9000)
        assert out.rate >= 0.8 * 60 / 0.2
        assert out.refused <= 0.01
        assert out.lost == 0


def law_of_chance(make):
    """A tenth refused at random: the limit is not driven to its floor, nothing is lost."""
    server = Server(noise=0.1)
    plain = simulate(Aimd(256), server, 20_000)
    out = simulate(make(256), server, 20_000)
    assert out.rate >= 2.5 * plain.rate
    assert out.lost == plain.lost == 0


def law_of_recovery(make):
    """When the server takes more again, so does the gate, up to its ceiling."""
    gate = make(128)
    simulate(gate, Server(cap=20, latency=0.2), 2000)
    assert gate.limit <= 40
    simulate(gate, Server(latency=0.2), 30_000)
    assert gate.limit == 128


def law_of_falls(make):
    """A server that admits 60 and then only 20: followed down."""
    gate = make(256)
    out = simulate(gate, Server(cap=60, latency=0.2, falls_to=20), 6000)
    assert gate.limit <= 30
    assert out.refused <= 0.05


def law_of_time(make):
    """It is told the time and reads no clock: the same history gives the same limits."""
    server = Server(cap=60, noise=0.05)
    assert simulate(make(256), server, 3000) == simulate(make(256), server, 3000)


LAWS = {
    "bounds": lambda make: law_of_bounds(
        make, 20, [("enter", 0.1, None), *[("refused", 2.0, 0.0)] * 20, ("enter", 0.1, None)] * 9
    ),
    "left": lambda make: law_of_bounds(make, 20, [("enter", 0.0, None), ("left", 0.0, None)]),
    "growth": law_of_growth,
    "cuts": law_of_cuts,
    "retry-after": law_of_retry_after,
    "walls": law_of_walls,
    "chance": law_of_chance,
    "recovery": law_of_recovery,
    "falls": law_of_falls,
    "time": law_of_time,
}


@pytest.mark.parametrize("law", LAWS)
def test_the_gate_keeps(law):
    LAWS[law](Gate)


class NoFloor(Gate):
    def __attrs_post_init__(self):
        Gate.__attrs_post_init__(self)
        self._floor = 1


class Leaky(Gate):
    def left(self):
        return None


class GrowsUnused(Gate):
    def passed(self, now, *, first=True):
        self._peak = self.limit
        Gate.passed(self, now, first=first)


class CountsRetries(Gate):
    def passed(self, now, *, first=True):
        del first
        Gate.passed(self, now)


class CutsAtOnce(Gate):
    def refused(self, now, *, retry_after=None):
        self._warned = 99
        Gate.refused(self, now, retry_after=retry_after)


class CutsEachTime(Gate):
    def refused(self, now, *, retry_after=None):
        self._cool_until = float("-inf")
        self._warned = 99
        Gate.refused(self, now, retry_after=retry_after)


class NeverCuts(Gate):
    def refused(self, now, *, retry_after=None):
        del now, retry_after
        self.in_flight -= 1


class HasNoPatience(Gate):
    def refused(self, now, *, retry_after=None):
        del retry_after
        Gate.refused(self, now, retry_after=0.0)


class NeverComesBack(Gate):
    def _grow(self, now):
        if self._wall is None:
            Gate._grow(self, now)


class TakesChanceForLoad(Gate):
    def _restore(self, now):
        del now
        self._cuts = ()


BROKEN = {
    NoFloor: "bounds",
    Leaky: "left",
    GrowsUnused: "growth",
    CountsRetries: "growth",
    CutsAtOnce: "cuts",
    CutsEachTime: "cuts",
    NeverCuts: "walls",
    HasNoPatience: "retry-after",
    NeverComesBack: "recovery",
    TakesChanceForLoad: "chance",
    Aimd: "chance",
}


@pytest.mark.parametrize(("broken", "law"), BROKEN.items())
def test_a_broken_gate_is_caught_by(broken, law):
    with pytest.raises(AssertionError):
        LAWS[law](broken)
