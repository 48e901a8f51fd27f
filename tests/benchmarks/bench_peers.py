"""The engine beside curator and distilabel: same server, same asks, same concurrency, in one run.

Run: python tests/benchmarks/bench_peers.py [--asks 1500] [--concurrency 256] [--rounds 3]
         [--curator PYTHON] [--distilabel PYTHON]

PYTHON is the interpreter of an environment that has `bespokelabs-curator` or `distilabel[openai]`.
Text asks; the reply has 600 tokens after 53 ms on average (lean_server.py). Every arm is a process
of its own; what is timed is the run alone, without imports and the making of the asks. Peers are
used as their own pages show: curator's `LLM` with its online backend, distilabel's pipeline of a
generation task in batches as large as the concurrency, caches off or fresh. Medians, and ratios to
the bare loop of the same round.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BARE, ENGINE = "bare loop", "engine"

CURATOR = """
import os, sys, tempfile, time
os.environ.update(TELEMETRY_ENABLED="false", CURATOR_VIEWER="0", OPENAI_API_KEY="none",
                  CURATOR_DISABLE_RICH_DISPLAY="1", CURATOR_CACHE_DIR=tempfile.mkdtemp())
from bespokelabs import curator
url, system, asks, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
prompts = [f"{system}\\n\\nRequest {n}: a parrot on a branch" for n in range(asks)]
llm = curator.LLM(model_name="lean", backend="openai", generation_params={"max_tokens": 600},
                  backend_params={"base_url": url, "api_key": "none",
                                  "max_concurrent_requests": concurrency,
                                  "max_requests_per_minute": 10**7,
                                  "max_tokens_per_minute": 10**10})
began = time.perf_counter()
out = llm(prompts)
spent = time.perf_counter() - began
rows = getattr(out, "dataset", out)
print("RATE", len(rows), asks / spent, flush=True)
os._exit(0)
"""

DISTILABEL = """
import sys, time, os
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

def main():
    url, system, asks, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    data = [{"instruction": f"Request {n}: a parrot on a branch", "system_prompt": system}
            for n in range(asks)]
    with Pipeline(name="bench") as pipeline:
        load = LoadDataFromDicts(data=data, batch_size=concurrency)
        llm = OpenAILLM(model="lean", base_url=url, api_key="none",
                        generation_kwargs={"max_new_tokens": 600})
        task = TextGeneration(llm=llm, input_batch_size=concurrency)
        load >> task
    began = time.perf_counter()
    out = pipeline.run(use_cache=False)
    spent = time.perf_counter() - began
    rows = out["default"]["train"]
    done = sum(text is not None for text in rows["generation"])
    print("RATE", done, asks / spent, flush=True)

if __name__ == "__main__":
    main()
"""


def own(name, url, asks, concurrency):
    import asyncio

    from bench_engine import asks_of, bare_client, engine

    made = list(asks_of(asks))
    way = bare_client if name == BARE else engine
    began = time.perf_counter()
    done = asyncio.run(way(url, made, concurrency))
    spent = time.perf_counter() - began
    print("RATE", sum(isinstance(text, str) for text in done), asks / spent)


def rate_of(command, asks):
    """Asks a second, or why there is no figure."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    except subprocess.TimeoutExpired:
        return "took longer than 150 s"
    for line in done.stdout.splitlines():
        if line.startswith("RATE"):
            _, answered, rate = line.split()
            return float(rate) if int(answered) == asks else f"answered {answered} of {asks}"
    return (done.stderr.strip().splitlines() or ["said nothing"])[-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--asks", type=int, default=1500)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--curator")
    parser.add_argument("--distilabel")
    parser.add_argument("--own", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.own:
        own(*given.own, given.asks, given.concurrency)
        return
    from bench_engine import SYSTEM, lean_server, told

    size = ["--asks", str(given.asks), "--concurrency", str(given.concurrency)]
    rates = {}
    with lean_server() as url:
        told(url, latency=0.053)
        mine = [sys.executable, __file__, *size, "--own"]
        arms = {BARE: [*mine, BARE, url], ENGINE: [*mine, ENGINE, url]}
        for name, code in (("curator", CURATOR), ("distilabel", DISTILABEL)):
            python = getattr(given, name)
            if python:
                script = Path(__file__).with_name(f".{name}_arm.py")
                script.write_text(code)
                more = [url, SYSTEM, str(given.asks), str(given.concurrency)]
                arms[name] = [python, str(script), *more]
        for turn in range(given.rounds):
            for name, command in arms.items():
                found = rate_of(command, given.asks)
                print(f"round {turn + 1}: {name:12}{found}", flush=True)
                rates.setdefault(name, []).append(found)
    for script in HERE.glob(".*_arm.py"):
        script.unlink()
    for name, found in rates.items():
        pairs = [
            (rate, bare)
            for rate, bare in zip(found, rates[BARE], strict=True)
            if isinstance(rate, float) and isinstance(bare, float)
        ]
        if pairs:
            rate = statistics.median(r for r, _ in pairs)
            ratio = statistics.median(r / b for r, b in pairs)
            print(f"{name:12}{rate:8.0f}/s{ratio:8.2f} of the bare loop")


if __name__ == "__main__":
    main()
