"""`parrot judge`, then `parrot evaluate`: on the miniature in both forms, and against faults."""

import json
import subprocess
import sys

import pytest

from parrot.backends.miniature.files import write_pairs
from parrot.core.testing.app import Behaviour
from parrot.core.testing.faults import mixed
from parrot.core.testing.server import LoopbackServer

ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]


def run(*arguments):
    command = [*ENTRY, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def agreement(path, *more, under="no-tie-strict"):
    protocol = ("--protocol", under, "--resamples", "50")
    done = run("evaluate", path, *protocol, "--json", "-", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 40, seed=3, task="both").pairs


@pytest.fixture(scope="module")
def pairwise(pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("judged") / "pairwise.jsonl"
    teacher = ("--model", "miniature:teacher", "--out", out)
    done = run("judge", pairs, *teacher, "--both-orders", "--samples", "2", "--json")
    assert done.returncode in (0, 1), done.stderr
    return out, json.loads(done.stdout)


def test_the_teacher_agrees_pairwise_in_both_orders(pairs, pairwise):
    out, told = pairwise
    labels = {row["id"]: row["label"] for row in rows(pairs)}
    written = rows(out)
    assert [(r["pair_id"], r["order"], r["sample"]) for r in written] == [
        (pair, order, sample) for pair in labels for order in ("AB", "BA") for sample in (0, 1)
    ]
    assert all(row["label"] == labels[row["pair_id"]] for row in written)
    assert told["judgements"] == len(written) == 160
    assert sum(told["failed"].values()) < 8
    report = agreement(out)
    assert report["accuracy"] > 58
    assert report["judgements"] == 160
    assert report["position_bias"]["pairs"] > 70
    # Read in a wrong frame, one order would agree where the other does not.
    assert report["position_bias"]["consistency"] > 58


def test_the_teacher_agrees_pointwise(pairs, tmp_path):
    out = tmp_path / "pointwise.jsonl"
    teacher = ("--model", "miniature:teacher", "--out", out, "--form", "pointwise")
    done = run("judge", pairs, *teacher, "--json")
    assert done.returncode in (0, 1), done.stderr
    written = rows(out)
    assert {row["order"] for row in written} == {"AB"}
    assert len(written) == 40
    for row in written:
        assert ("failure" in row) != ({"winner", "score_a", "score_b"} <= set(row))
    strict, decided = agreement(out), agreement(out, under="no-tie-decided")
    assert strict["accuracy"] > 50  # one grade of four often ties, and a tie is wrong here
    assert decided["accuracy"] > 62


def test_at_thirty_percent_faults_each_place_ends_once_and_is_not_asked_twice(pairs, tmp_path):
    out = tmp_path / "judged.jsonl"
    with LoopbackServer(behaviour=Behaviour(faults=mixed(0.3, seed=5))) as server:
        how = ("--both-orders", "--max-failures", "1", "--json")
        command = ("judge", pairs, "--model", f"openai:judge@{server.url}", "--out", out, *how)
        first = run(*command)
        assert first.returncode in (0, 1), first.stderr
        failed = sum(json.loads(first.stdout)["failed"].values())
        places = [(r["pair_id"], r["order"], r["sample"]) for r in rows(out)]
        assert len(places) == len(set(places)) == 80
        assert sum("failure" in row for row in rows(out)) == failed
        server.change(faults=mixed(0.0))
        before, written = server.counts.requests, rows(out)
        again = json.loads(run(*command).stdout)
        unanswered = server.counts.requests - before
    # Garbage is an answer, and stays one; only what never came is asked again.
    assert again["asks"]["asked"] == unanswered < 80 * 0.1
    answered = [row for row in written if "failure" not in row]
    assert [row for row in rows(out) if row in answered] == answered


def test_pointwise_has_no_orders(pairs, tmp_path):
    teacher = ("--model", "miniature:teacher", "--out", tmp_path / "j.jsonl")
    done = run("judge", pairs, *teacher, "--form", "pointwise", "--both-orders")
    assert done.returncode == 2
    assert "has no orders" in done.stderr
    assert not list(tmp_path.iterdir())


def test_votes_are_a_judgement_a_pair(pairwise):
    report = agreement(pairwise[0], "--vote")
    assert report["judgements"] == 40
    assert report["accuracy"] > 58


def test_reliability_of_votes_and_of_gaps(pairwise, tmp_path):
    written = rows(pairwise[0])
    names = sorted({row["pair_id"] for row in written})
    halves = []
    for part in (names[:20], names[20:]):
        halves.append(tmp_path / f"{part[0]}.jsonl")
        halves[-1].write_text(
            "".join(json.dumps(r) + "\n" for r in written if r["pair_id"] in part)
        )
    votes = agreement(halves[0], "--reliability", "votes")["reliability"]
    assert votes["of"] == "votes"
    assert 0 < votes["n"] <= 20
    assert 0 <= votes["ece"] <= 1
    gaps = agreement(halves[0], "--reliability", "gap", "--dev", halves[1])["reliability"]
    assert gaps["slope"] > 0
    assert all(one["low"] >= 0.5 for one in gaps["bins"])
    unsplit = run("evaluate", halves[0], "--protocol", "no-tie-strict", "--reliability", "gap")
    assert (unsplit.returncode, "--dev" in unsplit.stderr) == (2, True)
    leaking = run(
        *("evaluate", halves[0], "--protocol", "no-tie-strict", "--reliability", "gap"),
        *("--dev", halves[0]),
    )
    assert (leaking.returncode, "shares 20 pairs" in leaking.stderr) == (2, True)
    screen = run("evaluate", halves[0], "--protocol", "no-tie-strict", "--reliability", "votes")
    assert f"over {votes['n']} claims by votes" in screen.stdout


def turned(row):
    return {"A": "B", "B": "A", "TIE": "TIE", None: None}[row.get("winner")]


def test_probes_change_what_is_seen_and_keep_the_label(pairs, tmp_path):
    found = {}
    for probe in (None, "swapped-order", "black-image"):
        out = tmp_path / f"{probe}.jsonl"
        teacher = ("--model", "miniature:teacher", "--out", out, "--form", "pointwise")
        done = run("judge", pairs, *teacher, *(("--probe", probe) if probe else ()))
        assert done.returncode in (0, 1), done.stderr
        found[probe] = rows(out)
        assert {row.get("probe") for row in found[probe]} == {probe}
    labels = {row["id"]: row["label"] for row in rows(pairs)}
    for judged in found.values():
        assert {row["pair_id"]: row["label"] for row in judged} == labels
    plain, swapped = found[None], found["swapped-order"]
    assert [row.get("winner") for row in swapped] == [turned(row) for row in plain]
    # Two black images are one ask twice wherever they are of one size: no image can win.
    assert {row.get("winner") for row in found["black-image"]} <= {"TIE", None}


def test_an_unknown_probe(pairs, tmp_path):
    teacher = ("--model", "miniature:teacher", "--out", tmp_path / "j.jsonl")
    done = run("judge", pairs, *teacher, "--probe", "black-images")
    assert (done.returncode, "black-image" in done.stderr) == (2, True)
