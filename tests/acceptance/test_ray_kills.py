"""Real Ray, two actors: what they bring equals one process's run, also when they and the driver die.

A cluster is started on this machine, or that of `PARROT_RAY_ADDRESS` is taken.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra ray")
pytest.importorskip("openai", reason="the teacher speaks through the SDK")

import ray
from attrs import define, evolve, field

from parrot.adapters.store import SqliteStore
from parrot.backends.miniature.files import write_pairs
from parrot.core.asks import Reply
from parrot.core.testing.app import Behaviour
from parrot.core.testing.judge import judge
from parrot.core.testing.server import LoopbackServer

pytestmark = [pytest.mark.deep, pytest.mark.filterwarnings("ignore")]
ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
OUTPUTS = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "outcomes.jsonl", "funnel.json")
KILLS = int(os.environ.get("PARROT_RAY_KILLS", "10"))


@pytest.fixture(scope="module")
def address():
    given = os.environ.get("PARROT_RAY_ADDRESS")
    if given:
        yield given
        return
    ray.init(address="local", num_cpus=8, include_dashboard=False, log_to_driver=False)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@define
class Remembering:
    """The scripted judge, whose replies open with the digest of the request as their thought."""

    asked: list[str] = field(factory=list)

    def __call__(self, request):
        self.asked.append(request.digest)
        answer = judge(request)
        return evolve(answer, text=f"<think>{request.digest}</think>\n{answer.text}")


def command(pairs, server, out, *more):
    asked = ("--filters", "well-formed,scores-agree", "--concurrency", "4")
    teacher = ("--teacher", f"openai:judge@{server.url}", "--out", str(out))
    return [*ENTRY, "rationalize", str(pairs), *teacher, *asked, *more]


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr


def outputs(folder):
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def stored(out):
    """Digests of the requests whose replies are in the stores of a run that goes on."""
    found = set()
    for place in out.glob("actors/*/store.sqlite"):
        with SqliteStore(place, read_only=True) as store:
            replies = [r.outcome.text for r in store.scan() if isinstance(r.outcome, Reply)]
        found |= {text[len("<think>") :].partition("</think>")[0] for text in replies}
    return found


def actors_of(out):
    """Processes that hold a store of the run open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            place = str(link.readlink())
        except OSError:
            continue
        if place.startswith(f"{out}/actors/") and int(link.parts[2]) != os.getpid():
            found.add(int(link.parts[2]))
    return sorted(found)


def wait_for(what, child):
    while not (found := what()):
        assert child.poll() is None, child.communicate()[1].decode()
        time.sleep(0.02)
    return found


def test_actors_bring_what_one_process_brings_and_another_number_asks_nothing(address, tmp_path):
    pairs = write_pairs(tmp_path / "pairs", 24, seed=3, task="both").pairs
    with LoopbackServer() as server:
        run(command(pairs, server, tmp_path / "one"))
        before = server.counts.requests
        ours = command(pairs, server, tmp_path / "many", "--ray", address)
        run([*ours, "--ray-actors", "2"])
        assert server.counts.requests == 2 * before
        assert outputs(tmp_path / "many") == outputs(tmp_path / "one")
        run([*ours, "--ray-actors", "3"])
        assert server.counts.requests == 2 * before
    assert outputs(tmp_path / "many") == outputs(tmp_path / "one")
    one, many = (tmp_path / name / "run.json" for name in ("one", "many"))
    assert many.read_bytes() == one.read_bytes()


def test_actors_and_drivers_are_killed_and_nothing_stored_is_asked_again(address, tmp_path, capsys):
    pairs = write_pairs(tmp_path / "pairs", 150, seed=9, task="t2i").pairs
    teacher, out = Remembering(), tmp_path / "killed"
    looked, child, killed = [], None, Counter()
    with LoopbackServer(teacher=teacher, behaviour=Behaviour(latency_s=0.2)) as server:
        run(command(pairs, server, tmp_path / "through"))
        once = Counter(teacher.asked)
        teacher.asked.clear()
        again = command(pairs, server, out, "--ray", address)
        for number, victim in enumerate(islice(cycle(("actor", "driver", "both")), KILLS), 1):
            child = child or subprocess.Popen(again, stderr=subprocess.PIPE)
            enough = number * 0.8 * len(once) / KILLS
            wait_for(lambda: len(set(teacher.asked)) >= enough, child)  # noqa: B023
            pids = wait_for(lambda: actors_of(out), child)
            looked.append((stored(out), len(teacher.asked)))
            if victim != "driver":
                os.kill(pids[number % len(pids)], signal.SIGKILL)
            if victim != "actor":
                child.kill()
                child.communicate()
                child = None
            killed[victim] += 1
        if child is not None:
            assert child.wait(timeout=600) == 0
        run(again)
    assert all(there.isdisjoint(teacher.asked[before:]) for there, before in looked)
    assert looked[-1][0]
    assert set(teacher.asked) == set(once)
    assert outputs(out) == outputs(tmp_path / "through")
    with capsys.disabled():
        print(f"\n{dict(killed)}: {len(once)} asks, {len(teacher.asked)} sent")
        print("stored at each kill:", [len(there) for there, _ in looked])
