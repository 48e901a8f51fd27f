"""GenAI-Bench's own reading of answers, quirks included."""

from __future__ import annotations

import pytest

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.evaluation import Answer, Lack, ReaderRule, answer_of, evaluate, first_bracket
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("so [[A>B]].", Answer(Label.A)),
        ("[[A>>B]]", Answer(Label.A)),
        ("[[B>A]]", Answer(Label.B)),
        ("[[A=B]]", Answer(Label.TIE)),
        ("[[A=B=Good]]", Answer(Label.TIE, Both.GOOD)),
        ("[[A=B=Bad]]", Answer(Label.TIE, Both.BAD)),
        ("[[B>A]]\nno: [[A>B]]", Answer(Label.B)),
        ("[[B>A=Good]]\n[[A>B]]", None),
        ("[[A>B]] or [[B>A]]", None),
        ("[[a>b]]", None),
        ("[[ A>B ]]", None),
        ("[[A\n>B]] [[B>A]]", Answer(Label.B)),
        ("A>B", None),
        ("", None),
    ],
)
def test_reads_as_the_official_script(text, read):
    assert first_bracket(text) == read


def test_under_four_ways_the_answer_is_read_again_whatever_we_made_of_it():
    one = Judgement("p", Label.A, answer="[[B>A]]\n[[A>B]]")
    assert answer_of(one, ReaderRule.FIRST_BRACKET) == Answer(Label.B)
    assert answer_of(one, ReaderRule.CHOICE) == Answer(Label.A)
    assert evaluate([Judged(one, Label.B)], "genai-bench-4way").accuracy == 100
    assert evaluate([Judged(one, Label.B)], "genai-bench-3way").accuracy == 0


def test_without_an_answer_the_winner_stands():
    assert answer_of(Judgement("p", Label.A), ReaderRule.FIRST_BRACKET) == Answer(Label.A)


@pytest.mark.parametrize("rule", ReaderRule)
def test_an_answer_stands_in_the_frame_that_the_model_saw(rule):
    one = Judgement("p", answer="[[A>B]]", order=Order.BA)
    assert answer_of(one, rule) == Answer(Label.B)


@pytest.mark.parametrize(
    ("kind", "lack"),
    [
        (FailureKind.UNREADABLE, Lack.UNREADABLE),
        (FailureKind.CUT, Lack.UNREADABLE),
        (FailureKind.TIMEOUT, Lack.MISSING),
        (FailureKind.REFUSED, Lack.MISSING),
        (FailureKind.NOT_ASKED, Lack.MISSING),
    ],
)
@pytest.mark.parametrize("rule", ReaderRule)
def test_failures_are_unreadable_where_something_came_and_missing_else(kind, lack, rule):
    assert answer_of(Judgement("p", failure=Failed(kind, "")), rule) is lack


def test_what_our_reader_could_not_read_the_official_one_may():
    one = Judgement(
        "p", answer="[[A>B]]\n[[B>A]]", failure=Failed(FailureKind.UNREADABLE, "two choices")
    )
    assert answer_of(one, ReaderRule.FIRST_BRACKET) == Answer(Label.A)
