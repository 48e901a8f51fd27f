"""Run folders: two writers of one, and what a model writes that UTF-8 cannot hold."""

import json
import shutil

import pytest

from parrot.adapters.runs import RunFolder, RunWriter
from parrot.adapters.traces import TraceFolder
from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Candidate, Provenance, Rationale
from parrot.core.critiques import Comparison
from parrot.core.errors import ConfigError, StoreBusyError
from parrot.core.outcomes import Fate, Lost, PairOutcome
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.values import Image, Label, PreferencePair, Request

IMAGE = Image("0" * 64, "image/png", b"")
PAIR = PreferencePair("x", Request("a cat"), IMAGE, IMAGE, Label.A)


def run(folder):
    return RunWriter(folder, images_root=folder, about={"command": "filter", "pairs": "p"})


def traces(folder):
    return TraceFolder(folder, about={"policy": "keep-best"})


def told(raw):
    made = Provenance("m", "p", anchored=True, raw=raw)
    fate = Fate(Candidate(PAIR, TEXT_TO_IMAGE, Rationale("x", Comparison(()), made)))
    return PairOutcome(PAIR, (fate,), (Lost("x", Failed(FailureKind.REFUSED, raw)),))


@pytest.mark.parametrize("writer", [run, traces])
def test_a_second_writer_is_refused_and_the_first_is_untouched(tmp_path, writer):
    with writer(tmp_path):
        with pytest.raises(StoreBusyError, match="in use"), writer(tmp_path):
            pass
        assert json.loads((tmp_path / "run.json").read_text())["status"] == "running"
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "done"
    assert not list(tmp_path.glob("*.partial"))
    with writer(tmp_path):
        pass


def test_half_a_character_is_written_and_comes_back(tmp_path):
    with run(tmp_path) as writer:
        writer.add(told("half of a parrot \ud83d"))
    ((_, candidate),) = RunFolder(tmp_path).candidates()
    assert candidate.rationale.provenance.raw == "half of a parrot \ud83d"
    assert b"\\ud83d" in (tmp_path / "failed.jsonl").read_bytes()


def test_whole_characters_are_written_as_they_are(tmp_path):
    with run(tmp_path) as writer:
        writer.add(told("perroquet \U0001f99c"))
    assert "perroquet \U0001f99c" in (tmp_path / "rationales.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("shards", [False, True])
def test_another_input_of_the_same_name_is_another_run(tmp_path, shards):
    def run_of(name):
        pairs = tmp_path / name / "pairs.jsonl"
        pairs.parent.mkdir(exist_ok=True)
        pairs.touch()
        about = {"command": "filter", "pairs": str(pairs.parent if shards else pairs)}
        return RunWriter(tmp_path / "out", images_root=tmp_path / "images", about=about)

    for _ in range(2):  # the same input goes on
        with run_of("one") as writer:
            writer.add(told("kept"))
    with pytest.raises(ConfigError, match="another run"), run_of("two"):
        pass
    shutil.rmtree(tmp_path / "one")  # it was moved: nobody can tell
    with run_of("two"):
        pass
