"""The pair stream, its files and its statistics."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from parrot.backends.images import image_from_path
from parrot.backends.miniature.draw import decode
from parrot.backends.miniature.files import write_pairs
from parrot.backends.miniature.human import LABEL_NOISE, overall
from parrot.backends.miniature.pairs import in_split, pair_at, scene_in_split, stream, truth_to_dict
from parrot.backends.miniature.reader import Seen, read
from parrot.core.errors import ConfigError
from parrot.core.records.pairs import pair_from_record
from parrot.core.rubric import rubric_for
from parrot.core.values import Label


@pytest.fixture(scope="module")
def drawn():
    return list(stream(4000, seed=3))


def test_a_pair_is_decided_by_its_index_alone():
    whole = [pair_at(i, seed=5) for i in range(12)]
    assert list(stream(4, seed=5, start=7)) == whole[7:11]
    assert pair_at(6, seed=5, task="t2i")[0] == whole[6][0]
    assert pair_at(6, seed=6)[0] != whole[6][0]


def test_golden_pairs():
    said = [
        json.dumps(truth_to_dict(t), sort_keys=True) + p.request.prompt + p.image_a.sha256
        for p, t in stream(40)
    ]
    assert sha256("".join(said).encode()).hexdigest()[:16] == "5fbfb8e1aab13b67"


def test_labels_are_balanced_noisy_and_mostly_decisive(drawn):
    labels = [p.label for p, _ in drawn]
    a, b, tie = (labels.count(k) / len(labels) for k in Label)
    assert abs(a - b) < 0.04
    assert 0.08 < tie < 0.25
    decisive = [t for _, t in drawn if t.decisive]
    assert len(decisive) / len(drawn) >= 0.5
    assert all(abs(t.margin) > LABEL_NOISE for t in decisive)
    flips = sum(t.flipped for _, t in drawn) / len(drawn)
    opposite = sum(t.label is t.true_label.mirrored() is not Label.TIE for _, t in drawn)
    assert 0.1 < flips < 0.3
    assert 0.0 < opposite / len(drawn) < 0.05


def test_what_a_pair_says_agrees_with_itself(drawn):
    for pair, truth in drawn:
        assert (pair.both is None) is (pair.label is not Label.TIE)
        assert (pair.strength is None) is (pair.label is Label.TIE)
        assert pair.votes.a + pair.votes.b + pair.votes.tie == 5
        applicable = rubric_for(pair.request).applicable(pair.request)
        assert (
            set(truth.utilities_a)
            == set(truth.utilities_b)
            == set(pair.dimension_labels)
            == applicable
        )
        assert truth.margin == overall(truth.utilities_a) - overall(truth.utilities_b)


def test_both_ties_occur_and_people_disagree_in_every_dimension(drawn):
    assert {p.both for p, _ in drawn} == {None, "GOOD", "BAD"}
    for key in ("text_faithfulness", "image_faithfulness", "physical_quality", "text_rendering"):
        gaps = [t.utilities_a[key] != t.utilities_b[key] for _, t in drawn if key in t.utilities_a]
        assert sum(gaps) / len(gaps) > 0.2, key


def test_images_show_what_the_truth_says(drawn):
    for pair, truth in drawn[:60]:
        for image, drawing in ((pair.image_a, truth.a), (pair.image_b, truth.b)):
            assert read(decode(image.source)) == Seen(drawing, 0.0)


def test_train_and_test_share_no_request_and_no_scene():
    for split in ("train", "test"):
        for pair, truth in stream(60, split=split):
            assert in_split(split, pair.request.prompt)
            scenes = [truth.a.scene, truth.b.scene, *([truth.source] if truth.source else [])]
            assert all(scene_in_split(split, scene) for scene in scenes)
    assert not (in_split("train", "a red circle") and in_split("test", "a red circle"))


def test_files_hold_the_stream_and_their_images(tmp_path):
    seen = []
    written = write_pairs(tmp_path, 30, seed=2, progress=lambda *done: seen.append(done))
    assert seen[-1] == (30, 30)
    lines = [json.loads(line) for line in written.pairs.read_text().splitlines()]
    for record, (pair, _truth) in zip(lines, stream(30, seed=2), strict=True):
        opened = pair_from_record(record, lambda ref: image_from_path(ref, root=tmp_path))
        assert opened.image_a == pair.image_a
        assert opened.request == pair.request
        assert (opened.label, opened.votes, opened.both) == (pair.label, pair.votes, pair.both)
        assert opened.may_train
        assert opened.dimension_labels == {}
        assert record["image_a"] == f"images/{pair.image_a.sha256[:16]}.png"
    truths = [json.loads(line) for line in written.truth.read_text().splitlines()]
    assert truths == [truth_to_dict(t) for _, t in stream(30, seed=2)]


def test_the_same_again_changes_nothing_and_others_are_refused(tmp_path):
    first = write_pairs(tmp_path, 5, seed=1)
    before = first.pairs.read_bytes()
    assert write_pairs(tmp_path, 5, seed=1).again
    assert first.pairs.read_bytes() == before
    with pytest.raises(ConfigError, match="another set of pairs"):
        write_pairs(tmp_path, 6, seed=1)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "pairs.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match="not the miniature's"):
        write_pairs(foreign, 5)
    assert (foreign / "pairs.jsonl").read_text() == "{}\n"


def test_a_broken_run_is_finished_by_the_same_call(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pairs(tmp_path, 5, progress=stop)
    assert not (tmp_path / "pairs.jsonl").exists()
    assert not write_pairs(tmp_path, 5).again
    assert len((tmp_path / "pairs.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize("wrong", [{"task": "video"}, {"split": "dev"}, {"n": 0}])
def test_senseless_parameters_are_config_errors_and_leave_no_folder(tmp_path, wrong):
    with pytest.raises(ConfigError):
        write_pairs(tmp_path / "new", **{"n": 5, **wrong})
    assert not (tmp_path / "new").exists()
