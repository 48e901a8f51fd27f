"""Result lines read back; a judgement's mark says what it said."""

import json

import pytest
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.errors import RecordError
from parrot.core.judgements import Judged, Judgement
from parrot.core.studies.cells import Arm, Cell, Equal
from parrot.core.studies.results import (
    Result,
    TestPair,
    mark_of,
    marks_of,
    read_test_pair,
    result_from_record,
    result_to_record,
)
from parrot.core.values import Label

MARKS = st.text("ABTCUX", min_size=1, max_size=20)
RESULTS = st.builds(
    Result,
    st.builds(
        Cell, st.sampled_from(Arm), st.integers(0, 9999), st.integers(0, 9), st.sampled_from(Equal)
    ),
    st.fixed_dictionaries({Order.AB: MARKS}, optional={Order.BA: MARKS}),
    rows=st.integers(0, 9999),
    calls=st.integers(0, 9999),
    loss=st.none() | st.floats(0, 10),
    seconds=st.tuples(*[st.integers(0, 99).map(float)] * 2),
    base=st.text(max_size=5),
)


@given(RESULTS)
def test_a_result_reads_back_from_its_line(result):
    assert result_from_record(json.loads(json.dumps(result_to_record(result)))) == result


@given(RESULTS, st.data())
def test_a_line_that_lacks_something_names_it(result, data):
    record = result_to_record(result)
    gone = data.draw(st.sampled_from(["arm", "size", "marks", "rows", "base", "seconds"]))
    del record[gone]
    with pytest.raises(RecordError, match=f"'{gone}': is absent"):
        result_from_record(record)
    with pytest.raises(RecordError, match="'marks': a mark of Z"):
        result_from_record(result_to_record(result) | {"marks": {"AB": "AZ"}})


def test_marks_stand_in_the_order_of_the_pairs_and_say_why_there_is_no_winner():
    def judged(name, order=Order.AB, **said):
        return Judged(Judgement(name, order=order, **said), Label.A)

    rows = [
        judged("p2", winner=Label.B),
        judged("p1", winner=Label.TIE),
        judged("p3", failure=Failed(FailureKind.CUT, "")),
        judged("p4", failure=Failed(FailureKind.UNREADABLE, "")),
        judged("p5", failure=Failed(FailureKind.IMAGE, "")),
        judged("p1", Order.BA, winner=Label.A),
    ]
    marks = marks_of(rows, ["p1", "p2", "p3", "p4", "p5", "p6"])
    assert marks == {Order.AB: "TBCUXX", Order.BA: "AXXXXX"}
    assert Result(Cell(Arm.BASE, 0), marks).complete == pytest.approx(4 / 12)
    assert mark_of(Judgement("p", winner=Label.A)) == "A"


def test_a_test_pair_reads_back():
    pair = TestPair("p", "r", Label.A, Label.TIE, decisive=True)
    assert read_test_pair(json.loads(json.dumps(asdict(pair)))) == pair
    with pytest.raises(RecordError, match="'request': is absent"):
        read_test_pair({"id": "p"})
