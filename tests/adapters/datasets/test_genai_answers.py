"""Recorded judge answers: the votes people cast, and pairs that stand for absent pictures."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from parrot.adapters.datasets.genai_answers import read_answers
from parrot.backends.images import prepare
from parrot.core.errors import ImageError, RecordError
from parrot.core.values import Both, Label


def answer(idx=0, **changes):
    whole = {
        "idx": idx,
        "prompt": "a dog",
        "response": "[[A>B]]",
        "model_vote": None,
        "human_vote": "bothbad_vote",
        "judge": "gpt4o",
        "task": "image_generation",
    }
    return whole | changes


EDIT = {
    "task": "image_edition",
    "prompt": None,
    "source_prompt": "a taxi",
    "target_prompt": "a taxi and sheep",
    "instruct_prompt": "add sheep",
}


def file_of(folder, *answers):
    file = folder / "answers.jsonl.gz"
    file.write_bytes(gzip.compress("".join(json.dumps(a) + "\n" for a in answers).encode()))
    return file


def test_an_answer_is_read_whole(tmp_path):
    one, edit = read_answers(file_of(tmp_path, answer(3), answer(4, **EDIT)))
    assert (one.id, one.judge, one.prompt, one.response) == (
        "image_generation/3", "gpt4o", "a dog", "[[A>B]]",
    )  # fmt: skip
    assert (one.label, one.both, one.model_vote) == (Label.TIE, Both.BAD, None)
    assert (edit.prompt, edit.is_edit) == ("add sheep", True)


def test_two_judges_may_answer_one_pair_but_not_one_judge_twice(tmp_path):
    twice = file_of(tmp_path, answer(), answer(judge="other"))
    assert len({a.id for a in read_answers(twice)}) == 1
    with pytest.raises(RecordError, match="already at"):
        list(read_answers(file_of(tmp_path, answer(), answer())))


def test_the_pair_has_no_pictures_to_open(tmp_path):
    one, edit = (a.as_pair() for a in read_answers(file_of(tmp_path, answer(), answer(1, **EDIT))))
    assert len({one.image_a, one.image_b, edit.image_a, edit.image_b, *edit.request.sources}) == 5
    assert edit.request.is_edit
    assert (one.label, one.both, one.licence) == (Label.TIE, Both.BAD, "MIT")
    with pytest.raises(ImageError):
        prepare(one.image_a)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"human_vote": "left"}, "human_vote"),
        ({"response": None}, "response"),
        ({"idx": None}, "idx"),
        ({"judge": 3.5}, "judge"),
        ({"task": "image_edition"}, "instruct_prompt"),
    ],
)
def test_a_bad_line_is_told(tmp_path, changes, field):
    file = file_of(tmp_path, answer(0), answer(1) | changes)
    with pytest.raises(RecordError) as caught:
        list(read_answers(file))
    assert (caught.value.line, caught.value.field) == (2, field)


def test_a_file_without_answers_is_refused(tmp_path):
    with pytest.raises(RecordError, match="no answers"):
        list(read_answers(file_of(tmp_path)))


SHARED = (
    Path(os.environ.get("PARROT_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
    / "genai_bench"
)
COUNTS = {
    "image_generation": {"A": 643, "B": 663, "GOOD": 156, "BAD": 273},
    "image_edition": {"A": 240, "B": 263, "GOOD": 24, "BAD": 392},
}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the GenAI-Bench answers are not on this machine")
@pytest.mark.parametrize("judge", ["gpt4o", "llavanext"])
@pytest.mark.parametrize("task", COUNTS)
def test_the_published_answers_have_the_published_votes(task, judge):
    answers = list(read_answers(SHARED / f"{task}.{judge}.jsonl.gz"))
    assert Counter((a.both or a.label).value for a in answers) == COUNTS[task]
    assert {a.judge for a in answers} == {judge}
