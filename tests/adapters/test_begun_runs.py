"""What `run.json` says stays true of the results beside it, and files of no run stay."""

import json

import pytest

from parrot.adapters.begun import begin_run, open_run
from parrot.adapters.runs import RunWriter
from parrot.core.errors import ConfigError, RunStopped

ABOUT = {
    "command": "rationalize",
    "teacher": "m",
    "samples": 1,
    "filters": ["well-formed"],
    "asked": {"limit": None},
}


def said(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.fixture
def done(tmp_path):
    with RunWriter(tmp_path, images_root=tmp_path, about=ABOUT):
        pass
    return tmp_path


def test_a_finished_run_is_begun_again_only_as_it_was(done):
    before = said(done)
    begin_run(done, done, ABOUT)
    assert said(done) == before
    with pytest.raises(ConfigError, match=r"another run .*samples: 1, not 2"):
        begin_run(done, done, ABOUT | {"samples": 2})
    with pytest.raises(ConfigError, match="shard: None, not '1/2'"):
        begin_run(done, done, ABOUT | {"shard": "1/2"})
    assert said(done) == before


def test_results_of_fewer_pairs_are_not_said_to_be_all(done):
    begin_run(done, done, ABOUT | {"asked": {"limit": 9}})
    assert said(done)["status"] == "begun"


def test_results_of_a_stopped_run_keep_their_settings(tmp_path):
    with pytest.raises(RunStopped), RunWriter(tmp_path, images_root=tmp_path, about=ABOUT):
        raise RunStopped("enough")
    with pytest.raises(ConfigError, match="another run"):
        begin_run(tmp_path, tmp_path, ABOUT | {"samples": 2})
    begin_run(tmp_path, tmp_path, ABOUT)
    assert said(tmp_path)["status"] == "stopped: enough"


def test_a_run_without_results_may_be_begun_otherwise(tmp_path):
    begin_run(tmp_path, tmp_path, ABOUT)
    begin_run(tmp_path, tmp_path, ABOUT | {"samples": 2})
    assert (said(tmp_path)["samples"], said(tmp_path)["status"]) == (2, "begun")


def test_a_run_whose_results_come_at_its_end_leaves_those_that_are_there(tmp_path):
    assert open_run(tmp_path, tmp_path, ABOUT)["samples"] == 1
    assert said(tmp_path)["status"] == "begun"
    counts = {"pairs": {"in": 3}, "rationales": {}, "filters": []}
    (tmp_path / "funnel.json").write_text(json.dumps(counts))
    (tmp_path / "rationales.jsonl").touch()
    assert open_run(tmp_path, tmp_path, ABOUT | {"samples": 2})["samples"] == 2
    assert said(tmp_path)["samples"] == 1


@pytest.mark.parametrize("name", ["rationales.jsonl", "failed.jsonl", "funnel.json"])
def test_files_of_no_run_stay(tmp_path, name):
    (tmp_path / name).write_text("mine")
    writer = RunWriter(tmp_path, images_root=tmp_path, about=ABOUT)
    with pytest.raises(ConfigError, match=f"holds {name} and no run"), writer:
        pass
    with pytest.raises(ConfigError, match="choose another"):
        begin_run(tmp_path, tmp_path, ABOUT)
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"
