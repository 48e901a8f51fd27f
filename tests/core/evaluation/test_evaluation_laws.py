"""What holds of every protocol on any rows."""

from __future__ import annotations

import random

import pytest
from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.errors import ProtocolError
from parrot.core.evaluation import EVALUATION_PROTOCOLS, Unit, evaluate
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label

SINGLE = sorted(
    name
    for name, one in EVALUATION_PROTOCOLS.items()
    if one.unit is Unit.JUDGEMENT and not one.needs_scores
)
HUMANS = st.sampled_from(
    [(Label.A, None), (Label.B, None), (Label.TIE, Both.GOOD), (Label.TIE, Both.BAD)]
)
ANSWERS = st.sampled_from(
    [
        {"winner": Label.A},
        {"winner": Label.B},
        {"winner": Label.TIE},
        {"winner": Label.TIE, "both": Both.BAD},
        {"answer": "so: [[A>B]]"},
        {"answer": "so: [[B>A]]"},
        {"answer": "no verdict"},
        {"failure": Failed(FailureKind.UNREADABLE, "")},
        {"failure": Failed(FailureKind.REFUSED, "")},
    ]
)


@st.composite
def judged_rows(draw):
    places = draw(
        st.lists(
            st.tuples(st.integers(0, 8), st.sampled_from(Order), st.integers(0, 1)),
            min_size=1,
            max_size=14,
            unique=True,
        )
    )
    humans = {pair: draw(HUMANS) for pair in sorted({place[0] for place in places})}
    return [
        Judged(
            Judgement(
                f"p{pair}", order=order, sample=sample, request=f"r{pair % 5}", **draw(ANSWERS)
            ),
            *humans[pair],
        )
        for pair, order, sample in places
    ]


def found(rows, name, **more):
    try:
        return evaluate(rows, name, resamples=40, **more)
    except ProtocolError:
        return None


@pytest.mark.parametrize("name", SINGLE)
@given(rows=judged_rows(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(name, rows, seed):
    mixed = list(rows)
    random.Random(seed).shuffle(mixed)
    assert found(mixed, name) == found(rows, name)


@pytest.mark.parametrize("name", SINGLE)
@given(rows=judged_rows())
def test_mirrored_pairs_and_judgements_give_the_same_report(name, rows):
    assert found([row.mirrored() for row in rows], name) == found(rows, name)


@given(rows=judged_rows())
def test_mirroring_twice_is_nothing(rows):
    assert [row.mirrored().mirrored() for row in rows] == rows


@pytest.mark.parametrize("name", SINGLE)
@given(rows=judged_rows())
def test_counts_and_ranges_hold_together(name, rows):
    report = found(rows, name)
    if report is None:
        return
    assert report.n <= report.n_strict
    assert report.skipped + report.unreadable <= report.judgements == len(rows)
    if report.accuracy is not None:
        assert 0 <= report.accuracy_strict <= report.accuracy <= 100
    if report.ci95 is not None:
        assert 0 <= report.ci95[0] <= report.ci95[1] <= 100


@pytest.mark.parametrize("name", SINGLE)
@given(rows=judged_rows())
def test_a_failure_never_helps(name, rows):
    """An answer that becomes a failure never raises the strict accuracy."""
    before = found(rows, name)
    if before is None or before.accuracy_strict is None:
        return
    one = rows[0].judgement
    failure = Failed(FailureKind.TIMEOUT, "")
    lost = evolve(one, winner=None, both=None, answer=None, failure=failure)
    after = found([evolve(rows[0], judgement=lost), *rows[1:]], name)
    assert after.accuracy_strict <= before.accuracy_strict + 1e-9


@given(
    said=st.lists(st.sampled_from([Label.A, Label.B, None]), min_size=6, max_size=6),
    turned=st.lists(st.booleans(), min_size=6, max_size=6),
    seed=st.integers(0, 99),
)
def test_groups_do_not_mind_the_order_of_rows_nor_which_pairs_are_mirrored(said, turned, seed):
    rows = []
    for i, (winner, turn) in enumerate(zip(said, turned, strict=True)):
        failure = None if winner else Failed(FailureKind.TIMEOUT, "")
        one = Judgement(f"p{i}", winner, failure=failure)
        row = Judged(one, Label.A, group=f"g{i // 3}", group_size=3)
        rows.append((row, row.mirrored() if turn else row))
    mixed = [row for _, row in rows]
    random.Random(seed).shuffle(mixed)
    assert found(mixed, "editreward-bench-k3") == found(
        [row for row, _ in rows], "editreward-bench-k3"
    )


@pytest.mark.parametrize("name", ["genai-bench-4way", "genai-bench-3way", "no-tie-strict"])
def test_who_always_says_a_gets_the_share_of_a(name):
    labels = [Label.A] * 30 + [Label.B] * 30
    rows = [Judged(Judgement(f"p{i}", Label.A), label) for i, label in enumerate(labels)]
    assert evaluate(rows, name).accuracy == 50


@given(labels=st.lists(st.sampled_from([Label.A, Label.B]), min_size=1, max_size=30))
def test_who_always_says_the_first_gets_half_of_both_orders(labels):
    rows = [
        Judged(Judgement(f"p{i}", Label.A if order is Order.AB else Label.B, order=order), label)
        for i, label in enumerate(labels)
        for order in Order
    ]
    report = evaluate(rows, "mmrb2-both-orders", resamples=20)
    assert report.accuracy == 50
    assert report.position_bias is not None
    assert asdict(report.position_bias) == {
        "share_a": 100,
        "share_b": 0,
        "share_tie": 0,
        "consistency": 0,
        "pairs": len(labels),
    }


def test_bias_counts_only_pairs_readable_in_both_orders_and_the_answers_own_frame():
    rows = [
        Judged(Judgement("p", answer="[[A>B]]"), Label.A),
        Judged(Judgement("p", answer="[[B>A]]", order=Order.BA), Label.A),
        Judged(Judgement("q", answer="[[A>B]]"), Label.A),
        Judged(Judgement("q", answer="none", order=Order.BA), Label.A),
        Judged(Judgement("r", answer="[[B>A]]"), Label.A),
        Judged(Judgement("r", answer="[[A=B=Bad]]", order=Order.BA), Label.A),
    ]
    for name in ("no-tie-strict", "genai-bench-4way"):
        bias = evaluate(rows, name).position_bias
        assert bias is not None
        assert (bias.share_a, bias.share_b, bias.share_tie) == (25, 50, 25)
        assert (bias.consistency, bias.pairs) == (50, 2)


def test_no_bias_is_told_of_one_order():
    assert evaluate([Judged(Judgement("p", Label.A), Label.A)], "hpdv3").position_bias is None
