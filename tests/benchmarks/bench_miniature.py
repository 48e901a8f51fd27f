"""How many pairs a minute the miniature draws, and what the teacher adds; no torch.

Run: python tests/benchmarks/bench_miniature.py [PAIRS]

drawn: pairs with their images as PNG and their truth, in this process. command: the same through
`parrot miniature pairs`, files written, start of Python included. teacher: its comparisons of the
drawn pairs, both orders.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parrot.backends.miniature.pairs import stream
from parrot.backends.miniature.teacher import MiniatureTeacher
from parrot.core.pipelines.rationalizing import Rationalizing, asks_for


def timed(work):
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def command(count, task):
    parrot = str(Path(sys.executable).with_name("parrot"))
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--n", str(count), "--task", task, "--out", f"{folder}/pairs"]
        subprocess.run(
            [parrot, "miniature", "pairs", *arguments], check=True, stdout=subprocess.DEVNULL
        )


async def compared(pairs):
    teacher, how = MiniatureTeacher(), Rationalizing()
    for pair, _ in pairs:
        for ask in asks_for(pair, how):
            await teacher.reply(ask)


def main(count=1500):
    print(f"{count} pairs{'':12}{'drawn':>12}{'command':>12}{'teacher':>12}   (pairs a minute)")
    for task in ("t2i", "edit"):
        pairs, drawn = timed(lambda t=task: list(stream(count, seed=3, task=t)))
        _, written = timed(lambda t=task: command(count, t))
        few = pairs[: count // 5]
        _, judged = timed(lambda p=few: asyncio.run(compared(p)))
        rates = (count / drawn, count / written, len(few) / judged)
        print(f"{task:20}" + "".join(f"{60 * rate:12.0f}" for rate in rates))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
