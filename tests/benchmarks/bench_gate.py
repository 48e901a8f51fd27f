"""The gate against plain additive increase, multiplicative decrease, on simulated servers.

Run: python tests/benchmarks/bench_gate.py

A discrete-event simulation in virtual time: the same gate and retry code as the engine's, the same
arrivals and latencies for both. Prints throughput as a share of the server's capacity, the share of
tries refused, and asks lost. The simulated server answers in log-normal time; it refuses with 429
beyond `cap` at once in flight, and `noise` of all tries at random whatever the load.
"""

import heapq
import random
from itertools import count

from attrs import define, frozen

from parrot.core.engine.gate import Gate
from parrot.core.engine.retry import RetryAfter, RetryPolicy, decide, jitter_of
from parrot.core.errors import ThrottledError


@frozen
class Server:
    cap: int | None = None
    noise: float = 0.0
    latency: float = 0.05
    retry_after: float | None = 1.0
    falls_to: int | None = None  # the cap after a third of the asks


@define
class Aimd:
    """Plain AIMD: slow start, +5 % a clean round, x 0.8 a refusal but once a second, floor 8."""

    ceiling: int
    limit: int = 16
    in_flight: int = 0
    successes: int = 0
    clean: bool = True
    fast: bool = True
    cool_until: float = 0.0

    @property
    def free(self):
        return self.in_flight < self.limit

    def enter(self):
        self.in_flight += 1

    def passed(self, now, *, first=True):
        self.in_flight -= 1
        self.successes += first
        if self.successes >= self.limit:
            if self.clean and now >= self.cool_until:
                grown = self.limit * 2 if self.fast else max(self.limit + 1, int(self.limit * 1.05))
                self.limit = min(self.ceiling, grown)
            self.successes, self.clean = 0, True

    def refused(self, now, *, retry_after=None):
        self.in_flight -= 1
        self.fast = self.clean = False
        if now >= self.cool_until:
            self.limit = max(8, int(0.8 * min(self.limit, self.in_flight + 1)))
            self.cool_until = now + max(1.0, retry_after or 0.0)
            self.successes, self.clean = 0, True


@frozen
class Outcome:
    rate: float
    refused: float
    lost: int
    at_most: int


def simulate(gate, server, asks, seed=0):
    chance, order, policy = random.Random(seed), count(), RetryPolicy(seconds=1e9)
    waiting = [(0.0, n, 1) for n in range(asks)]  # due, ask, attempt
    heapq.heapify(waiting)
    events, now, tries, refused, lost, done, peak = [], 0.0, 0, 0, 0, 0, 0
    serving = 0
    while done + lost < asks:
        while waiting and waiting[0][0] <= now and gate.free:
            due, ask, attempt = heapq.heappop(waiting)
            gate.enter()
            peak = max(peak, gate.in_flight)
            tries += 1
            cap = server.falls_to if server.falls_to and done > asks / 3 else server.cap
            no = chance.random() < server.noise or (cap is not None and serving >= cap)
            serving += not no
            wait = 0.002 if no else server.latency * chance.lognormvariate(-0.125, 0.5)
            heapq.heappush(events, (now + wait, next(order), ask, attempt, no))
        if events and not (waiting and gate.free and waiting[0][0] < events[0][0]):
            now, _, ask, attempt, no = heapq.heappop(events)
        else:
            now = waiting[0][0]
            continue
        if not no:
            serving -= 1
            done += 1
            gate.passed(now, first=attempt == 1)
            continue
        refused += 1
        error = ThrottledError("429", retry_after=server.retry_after)
        gate.refused(now, retry_after=server.retry_after)
        jitter = jitter_of(ask.to_bytes(16, "big"), attempt)
        what = decide(error, attempt=attempt, elapsed=0.0, jitter=jitter, policy=policy)
        if isinstance(what, RetryAfter):
            heapq.heappush(waiting, (now + what.seconds, ask, attempt + 1))
        else:
            lost += 1
    return Outcome(asks / now, refused / tries, lost, peak)


SCENARIOS = {
    "no limit": (Server(), 256),
    "cap 60": (Server(cap=60, latency=0.2), 256),
    "cap 60, no Retry-After": (Server(cap=60, latency=0.2, retry_after=None), 256),
    "cap 60, slow answers": (Server(cap=60, latency=5.0), 256),
    "cap 60 falls to 20": (Server(cap=60, latency=0.2, falls_to=20), 256),
    "10 % random": (Server(noise=0.1), 256),
    "10 % random, no Retry-After": (Server(noise=0.1, retry_after=None), 256),
    "10 % random, slow answers": (Server(noise=0.1, latency=5.0), 256),
    "1 % random, slow answers": (Server(noise=0.01, latency=5.0), 256),
    "10 % random, ceiling 64": (Server(noise=0.1, latency=0.2), 64),
    "10 % random and cap 60": (Server(cap=60, noise=0.1, latency=0.2), 256),
}


def main(seconds=60.0, seeds=3):
    print(f"{'server':32}{'gate: share':>12}{'refused':>9}{'lost':>6}{'AIMD: share':>13}{'refused':>9}")
    for name, (server, ceiling) in SCENARIOS.items():
        slots = min(ceiling, server.cap or ceiling)
        capacity = slots / server.latency * (1 - server.noise)
        asks = int(capacity * seconds)
        row = []
        for kind in (Gate, Aimd):
            outs = [simulate(kind(ceiling), server, asks, seed) for seed in range(seeds)]
            mean = [sum(getattr(o, f) for o in outs) / seeds for f in ("rate", "refused", "lost")]
            row.append((mean[0] / capacity, mean[1], mean[2]))
        (a, r, lost), (b, q, _) = row
        print(f"{name:32}{a:12.2f}{r:9.3f}{lost:6.1f}{b:13.2f}{q:9.3f}   x {a / b:.2f}")


if __name__ == "__main__":
    main()
