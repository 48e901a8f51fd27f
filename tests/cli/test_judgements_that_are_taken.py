"""`parrot judge` and `parrot merge` over judgements: of the same only, and never of fewer."""

import json

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs

MODEL = ("--model", "miniature:teacher", "--out")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 8, seed=3, task="t2i").pairs


@pytest.fixture
def judged(parrot, pairs, tmp_path):
    out = tmp_path / "judged.jsonl"
    assert parrot("judge", pairs, *MODEL, out, "--both-orders", "--samples", 2)[0] == 0
    return out


def refused(told, place, before, said):
    status, _, lines = told
    assert (status, len(lines)) == (2, 1)
    assert said in lines[0]
    assert "would be lost; choose another --out" in lines[0]
    assert place.read_bytes() == before


WHOLE = ("--both-orders", "--samples", 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--form", "pointwise", "--samples", 2), "(form: 'pairwise', not 'pointwise')"),
        ((*WHOLE, "--limit", 5), "in order AB, sample 0, which is not among what is written"),
        ((*WHOLE, "--shard", "1/2"), "which is not among what is written now"),
        (("--samples", 2), "in order BA, sample 0"),
        (("--both-orders",), "in order AB, sample 1"),
    ],
)
def test_judgements_that_would_not_be_written_again_stay(parrot, pairs, judged, options, said):
    before, beside = judged.read_bytes(), judged.with_name("judged.jsonl.run.json")
    about = beside.read_bytes()
    refused(parrot("judge", pairs, *MODEL, judged, *options), judged, before, said)
    assert beside.read_bytes() == about
    assert parrot("judge", pairs, *MODEL, judged, *WHOLE)[0] == 0
    assert (judged.read_bytes(), beside.read_bytes()) == (before, about)


def test_judgements_of_other_pairs_stay(parrot, judged, tmp_path):
    other = write_pairs(tmp_path / "other", 8, seed=9, task="t2i").pairs
    refused(parrot("judge", other, *MODEL, judged, *WHOLE), judged, judged.read_bytes(), "pair ")


def test_a_longer_input_goes_on(parrot, pairs, tmp_path):
    out = tmp_path / "judged.jsonl"
    assert parrot("judge", pairs, *MODEL, out, "--limit", 3)[0] == 0
    first = out.read_bytes()
    assert parrot("judge", pairs, *MODEL, out)[0] == 0
    assert out.read_bytes().startswith(first)
    assert len(out.read_text().splitlines()) == 8


def test_judgements_of_which_nothing_is_said_go_on(parrot, pairs, judged):
    before = judged.read_bytes()
    judged.with_name("judged.jsonl.run.json").unlink()
    assert parrot("judge", pairs, *MODEL, judged, *WHOLE)[0] == 0
    assert judged.read_bytes() == before
    assert json.loads(judged.with_name("judged.jsonl.run.json").read_text())["form"] == "pairwise"


@pytest.fixture
def parts(parrot, pairs, tmp_path):
    places = [tmp_path / f"part-{n}.jsonl" for n in (1, 2)]
    for n, place in enumerate(places, 1):
        assert parrot("judge", pairs, *MODEL, place, "--shard", f"{n}/2")[0] == 0
    return places


def test_a_missing_shard_is_named(parrot, pairs, parts, tmp_path):
    out = tmp_path / "whole.jsonl"
    status, _, told = parrot("merge", parts[0], "--out", out)
    assert (status, told) == (1, ["not the whole input: stopped: no shard 2/2"])
    assert parrot("merge", out, parts[1], "--out", tmp_path / "all.jsonl")[0] == 0
    assert parrot("merge", *parts, "--out", out) == (0, f"judgements of 8 pairs: {out}\n", [])
    whole = tmp_path / "one.jsonl"
    assert parrot("judge", pairs, *MODEL, whole)[0] == 0
    assert whole.read_bytes() == out.read_bytes() == (tmp_path / "all.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--form", "pointwise"), "(form: 'pairwise', not 'pointwise')"),
        (("--model", "miniature:teacher-low"), "(model: 'miniature:teacher-medium"),
        (("--limit", 7), "(limit: None, not 7)"),
    ],
)
def test_judgements_of_different_settings_are_refused(parrot, pairs, parts, tmp_path, option, said):
    other = tmp_path / "other.jsonl"
    assert parrot("judge", pairs, *MODEL, other, "--shard", "2/2", *option)[0] == 0
    status, _, told = parrot("merge", parts[0], other, "--out", tmp_path / "out.jsonl")
    assert (status, len(told)) == (2, 1)
    assert "runs of different settings" in told[0]
    assert said in told[0]
    assert not (tmp_path / "out.jsonl").exists()


def test_merged_judgements_leave_what_is_something_else(parrot, pairs, parts):
    before = pairs.read_bytes()
    refused(parrot("merge", *parts, "--out", pairs), pairs, before, "holds no judgements")
