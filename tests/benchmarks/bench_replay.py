"""A run over pairs whose replies are stored: how many asks a second, and memory against their number.

Run: python tests/benchmarks/bench_replay.py [PAIRS PAIRS ...]

For each number of pairs: fresh (an instant model answers, the store is filled), then cached (the
same run again: each ask is rendered, keyed and looked up), each in a process of its own that tells
its greatest memory after each quarter of the pairs (SQLite's own cache takes 64 MiB of it before it
is full). Both orders: two asks a pair. The pairs are made one by one as a file reader makes them;
images are paths. read: the same with each reply read into candidates.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parrot.adapters.store import SqliteStore
from parrot.core.engine import Engine, Job
from parrot.core.pipelines.rationalizing import Rationalizing, asks_for, rationalize
from parrot.core.testing.fakes import ScriptedModel
from parrot.core.values import Image, Label, PreferencePair, Request

HOW = Rationalizing()
REPLY = "# Detailed Judgement\n" + "".join(
    f"{n}. {name}:\n## Justification: {'the wing is sharper in one of the two ' * 6}\n"
    "## Score A: 3\n## Score B: 2\n## Winner: A\n"
    for n, name in enumerate(("Text Faithfulness", "Physical and Visual Quality"), start=1)
)


class Instant(ScriptedModel):
    """Answers at once and remembers nothing."""

    async def reply(self, ask, /):
        found = await super().reply(ask)
        self.asked.clear()
        return found


def pairs(count):
    for n in range(count):
        a, b = (Image(f"{2 * n + k:064x}", "image/png", f"images/{n}{k}.png") for k in (0, 1))
        request = Request(f"Request {n}: a parrot on a branch, the left wing raised")
        yield PreferencePair(str(n), request, a, b, Label.A)


def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def work(kind, count, path):
    seen, peaks = 0, []
    with SqliteStore(path) as store:
        engine = Engine(Instant(lambda _: REPLY), store)
        async with engine:
            if kind == "read":
                stream = rationalize(pairs(count), engine, HOW)
            else:
                stream = engine.answered(Job(p, asks_for(p, HOW)) for p in pairs(count))
            async for _ in stream:
                seen += 1
                if seen % (count // 4) == 0:
                    peaks.append(peak_mb())
    assert seen == count
    return peaks


def alone(kind, count, path):
    began, used = time.perf_counter(), time.process_time()
    peaks = asyncio.run(work(kind, count, path))
    clock, used = time.perf_counter() - began, time.process_time() - used
    asks = len(HOW.orders) * count
    shown = "".join(f"{peak:7.0f}" for peak in peaks)
    print(f"{count:10}  {kind:8}{asks / clock:10.0f}{asks / used:18.0f}   {shown}")


def main(counts):
    print(
        f"{'pairs':>10}  {'run':8}{'asks/s':>10}{'a processor s':>18}   peak MiB by quarters",
        flush=True,
    )
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("fresh", "cached", "read"):
                command = [sys.executable, __file__, kind, str(count), f"{folder}/s.sqlite"]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].isdigit():
        alone(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    else:
        main([int(one) for one in sys.argv[1:]] or [10_000, 80_000])
