"""GenAI-Bench's own reading of answers, quirks included."""

from __future__ import annotations

import pytest

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.evaluation import Lack, ReaderRule, choice_of, evaluate, genai_bench_choice
from parrot.core.formats import Choice
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("so [[A>B]].", Choice(Label.A)),
        ("[[A>>B]]", Choice(Label.A)),
        ("[[B>A]]", Choice(Label.B)),
        ("[[A=B]]", Choice(Label.TIE)),
        ("[[A=B=Good]]", Choice(Label.TIE, Both.GOOD)),
        ("[[A=B=Bad]]", Choice(Label.TIE, Both.BAD)),
        ("[[B>A]]\nno: [[A>B]]", Choice(Label.B)),
        ("[[B>A=Good]]\n[[A>B]]", None),
        ("[[A>B]] or [[B>A]]", None),
        ("[[a>b]]", None),
        ("[[ A>B ]]", None),
        ("[[A\n>B]] [[B>A]]", Choice(Label.B)),
        ("A>B", None),
        ("", None),
    ],
)
def test_reads_as_the_official_script(text, read):
    assert genai_bench_choice(text) == read


def test_under_four_ways_the_answer_is_read_again_whatever_we_made_of_it():
    one = Judgement("p", Label.A, answer="[[B>A]]\n[[A>B]]")
    assert choice_of(one, ReaderRule.FIRST_BRACKET) == Choice(Label.B)
    assert choice_of(one, ReaderRule.CHOICE) == Choice(Label.A)
    assert evaluate([Judged(one, Label.B)], "genai-bench-4way").accuracy == 100
    assert evaluate([Judged(one, Label.B)], "genai-bench-3way").accuracy == 0


def test_without_an_answer_the_winner_stands():
    assert choice_of(Judgement("p", Label.A), ReaderRule.FIRST_BRACKET) == Choice(Label.A)


@pytest.mark.parametrize("rule", ReaderRule)
def test_an_answer_stands_in_the_frame_that_the_model_saw(rule):
    one = Judgement("p", answer="[[A>B]]", order=Order.BA)
    assert choice_of(one, rule) == Choice(Label.B)


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
    assert choice_of(Judgement("p", failure=Failed(kind, "")), rule) is lack


def test_what_our_reader_could_not_read_the_official_one_may():
    one = Judgement(
        "p", answer="[[A>B]]\n[[B>A]]", failure=Failed(FailureKind.UNREADABLE, "two choices")
    )
    assert choice_of(one, ReaderRule.FIRST_BRACKET) == Choice(Label.A)
    assert choice_of(one, ReaderRule.CHOICE) is Lack.UNREADABLE


def test_our_own_reader_takes_the_last_choice():
    said = "at first [[A>B]], or rather [[A=B=Bad]]"
    assert choice_of(Judgement("p", answer=said)) == Choice(Label.TIE, Both.BAD)
    assert choice_of(Judgement("p", answer="neither")) is Lack.UNREADABLE
