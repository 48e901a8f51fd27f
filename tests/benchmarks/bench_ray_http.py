"""Asks a second over HTTP: `rationalize --ray` against Ray Data LLM's HTTP stage, on one server.

Run: python tests/benchmarks/bench_ray_http.py [PAIRS]   (4000 unless said; needs the extra ray)

Two actors each, a cluster started for each; the server is `lean_server.py`, 50 ms a reply. Ours sends
two images a request, the stage text alone, and a quarter of the pairs, as it takes so much longer. The
rate is what the server served between the first and the last second in which it served at all.
"""

import json
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

from bench_ray import FILTERING, HOW, about, write_rows

HERE = Path(__file__).parent
SERVER = [sys.executable, str(HERE / "lean_server.py")]


def ours(url, pairs, out, count):
    from parrot.adapters.ray import Actors
    from parrot.cli.ray import Opening, rationalize_on
    from parrot.cli.session import Asking

    del count
    opening = Opening(
        f"openai:lean@{url}", None, None, Asking(concurrency=128), HOW, FILTERING, "plain",
        pairs.parent.resolve(), out.resolve(),
    )  # fmt: skip
    rationalize_on("local", pairs, opening, Actors(2), about(pairs), limit=None, total=None)


def stage(url, pairs, out, count):
    import ray
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    del pairs, out
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", num_cpus=4)
    said = "Judge the two images, on each dimension of the rubric. " * 40
    body = {"model": "lean", "messages": [{"role": "user", "content": said}]}
    config = HttpRequestProcessorConfig(url=f"{url}/chat/completions", concurrency=2)
    asked = build_processor(
        config,
        preprocess=lambda row: {"payload": {**body, "seed": int(row["id"])}},
        postprocess=lambda row: {"said": row["http_response"]["usage"]["completion_tokens"]},
    )
    assert asked(ray.data.range(count // 4, override_num_blocks=8)).count() == count // 4


def watched(url, ended):
    """What the server served in each second, and how many it had at once at most."""
    seconds, peak = [], 0
    while not ended.wait(1.0):
        with urllib.request.urlopen(f"{url.removesuffix('/v1')}/stats") as answer:
            told = json.load(answer)
        peak = max(peak, told["peak"])
        if told["served"]:
            seconds.append((told["served"], told["seconds"]))
    inner = seconds[1:-1] or seconds
    return sum(n for n, _ in inner) / sum(s for _, s in inner), peak


def arm(name, pairs, out, count):
    with subprocess.Popen(SERVER, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip()
        ended, found = threading.Event(), []
        watch = threading.Thread(target=lambda: found.append(watched(url, ended)))
        watch.start()
        try:
            call = [sys.executable, __file__, name, url, str(pairs), str(out), str(count)]
            subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        finally:
            ended.set()
            watch.join()
            server.terminate()
    return found[0]


def main(count):
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_rows(Path(folder) / "in", count)
        rates = {}
        for name in ("stage", "ours"):
            rates[name], peak = arm(name, pairs, Path(folder) / name, count)
            print(f"{name:6} {rates[name]:8.1f} asks/s, {peak} at once at most", flush=True)
        print(f"ratio {rates['ours'] / rates['stage']:.1f}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        name, url, pairs, out, count = sys.argv[1:]
        {"ours": ours, "stage": stage}[name](url, Path(pairs), Path(out), int(count))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
