"""The reward server under load: 64 clients, then ten times too many; beside its critic driven directly.

    python tests/benchmarks/bench_server.py [SECONDS] [CRITIC]

Prints requests a second of both, their ratio, statuses, and the server's memory. The critic is the
simulated teacher, which computes on one thread, unless named (`miniature:student`); every drawing is
another, so no reply is cached.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp

from parrot.backends.images import original_bytes
from parrot.backends.miniature.pairs import stream
from parrot.core.rewards import Drawing

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
CRITIC = sys.argv[2] if len(sys.argv) > 2 else "miniature:teacher"
CLIENTS, QUEUE = 64, 128
SERVER = [
    sys.executable, "-c", "from parrot.cli import main; main()", "serve", "--critic",
    CRITIC, "--port", "0", "--queue", str(QUEUE),
]  # fmt: skip


def drawings(count):
    for pair, _ in stream(count, seed=9, task="t2i"):
        yield Drawing(pair.request, pair.image_a)
        yield Drawing(pair.request, pair.image_b)


def body(drawing):
    image = base64.b64encode(original_bytes(drawing.image)).decode()
    return json.dumps({"items": [{"prompt": drawing.request.prompt, "image": image}]}).encode()


async def load(url, bodies, clients, seconds):
    """Statuses and how many were answered a second, by so many clients at once."""
    statuses = Counter()
    waiting = iter(bodies)
    until = time.monotonic() + seconds
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def client():
            for one in waiting:
                if time.monotonic() > until:
                    return
                async with session.post(f"{url}/score", data=one) as answer:
                    statuses[answer.status] += 1
                    told = await answer.json()
                if answer.status == 429:
                    await asyncio.sleep(min(1.0, float(answer.headers["Retry-After"])))
                elif answer.status == 200:
                    assert told["results"][0]["error"] is None or told["results"][0]["error"]

        began = time.monotonic()
        await asyncio.gather(*(client() for _ in range(clients)))
        return statuses, statuses[200] / (time.monotonic() - began)


def resident(pid):
    """MiB that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


DIRECT = """
import sys, time
sys.path.insert(0, {here!r})
import bench_server as b, parrot
batch = list(b.drawings({n}))
with parrot.RewardModel({critic!r}) as model:
    model(batch[:2])
    began, used = time.monotonic(), time.process_time()
    model(batch[2:])
    count = len(batch) - 2
    print(count / (time.monotonic() - began), (time.process_time() - used) / count)
"""


def spent(pid):
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def direct(count):
    """Drawings a second of the clock, and seconds of processor time a drawing."""
    code = DIRECT.format(here=str(Path(__file__).parent), n=count, critic=CRITIC)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rate, seconds = map(float, done.stdout.split())
    return rate, seconds


def main():
    made = [body(one) for one in drawings(int(60 * SECONDS))]
    alone, once = direct(int(30 * SECONDS))
    with subprocess.Popen(SERVER, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip()
        asyncio.run(load(url, made[:4], 1, 10.0))
        used = spent(server.pid)
        usual, rate = asyncio.run(load(url, made[4:], CLIENTS, SECONDS))
        each = (spent(server.pid) - used) / usual[200]
        before = resident(server.pid)
        flood, crowded = asyncio.run(load(url, made[::-1], 10 * QUEUE, SECONDS))
        after = resident(server.pid)
        again, recovered = asyncio.run(load(url, made[len(made) // 2 :], CLIENTS, SECONDS / 4))
        server.terminate()
    print(
        f"directly {alone:.1f}/s; {CLIENTS} clients {rate:.1f}/s, ratio {rate / alone:.2f}: {dict(usual)}"
    )
    print(f"processor time a drawing: directly {1e3 * once:.1f} ms, served {1e3 * each:.1f} ms")
    print(f"{10 * QUEUE} clients, a queue of {QUEUE}: {crowded:.1f}/s, {dict(flood)}")
    print(
        f"memory {before:.0f} MiB before, {after:.0f} MiB after; then {recovered:.1f}/s, {dict(again)}"
    )


if __name__ == "__main__":
    main()
