"""A run that was stopped does not pass for a whole one in what is made of it."""

import json

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs

TEACHER = ("--teacher", "miniature:teacher")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 20, seed=3, task="t2i").pairs


@pytest.fixture
def begun(pairs, tmp_path):
    return ("rationalize", pairs, *TEACHER, "--filters", "free", "--out", tmp_path / "run")


@pytest.fixture
def stopped(parrot, begun):
    assert parrot(*begun, "--max-asks", 16, "--concurrency", 2)[0] == 3
    return begun[-1]


def commands(run, out):
    return {
        "show": ("show", run),
        "filter": ("filter", run, "--filters", "free", "--out", out / "filtered"),
        "project": ("project", run, *TEACHER, "--out", out / "projected"),
        "export": ("export", run, "--to", "llamafactory", "--out", out / "train"),
    }


def test_what_is_made_of_a_stopped_run_says_so(parrot, begun, stopped, tmp_path):
    for command in commands(stopped, tmp_path).values():
        told = parrot(*command)[2]
        assert told[0].startswith(f"{stopped} is not of its whole input: stopped: ")
        assert sum("whole input" in line for line in told) == 1
    for name in ("filtered", "projected"):
        about = json.loads((tmp_path / name / "run.json").read_text())
        assert about["status"] == "done"
        assert about["input_status"].startswith("stopped: ")
    assert "\n- status: stopped\n" in (tmp_path / "train" / "README.md").read_text()
    again = ("export", tmp_path / "filtered", "--to", "llamafactory", "--out", tmp_path / "train")
    assert "filtered is not of its whole input" in parrot(*again)[2][0]
    card = (tmp_path / "train" / "README.md").read_text()
    assert "\n- status of what it was made of: stopped\n" in card
    assert "asks" not in card.partition("## Run")[2].partition("- pairs")[0]
    assert parrot(*begun)[0] == 0
    for command in commands(stopped, tmp_path).values():
        assert not any("whole input" in line for line in parrot(*command)[2])
    assert "input_status" not in json.loads((tmp_path / "filtered" / "run.json").read_text())
    assert "- status" not in (tmp_path / "train" / "README.md").read_text()


def test_a_card_names_the_shards_that_it_is_of(parrot, begun, tmp_path):
    assert parrot(*begun, "--shard", "1/2")[0] == 0
    merged = tmp_path / "merged"
    assert parrot("merge", begun[-1], "--out", merged)[0] == 1
    told = parrot("export", merged, "--to", "llamafactory", "--out", tmp_path / "train")[2]
    assert told == [f"{merged} is not of its whole input: stopped: no shard 2/2"]
    card = (tmp_path / "train" / "README.md").read_text()
    assert '- shards: ["1/2"]\n- status: stopped\n' in card
