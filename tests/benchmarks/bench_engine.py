"""The engine against a bare loop over the same client: same server, same concurrency, in one run.

Run: python tests/benchmarks/bench_engine.py [overhead] [images] [cap] [noise]

overhead, images: `asyncio.gather` and a semaphore around `client.chat.completions.create`, and around
the very `OpenAIModel.reply` that the engine calls, against the engine with its store on disk; in
turns, medians. cap: a server that admits 60 at once. noise: a tenth of all requests refused at random,
the engine with its gate against the same engine with plain additive increase, multiplicative decrease.
Client and server (lean_server.py, a process of its own) share the machine.
"""

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import openai
import PIL.Image
from bench_gate import Aimd

from parrot.adapters.store import SqliteStore
from parrot.backends.openai import open_model
from parrot.core.asks import Ask, Failed, Sampling, Turn
from parrot.core.engine import Engine, Job
from parrot.core.values import Image

SYSTEM = "Judge the two images. " + "The rubric says what matters and why. " * 60
HERE = Path(__file__).parent


@contextlib.contextmanager
def lean_server():
    command = [sys.executable, str(HERE / "lean_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def told(url, **changes):
    """Changes the server, clears its counts, and tells what they were."""
    query = "&".join(f"{k}={json.dumps(v)}" for k, v in changes.items())
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/set?{query}") as answer:
        return json.load(answer)


def pictures(folder, count=40, size=150_000):
    """PNG files of noise, about so many bytes each."""
    chance = random.Random(0)
    found = []
    side = int((size / 3) ** 0.5)
    for n in range(count):
        picture = PIL.Image.frombytes("RGB", (side, side), chance.randbytes(3 * side * side))
        written = io.BytesIO()
        picture.save(written, "png")
        data = written.getvalue()
        place = folder / f"{n}.png"
        place.write_bytes(data)
        found.append(Image(hashlib.sha256(data).hexdigest(), "image/png", str(place)))
    return found


def asks_of(count, images=(), salt=""):
    chosen = random.Random(1)
    for n in range(count):
        shown = tuple(chosen.sample(images, 2)) if images else ()
        parts = (f"Request {salt}{n}: a parrot on a branch", *shown, "Which is better?")
        yield Ask((Turn("system", (SYSTEM,)), Turn("user", parts)), Sampling(max_tokens=600))


def messages_of(ask):
    """What anybody would write by hand: files opened and encoded where they are sent."""
    out = []
    for turn in ask.turns:
        parts = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": url_of(part)}}
            for part in turn.parts
        ]
        plain = len(parts) == 1
        out.append({"role": turn.role, "content": parts[0]["text"] if plain else parts})
    return out


def url_of(image):
    data = Path(image.source).read_bytes()
    return f"data:{image.media_type};base64,{base64.b64encode(data).decode()}"


async def bare_client(url, asks, concurrency):
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
        max_connections=concurrency, max_keepalive_connections=concurrency
    )
    transport = openai.DefaultAioHttpClient(limits=limits, trust_env=False)
    slots = asyncio.Semaphore(concurrency)
    async with openai.AsyncOpenAI(
        api_key="none", base_url=url, max_retries=0, http_client=transport
    ) as client:

        async def one(ask):
            async with slots:
                done = await client.chat.completions.create(
                    model="lean", messages=messages_of(ask), max_tokens=600
                )
                return done.choices[0].message.content

        return await asyncio.gather(*map(one, asks))


async def bare_model(url, asks, concurrency):
    model = open_model(f"lean@{url}", connections=concurrency)
    slots = asyncio.Semaphore(concurrency)

    async def one(ask):
        async with slots:
            return (await model.reply(ask)).text

    try:
        return await asyncio.gather(*map(one, asks))
    finally:
        await model.aclose()


async def engine(url, asks, concurrency, gate=None):
    model = open_model(f"lean@{url}", connections=concurrency)
    done = []
    try:
        with tempfile.TemporaryDirectory() as folder, SqliteStore(f"{folder}/s.sqlite") as store:
            one = Engine(model, store, max_concurrency=concurrency)
            if gate is not None:
                one._calls.gate = gate
            async with one:
                async for _, (reply,) in one.answered(Job(None, (ask,)) for ask in asks):
                    done.append(reply if isinstance(reply, Failed) else reply.text)
    finally:
        await model.aclose()
    return done


def timed(way, url, asks, concurrency, **more):
    """Throughput, CPU milliseconds of the client an ask, and replies that did not come."""
    asks = list(asks)
    told(url)
    began, cpu = time.perf_counter(), time.process_time()
    done = asyncio.run(way(url, asks, concurrency, **more))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    lost = len(asks) - sum(isinstance(text, str) for text in done)
    return len(asks) / seconds, 1000 * cpu / len(asks), lost, told(url)


def against_bare(url, title, count, concurrency, images, rounds, latency):
    told(url, latency=latency, cap=None, noise=0.0)
    ways = {"client": bare_client, "model": bare_model, "engine": engine}
    rates, cpus = {w: [] for w in ways}, {w: [] for w in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            rate, cpu, lost, _ = timed(way, url, asks_of(count, images), concurrency)
            assert not lost
            if turn:  # the first round warms up
                rates[name].append(rate)
                cpus[name].append(cpu)
    print(f"{title}: {count} asks, {concurrency} at once, latency {latency * 1000:g} ms")
    for name in ways:
        print(
            f"  {name:8}{statistics.median(rates[name]):8.0f}/s"
            f"{statistics.median(cpus[name]):8.2f} ms of CPU an ask"
        )
    for bare in ("client", "model"):
        ratios = [e / b for e, b in zip(rates["engine"], rates[bare], strict=True)]
        spent = [b / e for e, b in zip(cpus["engine"], cpus[bare], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(
            f"  engine / bare {bare}: {statistics.median(ratios):.2f} ({spread});"
            f" by CPU an ask {statistics.median(spent):.2f}"
        )


def overhead(url):
    against_bare(url, "text, many at once", 4000, 256, (), 5, 0.053)
    against_bare(url, "text", 4000, 64, (), 5, 0.053)
    against_bare(url, "text, slow answers", 2000, 64, (), 3, 0.5)


def images(url):
    with tempfile.TemporaryDirectory() as folder:
        shown = pictures(Path(folder))
        against_bare(url, "two images of 150 KB", 1000, 64, shown, 5, 0.053)
        against_bare(url, "two images of 150 KB, slow answers", 1600, 64, shown, 3, 1.0)


def cap(url, count=4000, latency=0.21):
    told(url, latency=latency, cap=60, noise=0.0)
    rate, _, lost, seen = timed(engine, url, asks_of(count), 256)
    refused = seen["refused"] / (seen["served"] + seen["refused"])
    print(f"admits 60 at once: {count} asks, 256 at most, latency {latency * 1000:g} ms")
    print(
        f"  {rate:.0f}/s = {rate * latency / 60:.2f} of its capacity,"
        f" refused {seen['refused']} = {refused:.2%}, lost {lost}"
    )


def noise(url, count=6000, latency=0.053):
    for ceiling in (256, 64):
        told(url, latency=latency, cap=None, noise=0.1)
        rates = {}
        for name, gate in (("gate", None), ("AIMD", Aimd(ceiling))):
            rates[name], _, lost, seen = timed(engine, url, asks_of(count), ceiling, gate=gate)
            refused = seen["refused"] / (seen["served"] + seen["refused"])
            print(
                f"10 % random 429, {count} asks, {ceiling} at most: {name}"
                f" {rates[name]:.0f}/s, refused {refused:.1%}, lost {lost}"
            )
        print(f"  gate / AIMD: {rates['gate'] / rates['AIMD']:.2f}")


PARTS = {"overhead": overhead, "images": images, "cap": cap, "noise": noise}

if __name__ == "__main__":
    with lean_server() as url:
        for name in sys.argv[1:] or PARTS:
            PARTS[name](url)
