"""Shards merged in any order equal the run that was never parted, byte for byte."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.adapters.merging import merge_judgements, merge_runs
from parrot.adapters.runs import RunFolder, RunWriter
from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Candidate, Drop, Keep, Order, Provenance, Rationale, Undecided
from parrot.core.critiques import Comparison
from parrot.core.errors import ConfigError, RecordError
from parrot.core.outcomes import Fate, Lost, PairOutcome
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.sharding import Shard, Share
from parrot.core.values import Image, Label, PreferencePair, Request, Unloadable

OUTPUTS = ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "outcomes.jsonl", "funnel.json")
ABOUT = {"command": "rationalize", "teacher": "m", "filters": ["first", "second"], "pairs": "p"}
IMAGE = Image("0" * 64, "image/png", b"")

KINDS = st.sampled_from([FailureKind.TIMEOUT, FailureKind.CUT, FailureKind.REFUSED])
FAILED = st.builds(Failed, KINDS, st.sampled_from(["late", "é"]))
VERDICTS = st.one_of(
    st.builds(Keep),
    st.builds(Drop, st.sampled_from(["x", "y", "z"]), st.sampled_from(["", "why"])),
    st.builds(Undecided, FAILED),
)


@st.composite
def outcomes(draw, name):
    if draw(st.integers(0, 9)) == 0:
        gone = Failed(FailureKind.IMAGE, "torn", 0)
        return PairOutcome(Unloadable(name, "torn"), lost=(Lost(name, gone),))
    pair = PreferencePair(name, Request("a cat"), IMAGE, IMAGE, Label.A)
    fates, lost = [], []
    for order in Order:
        if draw(st.booleans()):
            lost.append(Lost(name, draw(FAILED), order, 0))
            continue
        made = Provenance("m", "p", True, order, 0, draw(st.sampled_from(["raw", "\u2028 raw"])))
        candidate = Candidate(pair, TEXT_TO_IMAGE, Rationale(name, Comparison(()), made))
        fate = Fate(candidate)
        for filter_name in ABOUT["filters"]:
            if fate.end.value == "kept":
                fate = fate.judged(filter_name, draw(VERDICTS))
        fates.append(fate)
    return PairOutcome(pair, tuple(fates), tuple(lost))


@st.composite
def inputs(draw):
    return [draw(outcomes(f"pair {n}")) for n in range(draw(st.integers(0, 12)))]


def write(folder, given_, shard=None):
    share = Share(shard)
    about = ABOUT | ({"shard": str(shard)} if shard else {})
    with RunWriter(folder, images_root=folder, about=about, place_of=share.leave) as writer:
        for place, outcome in enumerate(given_):
            if share.takes(place, outcome.pair.id):
                writer.add(outcome)
    return folder


def outputs(folder):
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@settings(max_examples=12, deadline=None)
@given(inputs(), st.sampled_from([1, 3, 7]), st.data())
def test_shards_merged_in_any_order_equal_the_run_that_was_not_parted(given_, of, data):
    with TemporaryDirectory() as place:
        folder = Path(place)
        whole = write(folder / "whole", given_)
        parts = [write(folder / f"{n}", given_, Shard(of, n)) for n in range(1, of + 1)]
        merge_runs(data.draw(st.permutations(parts)), folder / "merged")
        assert outputs(folder / "merged") == outputs(whole)
        assert RunFolder(folder / "merged").about["status"] == "done"
        # Shards of another number beside them, and the whole itself, change nothing.
        more = write(folder / "half", given_, Shard(2, 1))
        merge_runs([more, folder / "merged", *parts[:1]], folder / "again")
        assert outputs(folder / "again") == outputs(whole)


def test_the_better_record_of_a_pair_wins(tmp_path):
    pair = PreferencePair("one", Request("a cat"), IMAGE, IMAGE, Label.A)
    rationale = Rationale("one", Comparison(()), Provenance("m", "p", True, Order.AB, 0, ""))
    kept = PairOutcome(pair, (Fate(Candidate(pair, TEXT_TO_IMAGE, rationale)),))
    failed = PairOutcome(
        pair, lost=(Lost("one", Failed(FailureKind.TIMEOUT, "late"), Order.AB, 0),)
    )
    good, bad = write(tmp_path / "good", [kept]), write(tmp_path / "bad", [failed])
    for order in ([good, bad], [bad, good]):
        merge_runs(order, tmp_path / "merged")
        assert outputs(tmp_path / "merged") == outputs(good)


def test_runs_of_other_settings_and_broken_runs_leave_the_target_as_it_was(tmp_path):
    one = write(tmp_path / "one", [])
    other = write(tmp_path / "other", [])
    (other / "run.json").write_text(json.dumps(ABOUT | {"teacher": "n", "status": "done"}))
    with pytest.raises(ConfigError, match="teacher"):
        merge_runs([one, other], tmp_path / "merged")
    (other / "run.json").write_text((one / "run.json").read_text())
    (other / "outcomes.jsonl").write_text('{"id": "x", "outcome": "gone", "rationales": {}}\n')
    merge_runs([one], tmp_path / "merged")
    before = outputs(tmp_path / "merged")
    with pytest.raises(RecordError, match=r"outcomes\.jsonl:1"):
        merge_runs([one, other], tmp_path / "merged")
    assert outputs(tmp_path / "merged") == before
    assert not list((tmp_path / "merged").glob("*.partial"))


def test_a_run_that_lacks_a_line_is_told_of(tmp_path):
    pair = PreferencePair("x", Request("a cat"), IMAGE, IMAGE, Label.A)
    made = Rationale("x", Comparison(()), Provenance("m", "p", anchored=True))
    one = write(
        tmp_path / "one", [PairOutcome(pair, (Fate(Candidate(pair, TEXT_TO_IMAGE, made)),))]
    )
    (one / "rationales.jsonl").write_text("")
    with pytest.raises(RecordError, match="lacks lines"):
        merge_runs([one], tmp_path / "merged")


def test_judgements_that_have_a_winner_are_better_than_none(tmp_path):
    def judged(name, *failures):
        rows = [{"pair_id": "x", "place": 0, "failure": f and {"kind": f}} for f in failures]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    files = [judged("none", "timeout", "timeout"), judged("half", "image", None)]
    for order in (files, files[::-1]):
        merge_judgements(order, tmp_path / "out")
        assert (tmp_path / "out").read_text() == files[1].read_text()


def test_judgements_without_places_are_told_of(tmp_path):
    (tmp_path / "old").write_text('{"pair_id": "x"}\n')
    with pytest.raises(ConfigError, match="again"):
        merge_judgements([tmp_path / "old"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("line", ['{"pair_id": "a"}\n', "[]\n", '{"pair_id": "a", "prov\n'])
def test_a_broken_record_is_told_of(tmp_path, line):
    pair = PreferencePair("a", Request("a cat"), IMAGE, IMAGE, Label.A)
    made = Rationale("a", Comparison(()), Provenance("m", "p", anchored=True))
    write(tmp_path / "a", [PairOutcome(pair, (Fate(Candidate(pair, TEXT_TO_IMAGE, made)),))])
    (tmp_path / "a" / "rationales.jsonl").write_text(line)
    with pytest.raises(RecordError, match="pair 'a' is broken"):
        merge_runs([tmp_path / "a"], tmp_path / "out")
    (tmp_path / "a" / "outcomes.jsonl").unlink()
    with pytest.raises(ConfigError, match="it has no outcomes"):
        merge_runs([tmp_path / "a"], tmp_path / "out")
