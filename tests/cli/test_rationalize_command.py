"""`parrot rationalize` against the loopback server: whole, at 30 % faults, killed, and misused."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from parrot.backends.miniature.files import write_pairs
from parrot.core.testing.app import Behaviour
from parrot.core.testing.faults import mixed
from parrot.core.testing.server import LoopbackServer

ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
FREE = ("--filters", "well-formed,scores-agree,leak-free,predictive-text,grounded")


def command(pairs, server, out, *more):
    spec = f"openai:judge@{server.url}"
    return [*ENTRY, "rationalize", str(pairs), "--teacher", spec, "--out", str(out), *FREE, *more]


def run(arguments, **more):
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=300, check=False, **more
    )


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def everything(out):
    names = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "outcomes.jsonl", "funnel.json")
    return {name: (out / name).read_text() for name in names}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 60, seed=3, task="both").pairs


def test_every_pair_ends_once_at_thirty_percent_faults(pairs, tmp_path):
    with LoopbackServer(behaviour=Behaviour(faults=mixed(0.3, seed=5))) as server:
        done = run(command(pairs, server, tmp_path, "--max-failures", "1", "--json"))
    assert done.returncode in (0, 1), done.stderr
    given = [row["id"] for row in lines(pairs)]
    outcomes = lines(tmp_path / "outcomes.jsonl")
    assert [row["id"] for row in outcomes] == given
    assert {row["outcome"] for row in outcomes} <= {"kept", "dropped", "failed"}
    ended = [
        (row["pair_id"], place.get("order"), place.get("sample"))
        for name in ("rationales.jsonl", "dropped.jsonl", "failed.jsonl")
        for row in lines(tmp_path / name)
        for place in (row.get("provenance", row),)
    ]
    assert len(ended) == len(set(ended)) == 2 * len(given)
    assert all(row["kind"] and row["stage"] for row in lines(tmp_path / "failed.jsonl"))


def killed_until_done(pairs, server, out, kills, seed):
    chance = random.Random(seed)
    for _ in range(kills):
        child = subprocess.Popen(
            command(pairs, server, out, "--concurrency", "4"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            child.wait(timeout=chance.uniform(1.0, 4.0))
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        else:
            break
    return run(command(pairs, server, out, "--concurrency", "4"))


def test_killed_runs_end_like_one_that_ran_through(pairs, tmp_path):
    with LoopbackServer(behaviour=Behaviour(latency_s=0.02)) as server:
        assert run(command(pairs, server, tmp_path / "through")).returncode == 0
        assert killed_until_done(pairs, server, tmp_path / "killed", 4, seed=1).returncode == 0
    assert everything(tmp_path / "killed") == everything(tmp_path / "through")


def test_nothing_that_is_stored_is_asked_again(pairs, tmp_path):
    with LoopbackServer() as server:
        first = run(command(pairs, server, tmp_path, "--json"))
        before = server.counts.requests
        second = run(command(pairs, server, tmp_path, "--json"))
        assert server.counts.requests == before
    assert json.loads(first.stdout)["pairs"] == json.loads(second.stdout)["pairs"]


def test_a_budget_stops_and_the_same_command_goes_on(pairs, tmp_path):
    with LoopbackServer() as server:
        stopped = run(command(pairs, server, tmp_path, "--max-asks", "20", "--concurrency", "4"))
        assert stopped.returncode == 3, stopped.stderr
        assert "stopped" in stopped.stderr
        assert run(command(pairs, server, tmp_path)).returncode == 0
    assert len(lines(tmp_path / "outcomes.jsonl")) == 60


def test_a_plan_asks_nothing(pairs, tmp_path):
    with LoopbackServer() as server:
        done = run(
            command(pairs, server, tmp_path, "--plan", "--price-in", "1", "--price-out", "4")
        )
        assert server.counts.requests == 0
    plan = json.loads(done.stdout)
    assert (plan["pairs"], plan["asks"]) == (60, 120)
    assert plan["cost_estimated"] > 0
    rows = lines(pairs)
    names = [n for row in rows for n in (row["image_a"], row["image_b"], *row.get("sources", []))]
    sizes = sum((pairs.parent / name).stat().st_size for name in names)
    # Both orders, each image in base64, beside some two thousand characters of text an ask.
    assert 1.3 * 2 * sizes + 120 * 1500 < plan["bytes_estimated"] < 1.4 * 2 * sizes + 120 * 9000


def test_a_wrong_key_is_one_clear_line_that_does_not_tell_it(pairs, tmp_path):
    with LoopbackServer(behaviour=Behaviour(api_key="right")) as server:
        given = {**os.environ, "PARROT_API_KEY": "sk-wrong-secret"}
        done = run(command(pairs, server, tmp_path), env=given)
    assert done.returncode == 3
    assert "sk-wrong-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    store = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"sk-wrong-secret" not in store


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "1"\n', "pairs.jsonl:1"),
        ("", "no records"),
        ('{"id":"1","prompt":"x","image_a":"a.png","image_b":"a.png","label":"left"}\n', "label"),
        ('{"id":"1","prompt":"x","image_a":"../a.png","image_b":"a.png","label":"A"}\n', "leaves"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_asked(tmp_path, text, said):
    given = tmp_path / "pairs.jsonl"
    given.write_text(text)
    teacher = ("--teacher", "miniature:teacher", "--out", str(tmp_path / "out"))
    done = run([*ENTRY, "rationalize", str(given), *teacher])
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unreadable_image_fails_its_pair_alone(tmp_path):
    folder = tmp_path / "pairs"
    path = write_pairs(folder, 10, seed=1, task="t2i").pairs
    rows = lines(path)
    (folder / rows[3]["image_a"]).write_bytes(b"not an image")
    done = run(
        [
            *ENTRY,
            "rationalize",
            str(path),
            "--teacher",
            "miniature:teacher",
            "--out",
            str(tmp_path / "o"),
        ]
    )
    assert done.returncode == 1
    failed = lines(tmp_path / "o" / "failed.jsonl")
    assert [row["kind"] for row in failed if row["pair_id"] == rows[3]["id"]] == ["image"]
    assert len(lines(tmp_path / "o" / "outcomes.jsonl")) == 10
