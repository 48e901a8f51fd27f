"""Rationale records: nothing is lost on the way to a file and back, and bad records say where."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Drop, Keep, Order, Provenance, Rationale, Undecided
from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Problem,
    ProblemCode,
    Refinement,
)
from parrot.core.errors import RecordError, Unwritable
from parrot.core.records.failures import StoredFailure, failure_from_record, failure_to_record
from parrot.core.records.fields import at_schema
from parrot.core.records.rationales import (
    rationale_from_record,
    rationale_id,
    rationale_to_record,
    stored_from_record,
)
from parrot.core.values import Label

# Models write anything, lone surrogates included.
texts = st.text(st.characters(exclude_categories=()), max_size=30)
names = st.text(min_size=1, max_size=8)
scores = st.one_of(st.floats(-9, 9), st.just(NA))
labels = st.sampled_from(Label)
winners = st.one_of(labels, st.just(NA))
critiques = st.builds(
    Critique,
    st.lists(st.builds(Finding, names, texts, scores), max_size=4).map(tuple),
    texts,
    texts,
    st.none() | st.builds(Refinement, texts, texts),
)
comparisons = st.builds(
    Comparison,
    st.lists(st.builds(PairFinding, names, texts, scores, scores, winners), max_size=4).map(tuple),
    texts,
    texts,
)
provenances = st.builds(
    Provenance, texts, texts, st.booleans(), st.sampled_from(Order), st.integers(0, 99), texts
)
problems = st.builds(Problem, st.sampled_from(ProblemCode), texts, st.none() | texts)
rationales = st.builds(
    Rationale,
    names,
    critiques | comparisons,
    provenances,
    st.lists(problems, max_size=3).map(tuple),
    st.none() | labels,
    st.none() | st.sampled_from([Label.A, Label.B]),
)
failures = st.builds(Failed, st.sampled_from(FailureKind), texts, st.integers(0, 9))
verdicts = st.one_of(st.just(Keep()), st.builds(Drop, texts, texts), st.builds(Undecided, failures))


def written(record):
    return json.loads(json.dumps(record))


@given(rationales, st.dictionaries(names, verdicts, max_size=3))
def test_a_rationale_survives_the_file(rationale, said):
    record = written(rationale_to_record(rationale, pair={"id": "p"}, verdicts=said))
    stored = stored_from_record(record)
    assert stored.rationale == rationale
    assert rationale_from_record(record) == rationale
    assert dict(stored.verdicts) == said
    assert list(stored.verdicts) == list(said)
    assert stored.pair == {"id": "p"}
    assert stored.id == rationale_id(rationale)


@given(st.builds(StoredFailure, names, names, failures, st.none() | st.sampled_from(Order)))
def test_a_failure_survives_the_file(failure):
    assert failure_from_record(written(failure_to_record(failure))) == failure


def record(**changes):
    whole = rationale_to_record(
        Rationale(
            "p1",
            Comparison((PairFinding("quality", "sharper", 3.0, 2.0, Label.A),)),
            Provenance("t", "p", anchored=True),
        )
    )
    return whole | changes


def test_ids_tell_orders_samples_and_sides_apart():
    made = {
        rationale_id(
            Rationale("p", Critique(()), Provenance("t", "p", True, order, sample), side=side)
        )
        for order in Order
        for sample in (0, 1)
        for side in (None, Label.A, Label.B)
    }
    assert len(made) == 12


def finding(**changes):
    one = {"dimension": "q", "score_a": 1, "score_b": 2, "winner": "B"} | changes
    return {"findings": [one]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"form": "trio"}, "form"),
        ({"pair_id": None}, "pair_id"),
        ({"body": finding(score_a=float("nan"))}, "body.findings.0.score_a"),
        ({"body": finding(score_b="2.5")}, "body.findings.0.score_b"),
        ({"body": finding(score_b=True)}, "body.findings.0.score_b"),
        ({"body": finding(winner="left")}, "body.findings.0.winner"),
        ({"body": {}}, "body.findings"),
        ({"side": "TIE"}, "side"),
        ({"choice": "a"}, "choice"),
        ({"problems": [{"code": "odd"}]}, "problems.0.code"),
        ({"verdicts": {"leak-free": {"verdict": "maybe"}}}, "verdicts.leak-free"),
        ({"verdicts": {"f": {"verdict": "undecided", "kind": "odd"}}}, "verdicts.f"),
        ({"provenance": {"teacher": "t", "prompt": "p"}}, "provenance.anchored"),
        ({"schema": "1"}, "schema"),
        ({"schema": 0}, "schema"),
        ({"schema": True}, "schema"),
    ],
)
def test_a_bad_record_names_the_field(changes, field):
    with pytest.raises(RecordError) as caught:
        stored_from_record(record(**changes))
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_a_later_schema_asks_for_an_upgrade():
    with pytest.raises(RecordError, match="upgrade"):
        stored_from_record(record(schema=2))


def test_a_record_without_a_schema_is_the_first():
    first = record()
    del first["schema"]
    assert stored_from_record(first) == stored_from_record(record())


def test_older_schemas_are_brought_up_step_by_step():
    steps = {1: lambda d: d | {"b": d["a"]}, 2: lambda d: d | {"c": d["b"] + 1}}
    assert at_schema({"a": 1}, 3, steps) == {"a": 1, "b": 1, "c": 2, "schema": 3}
    assert at_schema({"b": 5, "schema": 2}, 3, steps) == {"b": 5, "c": 6, "schema": 3}


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_not_written(score):
    odd = Rationale("p", Critique((Finding("q", "", score),)), Provenance("t", "p", True))
    with pytest.raises(Unwritable):
        rationale_to_record(odd)
