"""Shards merged in any order equal the run that was never parted, byte for byte."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.adapters.judgements import about_judgements, write_about
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


JUDGING = {"model": "m", "form": "pairwise", "pairs": "p", "status": "done"}


def judged(file, *rows, **said):
    place = {"pair_id": "x", "place": 0, "model": "m"}
    file.write_text("".join(json.dumps(place | row) + "\n" for row in rows))
    write_about(file, JUDGING | said)
    return file


def test_judgements_that_have_a_winner_are_better_than_none(tmp_path):
    def failed(name, *kinds):
        return judged(tmp_path / name, *({"failure": kind and {"kind": kind}} for kind in kinds))

    files = [failed("none", "timeout", "timeout"), failed("half", "image", None)]
    for order in (files, files[::-1]):
        merge_judgements(order, tmp_path / "out")
        assert (tmp_path / "out").read_text() == files[1].read_text()


def test_judgements_without_places_are_told_of(tmp_path):
    with pytest.raises(ConfigError, match="again"):
        merge_judgements([judged(tmp_path / "old", {"place": None})], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_judgements_of_which_nothing_is_said_are_told_of(tmp_path):
    file = judged(tmp_path / "old", {})
    (tmp_path / "old.run.json").unlink()
    with pytest.raises(ConfigError, match=r"no old\.run\.json beside it.*again"):
        merge_judgements([file], tmp_path / "out")
    (tmp_path / "old.run.json").write_text('{"shards": [5]}')
    with pytest.raises(ConfigError, match=r"old\.run\.json is broken: shards"):
        merge_judgements([file], tmp_path / "out")


@pytest.mark.parametrize(
    "other", [{"model": "n"}, {"form": "pointwise"}, {"samples": 2}, {"pairs": "q"}]
)
def test_judgements_of_different_settings_are_not_merged(tmp_path, other):
    files = [judged(tmp_path / "one", {}), judged(tmp_path / "two", {}, **other)]
    with pytest.raises(ConfigError, match=f"different settings .{next(iter(other))}"):
        merge_judgements(files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_of_judgements_that_are_missing_are_named(tmp_path):
    out = tmp_path / "out"
    # A part may hold no pair at all, and is there all the same.
    parts = [judged(tmp_path / f"{n}", *([{}] * (n == 1)), shard=f"{n}/3") for n in (1, 2, 3)]
    about, pairs = merge_judgements(parts[:2], out)
    assert (about["status"], pairs) == ("stopped: no shard 3/3", 1)
    about, _ = merge_judgements([out, parts[2]], tmp_path / "whole")
    assert about == about_judgements(tmp_path / "whole")
    assert (about["status"], about.get("shards")) == ("done", None)
    assert (tmp_path / "whole").read_text() == parts[0].read_text()


def test_judgements_do_not_give_way_to_fewer_or_to_others(tmp_path):
    rows = [{"pair_id": name, "place": place} for place, name in enumerate("xyz")]
    parts = [
        judged(tmp_path / "1", rows[0], rows[2], shard="1/2"),
        judged(tmp_path / "2", rows[1], shard="2/2"),
    ]
    for _ in range(2):
        merge_judgements(parts, tmp_path / "out")
    before = (tmp_path / "out").read_text()
    with pytest.raises(ConfigError, match=r"pair 'y' .*choose another --out"):
        merge_judgements(parts[:1], tmp_path / "out")
    with pytest.raises(ConfigError, match="pair 'x'"):
        merge_judgements([judged(tmp_path / "other", {"pair_id": "w"})], tmp_path / "out")
    assert (tmp_path / "out").read_text() == before


def test_a_run_does_not_give_way_to_fewer_shards(tmp_path):
    runs = [write(tmp_path / f"{n}", [], Shard(2, n)) for n in (1, 2)]
    for folder in (*runs, merged_of(runs, tmp_path / "whole")):
        (folder / "funnel.json").write_text('{"pairs": {"in": 1}, "rationales": {}, "filters": []}')
    with pytest.raises(ConfigError, match="holds shard 1/2, of which some would be lost"):
        merge_runs(runs[1:], runs[0])
    with pytest.raises(ConfigError, match="holds the whole input, of which some would be lost"):
        merge_runs(runs[1:], tmp_path / "whole")


def merged_of(runs, out):
    merge_runs(runs, out)
    return out


@pytest.mark.parametrize("line", ['{"id": "x", "label": "A"}\n', "notes\n", '{"model": "m"}\n'])
def test_judgements_do_not_take_the_place_of_something_else(tmp_path, line):
    (tmp_path / "mine.jsonl").write_text(line)
    with pytest.raises(ConfigError, match="holds no judgements, which would be lost"):
        merge_judgements([judged(tmp_path / "one", {})], tmp_path / "mine.jsonl")
    assert (tmp_path / "mine.jsonl").read_text() == line


def test_a_merged_run_does_not_take_the_place_of_another_or_of_no_run(tmp_path):
    one, other = write(tmp_path / "one", []), write(tmp_path / "other", [])
    (other / "run.json").write_text(json.dumps(ABOUT | {"teacher": "n", "status": "done"}))
    with pytest.raises(ConfigError, match="runs of different settings"):
        merge_runs([one], other)
    (other / "run.json").unlink()
    with pytest.raises(ConfigError, match=r"and no run\.json"):
        merge_runs([one], other)


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
