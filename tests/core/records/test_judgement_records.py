"""Judgement records: what is written is read back, and every mistake names its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.errors import RecordError
from parrot.core.judgements import Judged, Judgement
from parrot.core.records.judgements import judged_from_record, judgement_to_record, read_judgements
from parrot.core.values import Both, Label

NAMES = st.text(min_size=1, max_size=8)
SCALARS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def judgements(draw):
    said = draw(st.sampled_from(["winner", "tie", "scores", "answer", "failure"]))
    fields = {}
    if said == "winner":
        fields = {"winner": draw(st.sampled_from(Label)), "answer": draw(st.none() | st.text())}
    elif said == "tie":
        fields = {"winner": Label.TIE, "both": draw(st.sampled_from(Both))}
    elif said == "scores":
        fields = {"score_a": draw(SCALARS), "score_b": draw(SCALARS)}
    elif said == "answer":
        fields = {"answer": draw(st.text())}
    else:
        kind = draw(st.sampled_from(FailureKind))
        fields = {"failure": Failed(kind, draw(st.text()), draw(st.integers(0, 9)))}
    return Judgement(
        draw(NAMES),
        order=draw(st.sampled_from(Order)),
        sample=draw(st.integers(0, 5)),
        model=draw(st.text(max_size=5)),
        request=draw(st.just("") | NAMES),
        **fields,
    )


@st.composite
def judged(draw):
    label = draw(st.sampled_from(Label))
    both = draw(st.none() | st.sampled_from(Both)) if label is Label.TIE else None
    size = draw(st.none() | st.integers(2, 4))
    return Judged(draw(judgements()), label, both, draw(st.none() | NAMES), size)


@given(judged())
def test_read_of_write_is_the_same(one):
    record = json.loads(json.dumps(judgement_to_record(one)))
    assert record["schema"] == 1
    assert judged_from_record(record) == one


SOUND = {"pair_id": "p", "label": "A", "winner": "B"}


def test_the_least_that_a_record_needs():
    one = judged_from_record(SOUND)
    assert one == Judged(Judgement("p", Label.B), Label.A)
    assert judged_from_record({**SOUND, "both": None, "answer": None}) == one


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"label": "left"}, "label", "must be A, B or TIE, not 'left'"),
        ({"label": None}, "label", "is missing"),
        ({"winner": "C"}, "winner", "must be A, B or TIE"),
        ({"both_model": "UGLY"}, "both_model", "GOOD or BAD"),
        ({"order": "BB"}, "order", "'AB' or 'BA'"),
        ({"sample": -1}, "sample", "greater than or equal to 0"),
        ({"sample": "1"}, "sample", "integer"),
        ({"score_a": float("nan"), "score_b": 1}, "score_a", "finite"),
        ({"winner": None, "failure": {"kind": "asleep"}}, "failure.kind", "must be one of"),
        ({"failure": {"kind": "timeout"}}, None, "beside neither a winner nor scores"),
        ({"winner": None}, None, "needs a winner"),
        ({"both": "GOOD"}, None, "needs the label TIE"),
        ({"winner": None, "winer": "A"}, "winer", "did you mean 'winner'"),
        ({"group_size": 1}, "group_size", "greater than or equal to 2"),
        ({"schema": 2}, "schema", "later version"),
    ],
)
def test_mistakes_name_the_field(change, field, message):
    with pytest.raises(RecordError, match=message) as caught:
        judged_from_record({**SOUND, **change})
    assert caught.value.field == field


def read(*rows):
    return list(read_judgements(enumerate(rows, 1), file="j.jsonl"))


def test_places_are_named():
    with pytest.raises(RecordError, match=r"j\.jsonl:2: field 'label'") as caught:
        read(SOUND, {**SOUND, "label": "left"})
    assert (caught.value.file, caught.value.line) == ("j.jsonl", 2)


def test_a_repeated_judgement_names_both_lines():
    other = {**SOUND, "order": "BA"}
    with pytest.raises(RecordError, match=r"j\.jsonl:3: pair 'p', order BA, sample 0 .* line 2"):
        read(SOUND, other, other)
    assert len(read(SOUND, other, {**SOUND, "sample": 1})) == 3


@pytest.mark.parametrize("change", [{"label": "B"}, {"group": "g", "group_size": 3}])
def test_a_pair_has_one_label_and_one_group(change):
    with pytest.raises(RecordError, match=r"j\.jsonl:2: .*than on line 1"):
        read(SOUND, {**SOUND, **change, "order": "BA"})


def test_an_empty_file_is_no_result():
    with pytest.raises(RecordError, match=r"j\.jsonl: has no judgements"):
        read()
