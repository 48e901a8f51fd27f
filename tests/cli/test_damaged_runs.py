"""A run folder whose files were damaged: one line that names the file, and what is there stays."""

import json

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs

TEACHER = ("--teacher", "miniature:teacher", "--filters", "free")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 4, seed=3, task="t2i").pairs


@pytest.fixture
def run(parrot, pairs, tmp_path):
    assert parrot("rationalize", pairs, *TEACHER, "--out", tmp_path / "run")[0] == 0
    return tmp_path / "run"


FUNNELS = [
    '{"pairs": 5}',
    '{"pairs": {"in": "many"}, "rationales": {}, "filters": []}',
    '{"pairs": {}, "rationales": {}, "filters": 5}',
    "{",
    "[]",
]


@pytest.mark.parametrize("funnel", FUNNELS)
def test_a_broken_funnel_is_one_line(parrot, pairs, run, tmp_path, funnel):
    (run / "funnel.json").write_text(funnel)
    before = (run / "rationales.jsonl").read_bytes()
    for command in (
        ("export", run, "--to", "llamafactory", "--out", tmp_path / "train"),
        ("rationalize", pairs, *TEACHER, "--out", run),
    ):
        status, _, told = parrot(*command)
        assert (status, len(told)) == (2, 1)
        assert "funnel.json" in told[0]
    assert (run / "rationales.jsonl").read_bytes() == before
    assert not (tmp_path / "train").exists()


def test_a_funnel_without_counts_is_exported_as_none(parrot, run, tmp_path):
    (run / "funnel.json").write_text('{"pairs": {}, "rationales": {}, "filters": []}')
    out = tmp_path / "train"
    assert parrot("export", run, "--to", "llamafactory", "--out", out)[0] == 0
    assert "- pairs: 0 in, 0 kept" in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [("images_root", 5), ("pairs_at", 5), ("pairs", {}), ("schema", "1"), ("filters", 3)],
)
def test_a_broken_run_is_one_line(parrot, pairs, run, tmp_path, name, value):
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(about | {name: value}))
    for command in (
        ("export", run, "--to", "llamafactory", "--out", tmp_path / "train"),
        ("filter", run, "--filters", "free"),
        ("rationalize", pairs, *TEACHER, "--out", run),
        ("show", run),
    ):
        status, _, told = parrot(*command)
        assert (status, len(told)) == (2, 1)
        assert f"run.json is broken: {name} is" in told[0]


def test_a_broken_place_is_one_line(parrot, run):
    (run / "outcomes.jsonl").write_text('{"id": "x", "place": "first"}\n')
    status, _, told = parrot("filter", run, "--filters", "free")
    assert (status, len(told)) == (1, 1)
    assert "outcomes.jsonl:1: field 'place'" in told[0]
