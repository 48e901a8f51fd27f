"""The tie threshold: best on the development split, and ignorant of the test rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.errors import ProtocolError
from parrot.core.evaluation import choice_of, evaluate, evaluation_protocol, fit_threshold
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Label

SCORES = st.integers(0, 6).map(lambda tenths: tenths / 2)
FITTING = ("editreward-bench-eps", "pickapic")


def scored(pair, label, a, b):
    return Judged(Judgement(pair, score_a=a, score_b=b), label)


def rows(prefix, size=12):
    return st.lists(
        st.tuples(st.sampled_from(Label), SCORES, SCORES), min_size=1, max_size=size
    ).map(lambda made: [scored(f"{prefix}{i}", *one) for i, one in enumerate(made)])


def credit(dev, protocol, threshold):
    return sum(protocol.credit(row, choice_of(row.judgement, threshold=threshold)) for row in dev)


@pytest.mark.parametrize("name", FITTING)
@given(dev=rows("d"))
def test_no_threshold_does_better_and_no_smaller_one_as_well(name, dev):
    protocol = evaluation_protocol(name)
    fit = fit_threshold(dev, protocol)
    best = credit(dev, protocol, fit.value)
    assert fit.accuracy == pytest.approx(100 * best / len(dev))
    assert fit.n == len(dev)
    for tried in sorted({0.0, *(abs(row.judgement.gap) for row in dev)}):
        assert credit(dev, protocol, tried) <= best
        if tried < fit.value:
            assert credit(dev, protocol, tried) < best


@pytest.mark.parametrize("name", FITTING)
@given(dev=rows("d"), test=rows("t"), other=rows("t"))
def test_the_test_rows_do_not_move_it(name, dev, test, other):
    fits = {evaluate(one, name, dev=dev, resamples=2).threshold for one in (test, other)}
    assert len(fits) == 1


@pytest.mark.parametrize("name", FITTING)
def test_scores_without_a_development_split_are_refused(name):
    with pytest.raises(ProtocolError, match="on a development split, never on the rows"):
        evaluate([scored("p", Label.A, 1, 0)], name)


@pytest.mark.parametrize("name", FITTING)
def test_a_split_that_shares_pairs_is_refused(name):
    test = [scored("p", Label.A, 1, 0), scored("q", Label.A, 1, 0)]
    dev = [scored("q", Label.A, 1, 0), scored("d", Label.A, 1, 0)]
    with pytest.raises(ProtocolError, match="shares 1 pairs with the test, such as 'q'"):
        evaluate(test, name, dev=dev)


def test_a_split_without_scores_or_with_repeats_is_refused():
    test = [scored("p", Label.A, 1, 0)]
    with pytest.raises(ProtocolError, match="no judgement with scores"):
        evaluate(test, "pickapic", dev=[Judged(Judgement("d", Label.A), Label.A)])
    with pytest.raises(ProtocolError, match=r"'d'.* twice"):
        evaluate(test, "pickapic", dev=[scored("d", Label.A, 1, 0), scored("d", Label.A, 1, 0)])


def test_protocols_that_fit_nothing_take_no_split():
    with pytest.raises(ProtocolError, match="hpdv3 fits no threshold"):
        evaluate([scored("p", Label.A, 1, 0)], "hpdv3", dev=[scored("d", Label.A, 1, 0)])


def test_winners_need_no_threshold_under_pickapic():
    report = evaluate([Judged(Judgement("p", Label.TIE), Label.A)], "pickapic")
    assert (report.accuracy, report.threshold) == (50, None)


def test_gaps_of_one_size_are_one_threshold_whatever_rounding_leaves():
    protocol = evaluation_protocol("pickapic")
    dev = [scored(f"d{i}", Label.TIE, 2.3, 2.0) for i in range(5)]
    dev += [scored(f"e{i}", Label.A, 3.0, 2.0) for i in range(5)]
    test = [scored(f"t{i}", Label.TIE, 1.3, 1.0) for i in range(5)]
    value = fit_threshold(dev, protocol).value
    assert all(choice_of(row.judgement, threshold=value).label is Label.TIE for row in test)
    assert scored("m", Label.A, round(8 / 3, 9), round(7 / 3, 9)).judgement.gap == (
        scored("n", Label.A, 3.0, round(8 / 3, 9)).judgement.gap
    )
