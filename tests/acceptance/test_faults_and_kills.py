"""Long runs at 30 % faults and under `kill -9`: no pair lost or told of twice, no reply asked twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from attrs import define, evolve, field

from parrot.adapters.store import SqliteStore
from parrot.backends.miniature.files import write_pairs
from parrot.core.asks import FailureKind, Finish, Reply
from parrot.core.testing.app import Behaviour
from parrot.core.testing.faults import Fault, mixed
from parrot.core.testing.judge import judge
from parrot.core.testing.server import LoopbackServer

pytestmark = pytest.mark.deep
ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
DATA = Path(os.environ.get("PARROT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = ("--map", "prompt=prompt,image_a=image_a,image_b=image_b", "--preferred-first")
ENDS = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl")
FILES = (*ENDS, "outcomes.jsonl", "funnel.json")
PAIRS, KILLS = 2000, 50


def command(pairs, server, out, *more):
    teacher = ("--teacher", f"openai:judge@{server.url}", "--out", str(out))
    return [*ENTRY, "rationalize", str(pairs), *teacher, *more]


def run(arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=3600, check=False)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pairs_of(kind, folder):
    if kind == "miniature":
        return write_pairs(folder, 300, seed=11, task="both").pairs
    file = DATA / "mj_bench" / "pairs.jsonl"
    if not file.is_file():
        pytest.skip(f"{file} is not here (set PARROT_SHARED_DATA)")
    done = run([*ENTRY, "import", str(file), *REAL, "--set", "licence=MIT", "--out", str(folder)])
    assert done.returncode == 0, done.stderr
    return folder / "pairs.jsonl"


def ends_of(out):
    """Each rationale and each lost ask of a run with its end: ((pair, order, sample), end)."""
    for name in ENDS:
        for row in lines(out / name):
            place = row.get("provenance", row)
            yield (row["pair_id"], place.get("order"), place.get("sample")), name


@pytest.mark.parametrize("filters", ["default", "all"])
@pytest.mark.parametrize("kind", ["mj_bench", "miniature"])
def test_every_pair_ends_once_with_a_typed_reason(kind, filters, tmp_path, capsys):
    pairs, out = pairs_of(kind, tmp_path / "pairs"), tmp_path / "run"
    with LoopbackServer(behaviour=Behaviour(faults=mixed(0.3, seed=5))) as server:
        done = run(command(pairs, server, out, "--filters", filters, "--max-failures", "1"))
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    faults = server.counts.faults
    assert 0.25 < faults.total() / server.counts.requests < 0.35
    assert set(faults) == {fault.value for fault in Fault}

    given, outcomes = [row["id"] for row in lines(pairs)], lines(out / "outcomes.jsonl")
    assert [row["id"] for row in outcomes] == given  # none twice, none lost, in input order
    ends = list(ends_of(out))
    expected = {(one, order, 0) for one in given for order in ("AB", "BA")}
    assert {place for place, _ in ends} == expected
    assert len(ends) == len(expected)
    told = {row["id"]: sum(row["rationales"].values()) for row in outcomes}
    assert told == dict.fromkeys(given, 2)
    kinds = Counter(FailureKind(row["kind"]) for row in lines(out / "failed.jsonl"))
    assert all(row["stage"] for row in lines(out / "failed.jsonl"))
    dropped = Counter(row["_dropped"]["filter"] for row in lines(out / "dropped.jsonl"))
    assert all(row["_dropped"]["reason"] for row in lines(out / "dropped.jsonl"))
    with capsys.disabled():
        print(f"\n{kind}, filters {filters}: {len(given)} pairs", end=", ")
        print(dict(Counter(row["outcome"] for row in outcomes)), dict(Counter(n for _, n in ends)))
        print("failed:", dict(kinds), "dropped:", dict(dropped))
        print("requests:", server.counts.requests, "faults:", dict(faults))


@define
class Remembering:
    """The scripted judge, whose replies open with the digest of the request as their thought."""

    asked: list[str] = field(factory=list)

    def __call__(self, request):
        self.asked.append(request.digest)
        answer = judge(request)
        return evolve(answer, text=f"<think>{request.digest}</think>\n{answer.text}")


def stored(out, scratch):
    """Digests of the requests whose whole replies a killed run left in its store."""
    if not (out / "store.sqlite").exists():
        return set()
    shutil.copytree(out, scratch, dirs_exist_ok=True)  # looked at beside, left as it is
    with SqliteStore(scratch / "store.sqlite") as store:
        replies = [r.outcome for r in store.scan() if isinstance(r.outcome, Reply)]
    shutil.rmtree(scratch)
    assert all(reply.finish is Finish.END for reply in replies)
    return {reply.text[len("<think>") :].partition("</think>")[0] for reply in replies}


def killed_after(arguments, asked, count, seconds):
    """Kills a run `seconds` after the server saw `count` requests; False where it ended before."""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(asked) < count:
        if child.poll() is not None:
            return False
        try:
            child.wait(timeout=0.005)
        except subprocess.TimeoutExpired:
            continue
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(child.pid, signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def test_fifty_kills_over_two_thousand_pairs(tmp_path, capsys):
    pairs = write_pairs(tmp_path / "pairs", PAIRS, seed=9, task="t2i").pairs
    teacher, chance = Remembering(), random.Random(2)
    more = ("--filters", "well-formed,scores-agree,leak-free,predictive-text,grounded")
    kills, sizes = 0, []
    with LoopbackServer(teacher=teacher, behaviour=Behaviour(latency_s=0.01)) as server:
        through = run(command(pairs, server, tmp_path / "through", *more))
        assert through.returncode == 0, through.stderr
        once = Counter(teacher.asked)
        assert max(once.values()) == 1
        again = command(pairs, server, tmp_path / "killed", *more)
        share = 0.7 * len(once) / KILLS
        teacher.asked.clear()
        begun = 0
        for _ in range(KILLS):
            there = stored(tmp_path / "killed", tmp_path / "scratch")
            sizes.append(len(there))
            before = len(teacher.asked)
            early = chance.random() < 0.1  # while it starts and reads what is stored
            count = before + (0 if early else chance.uniform(1.0, 2.0 * share))
            seconds = chance.uniform(0.0, 2.0 if early else 0.1)
            kills += killed_after(again, teacher.asked, count, seconds)
            assert there.isdisjoint(teacher.asked[before:])
            begun += len(teacher.asked) > before
        there, before = stored(tmp_path / "killed", tmp_path / "scratch"), len(teacher.asked)
        sizes.append(len(there))
        last = run(again)
        assert last.returncode == 0, last.stderr
        assert there.isdisjoint(teacher.asked[before:])
    assert kills == KILLS
    assert set(teacher.asked) == set(once)
    for name in FILES:
        assert (tmp_path / "killed" / name).read_bytes() == (
            tmp_path / "through" / name
        ).read_bytes()
    assert len(lines(tmp_path / "killed" / "outcomes.jsonl")) == PAIRS
    with capsys.disabled():
        print(f"\n{kills} kills, {begun} of them after a new request; {PAIRS} pairs")
        print(f"distinct requests: {len(once)}; with those that a kill cut: {len(teacher.asked)}")
        print("stored before each start:", sizes)
