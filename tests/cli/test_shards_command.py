"""`--shard`, `parrot merge` and `--plan` as a user has them, against the loopback server."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("openai", reason="the teacher speaks through the SDK")

from parrot.adapters.store import SqliteStore
from parrot.backends.miniature.files import write_pairs
from parrot.cli import app
from parrot.core.errors import ConfigError
from parrot.core.plan import CHARACTERS_PER_TOKEN, TOKENS_PER_IMAGE, Machines
from parrot.core.testing.batches import BatchServer
from parrot.core.testing.server import LoopbackServer

OUTPUTS = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "outcomes.jsonl", "funnel.json")


def parrot(*arguments):
    return app([str(a) for a in arguments], standalone_mode=False)


def outputs(folder):
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 9, seed=3, task="both").pairs


def test_every_step_in_shards_merged_equals_the_step_in_one(pairs, tmp_path):
    with LoopbackServer() as server:
        teacher = f"openai:judge@{server.url}"

        def both(name, first, *arguments):
            whole, merged = tmp_path / f"{name}-whole", tmp_path / f"{name}-merged"
            parrot(*first, *arguments, "--out", whole)
            before = server.counts.requests
            parts = [tmp_path / f"{name}-{n}" for n in (3, 1, 2)]
            for part in parts:
                of = f"{part.name[-1]}/3"
                parrot(*first, *arguments, "--out", part, "--shard", of, "--known", whole)
            assert server.counts.requests == before  # another number of shards asks nothing again
            parrot("merge", *parts, "--out", merged)
            return whole, merged

        free = ("--filters", "well-formed,scores-agree,grounded")
        whole, merged = both("r", ("rationalize", pairs), "--teacher", teacher, *free)
        assert outputs(whole) == outputs(merged)
        before = server.counts.requests
        parrot("rationalize", pairs, "--teacher", teacher, *free, "--out", merged)
        assert server.counts.requests == before
        assert outputs(whole) == outputs(merged)
        filtered = both("f", ("filter", merged), "--filters", "free")
        assert outputs(filtered[0]) == outputs(filtered[1])
        projected = both("p", ("project", whole), "--teacher", teacher)
        assert outputs(projected[0]) == outputs(projected[1])
        judged = both("j", ("judge", pairs), "--model", teacher, "--both-orders")
        assert judged[0].read_bytes() == judged[1].read_bytes()


def test_what_makes_no_sense_is_told(pairs, tmp_path):
    with LoopbackServer() as server:
        teacher = f"openai:judge@{server.url}"
        first = ("rationalize", pairs, "--teacher", teacher, "--filters", "free")
        parrot(*first, "--out", tmp_path / "1", "--shard", "1/2")
        with pytest.raises(ConfigError, match="shard: '1/2', not '2/2'"):
            parrot(*first, "--out", tmp_path / "1", "--shard", "2/2")
        with pytest.raises(ConfigError, match="specific"):
            parrot(*first[:-1], "all", "--out", tmp_path / "2", "--shard", "1/2")
        with pytest.raises(ConfigError, match="itself a part"):
            parrot("filter", tmp_path / "1", "--filters", "free", "--shard", "1/2")
        parrot(*first, "--out", tmp_path / "3", "--samples", "2", "--shard", "2/2")
        with pytest.raises(ConfigError, match="different settings"):
            parrot("merge", tmp_path / "1", tmp_path / "3", "--out", tmp_path / "4")
        with pytest.raises(ConfigError, match="no store"):
            parrot(*first, "--out", tmp_path / "5", "--known", tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("rationalize", "P", "--teacher", "miniature:teacher", "--out", "o", "--shard", "4/3"),
            "I/N",
        ),
        (("merge", "P", "nowhere", "--out", "o"), "is no run folder"),
        (("batch", "submit", "nowhere"), "is no run folder"),
    ],
)
def test_bad_input_ends_in_one_clear_line(pairs, tmp_path, arguments, said):
    given = [str(pairs) if one == "P" else one for one in arguments]
    code = "from parrot.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *given],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_plan_counts_what_a_run_sends(pairs, tmp_path, capsys):
    seen = []
    with BatchServer() as server:
        judge = server.teacher
        server.teacher = lambda request: seen.append(request) or judge(request)
        teacher = f"openai:judge@{server.url}"
        first = ("rationalize", pairs, "--teacher", teacher, "--filters", "free")
        sized = ("--machines", "3", "--concurrency", "2", "--seconds-per-reply", "2")
        priced = ("--price-in", "1", "--price-out", "4", "--tokens-per-reply", "10")
        parrot(*first, "--out", tmp_path / "run", "--plan", *sized, *priced)
        plan = json.loads(capsys.readouterr().out)
        assert not seen
        parrot(*first, "--out", tmp_path / "run")
    assert plan["asks"] == len(seen) == 18
    assert plan["images"] == sum(len(request.images) for request in seen)
    characters = sum(len(request.text) for request in seen)
    tokens = characters / CHARACTERS_PER_TOKEN + plan["images"] * TOKENS_PER_IMAGE
    assert plan["prompt_tokens_estimated"] == pytest.approx(tokens, rel=0.01)
    assert plan["completion_tokens_estimated"] == 180
    cost = (plan["prompt_tokens_estimated"] + 4 * 180) / 1e6
    assert plan["cost_estimated"] == round(cost, 4)
    assert (plan["asks_a_machine"], plan["seconds_estimated"]) == (6, 6.0)


def test_a_plan_counts_the_very_tokens_of_a_model_that_counts(pairs, tmp_path, capsys):
    first = ("rationalize", pairs, "--teacher", "miniature:teacher", "--filters", "free")
    parrot(*first, "--out", tmp_path / "run", "--plan")
    plan = json.loads(capsys.readouterr().out)
    parrot(*first, "--out", tmp_path / "run")
    with SqliteStore(tmp_path / "run" / "store.sqlite", read_only=True) as store:
        spent = sum(record.outcome.usage.prompt for record in store.scan())
    assert plan["prompt_tokens_exact"]
    assert plan["prompt_tokens_estimated"] == spent > 0
    capsys.readouterr()
    parrot(*first, "--out", tmp_path / "run", "--plan")
    again = json.loads(capsys.readouterr().out)
    assert again["asks"] == again["prompt_tokens_estimated"] == 0


def test_time_falls_with_machines_and_never_below_one_reply():
    assert Machines(1, 64, None).seconds(10) is None
    assert Machines(7, 64, 5.0).seconds(3) == 5.0
    assert Machines(1, 10, 5.0).seconds(101) == 55.0
