"""A run over pairs on Ray with two actors against one process: records, work a pair, memory.

Run: python tests/benchmarks/bench_ray.py [PAIRS]   (1000000 unless said; needs the extra ray)

The pairs are rows of a JSONL file that name images by path; the teacher answers at once and in the
process that asks. Work is seconds of processors, not of a clock: of the one process, and of driver,
actors and everything of Ray together, from the first tenth of the pairs to the very end, so that
starting weighs nothing. Memory is what each process has resident at tenths of the pairs, and at the
end; behind a plus are pages of Ray's object store, which processes share. A cluster is started on
this machine, or that of PARROT_RAY_ADDRESS taken, which must be the only one on it.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from attrs import frozen

from parrot.adapters.datasets.reading import read_pairs
from parrot.adapters.runs import RunWriter
from parrot.adapters.store import SqliteStore
from parrot.cli.ray import Opening, rationalize_on
from parrot.cli.session import Asking
from parrot.core.asks import Reply, Usage
from parrot.core.engine import Engine
from parrot.core.engine.progress import Meter
from parrot.core.filters import FILTERS
from parrot.core.interfaces import Profile
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.pipelines.rationalizing import Rationalizing, rationalize
from parrot.core.sharding import Share

HOW = Rationalizing()
FILTERING = Filtering((FILTERS["well-formed"], FILTERS["scores-agree"]))
NAMES = ["well-formed", "scores-agree"]
REPLY = "# Detailed Judgement\n" + "".join(
    f"{n}. {name}:\n## Justification: {'the wing is sharper in one of the two ' * 6}\n"
    "## Score A: 3\n## Score B: 2\n## Winner: A\n"
    for n, name in enumerate(("Text Faithfulness", "Physical and Visual Quality"), start=1)
)
FILES = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "outcomes.jsonl")
TENTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
TICK = os.sysconf("SC_CLK_TCK")


class Instant:
    """Answers at once, with one text, and remembers nothing."""

    id = "instant"
    profile = Profile()

    async def reply(self, ask, /):
        del ask
        return Reply(REPLY, usage=Usage(900, 0, 200))

    async def aclose(self):
        return None


@frozen(slots=True)
class Scripted(Opening):
    """What actors open, but for the teacher."""

    def _models(self):
        model = Instant()
        return model, model


def write_rows(folder, count):
    from parrot.core.testing.fakes import plain_image

    (folder / "images").mkdir(parents=True)
    for n in range(64):
        (folder / "images" / f"{n}.png").write_bytes(plain_image(4 * n, 0, 0).source)
    with (folder / "pairs.jsonl").open("w") as rows:
        for n in range(count):
            a, b = (f"images/{(n + k) % 64}.png" for k in (0, 1))
            prompt = f"Request {n}: a parrot on a branch, the left wing raised"
            row = {"id": str(n), "prompt": prompt, "image_a": a, "image_b": b, "label": "A"}
            rows.write(json.dumps(row) + "\n")
    return folder / "pairs.jsonl"


def about(pairs):
    return {"command": "rationalize", "pairs": str(pairs), "filters": NAMES, "teacher": "instant"}


class Watch(threading.Thread):
    """Processor seconds and resident memory of processes, looked at as the run goes on."""

    def __init__(self, done, count, pids):
        super().__init__(daemon=True)
        self._done, self._count, self._pids = done, count, pids
        self.seconds, self.names, self.memory = {}, {}, {}
        self.at_tenth, self.ended = None, threading.Event()

    def run(self):
        left = list(TENTHS)
        while not self.ended.wait(0.5):
            self.look()
            share = self._done() / self._count
            if self.at_tenth is None and share >= TENTHS[0]:
                self.at_tenth = (dict(self.seconds), share)
            while left and share >= left[0]:
                self.note(left.pop(0))

    def look(self):
        for pid in self._pids():
            try:
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                name = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
            except OSError:
                continue
            self.seconds[pid] = (int(stat[11]) + int(stat[12])) / TICK
            if name or pid not in self.names:  # one that has ended has none left
                self.names[pid] = Path(name).name.partition(".")[0]

    def note(self, share):
        for pid in self.seconds:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            lines = (line.split() for line in status.splitlines())
            kib = {line[0]: int(line[1]) for line in lines if line[0] in ("VmRSS:", "RssShmem:")}
            if kib:
                shared = kib["RssShmem:"] / 1024
                self.memory.setdefault(pid, {})[share] = kib["VmRSS:"] / 1024 - shared, shared

    def result(self):
        self.ended.set()
        self.join()
        self.look()
        self.note(1.0)
        first, share = self.at_tenth or ({}, 0.0)
        used = {pid: now - first.get(pid, 0.0) for pid, now in self.seconds.items()}
        memory = [(self.names[p], m) for p, m in self.memory.items() if max(m.values())[0] > 60]
        return {"used": sum(used.values()), "share": 1.0 - share, "memory": memory}


def one(pairs, out, count):
    meter = Meter()
    watch = Watch(lambda: meter.progress.done / 2, count, lambda: [os.getpid()])
    watch.start()

    async def work():
        share = Share()
        with (
            SqliteStore(out / "store.sqlite") as store,
            RunWriter(
                out, images_root=pairs.parent, about=about(pairs), place_of=share.leave
            ) as to,
        ):
            async with Engine(Instant(), store, observers=(meter,)) as engine:
                source = read_pairs(pairs, share=share)
                async for outcome in filtered(rationalize(source, engine, HOW), engine, FILTERING):
                    to.add(outcome)

    began = time.perf_counter()
    asyncio.run(work())
    return watch.result() | {"clock": time.perf_counter() - began}


def ray_pids():
    """This process, and Ray's: its servers and all that they started."""
    parents, found = {}, {os.getpid()}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = place.read_text().rpartition(")")
        except OSError:
            continue
        pid, name = int(head.partition(" ")[0]), head.partition("(")[2]
        parents[pid] = int(rest.split()[1])
        if name in ("raylet", "gcs_server"):
            found.add(pid)
    while more := {p for p, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def many(pairs, out, count):
    from parrot.adapters.ray import Actors, connected
    from parrot.cli import ray as wiring

    seen = {"done": 0}
    shown = wiring.progress_shown

    def watched(meter, prices, total):
        seen["meter"] = meter
        return shown(meter, prices, total)

    wiring.progress_shown = watched
    address = os.environ.get("PARROT_RAY_ADDRESS", "local")
    with connected(address, cpus=6):
        time.sleep(5.0)  # so that what starting costs is not looked at
        watch = Watch(lambda: _done(seen), count, ray_pids)
        watch.start()
        opening = Scripted(
            "instant",
            None,
            None,
            Asking(),
            HOW,
            FILTERING,
            "plain",
            pairs.parent.resolve(),
            out.resolve(),
        )
        began = time.perf_counter()
        rationalize_on(address, pairs, opening, Actors(2), about(pairs), limit=None, total=None)
        return watch.result() | {"clock": time.perf_counter() - began}


def _done(seen):
    return seen["meter"].progress.done / 2 if "meter" in seen else 0


def alone(kind, pairs, out, count):
    arguments = [sys.executable, __file__, kind, str(pairs), str(out), str(count)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def told(megabytes):
    own, shared = map(round, megabytes)
    return f"{own} + {shared}" if shared else str(own)


def main(count):
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_rows(Path(folder) / "in", count)
        outs = {kind: Path(folder) / kind for kind in ("one", "many")}
        found = {kind: alone(kind, pairs, out, count) for kind, out in outs.items()}
        each = {k: f["used"] / (f["share"] * count) for k, f in found.items()}
        print(f"{count} pairs, 2 actors")
        for kind, run in found.items():
            print(
                f"{kind:5} {1e6 * each[kind]:8.0f} us of processors a pair,"
                f" {run['clock']:8.1f} s by the clock"
            )
            for name, memory in run["memory"]:
                shown = ", ".join(f"{float(at):.0%} {told(mb)}" for at, mb in memory.items())
                print(f"      {name:24} MB at {shown}")
        print(f"throughput a core, of one process's: {each['one'] / each['many']:.2f}")
        for name in FILES:
            one, many = (sorted((out / name).open("rb")) for out in outs.values())
            print(f"{name} sorted: {'equal' if one == many else 'DIFFERENT'}, {len(one)} lines")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        kind, pairs, out, count = sys.argv[1:]
        work = {"one": one, "many": many}[kind]
        print(json.dumps(work(Path(pairs), Path(out), int(count))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
