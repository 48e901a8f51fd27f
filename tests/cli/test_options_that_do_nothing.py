"""An option that would be ignored, or stands for something nobody means, is refused by its name."""

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "pairs", 4, seed=3, task="t2i").pairs


@pytest.mark.parametrize("empty", [("--out", ""), ("--out", "  "), ("--out=",)])
@pytest.mark.parametrize(
    "command",
    [
        ("rationalize", "PAIRS", "--teacher", "miniature:teacher"),
        ("import", "PAIRS", "--from", "plain"),
        ("judge", "PAIRS", "--model", "miniature:teacher"),
        ("miniature", "pairs", "--n", 1),
        ("study", "refine", "--report"),
    ],
)
def test_an_empty_out_is_not_the_folder_one_stands_in(
    command, empty, pairs, tmp_path, parrot, monkeypatch
):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    given = (pairs if part == "PAIRS" else part for part in command)
    status, _, told = parrot(*given, *empty)
    assert (status, told) == (2, ["error: --out is empty: name a place, or . for this folder"])
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--machines", 1), "--machines goes with --plan alone"),
        (("--seconds-per-reply", 2), "--seconds-per-reply goes with --plan alone"),
        (("--tokens-per-reply", 0), "--tokens-per-reply goes with --plan alone"),
        (("--plan", "--later"), "--later"),
    ],
)
def test_what_belongs_to_a_plan_is_not_ignored(more, said, pairs, tmp_path, parrot):
    out = tmp_path / "out"
    teacher = ("--teacher", "miniature:teacher", "--out", out)
    status, _, told = parrot("rationalize", pairs, *teacher, *more)
    assert (status, len(told)) == (2, 1)
    assert said in told[0]
    assert not out.exists()


def test_a_head_has_nothing_to_expect_scores_from(pairs, tmp_path, parrot):
    out = tmp_path / "judged.jsonl"
    command = ("judge", pairs, "--model", "head:miniature:head", "--expected", "--out", out)
    status, _, told = parrot(*command)
    assert (status, len(told)) == (2, 1)
    assert "takes no --expected" in told[0]
    assert not out.exists()
