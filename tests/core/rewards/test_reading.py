"""Rewards from critiques, samples and comparisons."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.critiques import NA, Comparison, Critique, Finding, PairFinding
from parrot.core.rewards import (
    Meeting,
    Result,
    Reward,
    Unscored,
    averaged,
    mean,
    meetings,
    result_of,
    reward_of,
    win_rates,
)
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE
from parrot.core.testing.expecting import UNHURRIED
from parrot.core.testing.strategies import critiques, requests, rubrics
from parrot.core.values import Label, Request

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides

FOX = Request("a red fox")
GONE = Unscored(Failed(FailureKind.TIMEOUT, "too late"))


def critique(**scores):
    return Critique(tuple(Finding(key, "so", score) for key, score in scores.items()))


def test_scores_become_shares_of_the_scale():
    found = reward_of(
        critique(text_faithfulness=4.0, physical_quality=2.5, text_rendering=NA),
        TEXT_TO_IMAGE,
        FOX,
        mean,
    )
    assert found == Reward({"text_faithfulness": 1.0, "physical_quality": 0.5}, 0.75)
    assert found.critiques


def test_a_score_where_nothing_applies_is_left_out():
    scored = critique(text_faithfulness=4.0, physical_quality=4.0, text_rendering=1.0)
    assert reward_of(scored, TEXT_TO_IMAGE, FOX, mean).total == 1.0
    asked = Request("a sign that says 'fox'")
    assert reward_of(scored, TEXT_TO_IMAGE, asked, mean).total == pytest.approx(2 / 3)


@pytest.mark.parametrize("scores", [{}, {"physical_quality": NA}, {"physical_quality": 4.5}])
def test_a_missing_dimension_is_no_number_and_the_others_stay(scores):
    found = reward_of(critique(text_faithfulness=2.5, **scores), TEXT_TO_IMAGE, FOX, mean)
    assert found == Unscored(
        Failed(FailureKind.UNREADABLE, "no score of physical_quality"), {"text_faithfulness": 0.5}
    )


def test_an_aggregate_that_looks_at_nothing_that_applies_gives_no_total():
    whole = critique(text_faithfulness=2.5, physical_quality=1.0)
    found = reward_of(whole, TEXT_TO_IMAGE, FOX, lambda _: None)
    assert isinstance(found, Unscored)
    assert found.dimensions == {"text_faithfulness": 0.5, "physical_quality": 0.0}


@unhurried
@given(data=st.data(), rubric=rubrics(), request=requests())
def test_rewards_lie_in_their_range_whatever_a_critique_says(data, rubric, request):
    found = reward_of(data.draw(critiques(rubric)), rubric, request, mean)
    assert set(found.dimensions) <= rubric.applicable(request)
    if isinstance(found, Reward):
        assert set(found.dimensions) == rubric.applicable(request)


def test_no_reward_leaves_its_range():
    for wrong in (1.1, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            Reward({}, wrong)
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            Unscored(GONE.failure, {"a": wrong})


def test_samples_that_came_are_averaged():
    some = [Reward({"a": 0.2}, 0.2), GONE, Reward({"a": 0.6}, 0.6)]
    assert averaged(some) == Reward({"a": 0.4}, 0.4)
    assert averaged([GONE, GONE]) == GONE
    partly = Unscored(Failed(FailureKind.UNREADABLE, "no score of b"), {"a": 0.5})
    assert averaged([partly, GONE]) == partly
    with pytest.raises(ValueError, match="no samples"):
        averaged([])


def compared(**pairs):
    return Comparison(tuple(PairFinding(k, "so", a, b, Label.TIE) for k, (a, b) in pairs.items()))


def test_points_follow_from_scores():
    found = result_of(
        compared(text_faithfulness=(3.1, 3.0), physical_quality=(1.0, 1.1)), TEXT_TO_IMAGE, FOX
    )
    assert found == Result({"text_faithfulness": 1.0, "physical_quality": 0.0}, 0.5)
    lacking = compared(text_faithfulness=(3.0, 2.0), physical_quality=(NA, 2.0))
    assert isinstance(result_of(lacking, TEXT_TO_IMAGE, FOX), Failed)
    assert isinstance(result_of(compared(), IMAGE_EDIT, FOX), Failed)


keys = st.lists(st.integers(0, 3), max_size=14)


@unhurried
@given(groups=keys, rivals=st.none() | st.integers(1, 5), both=st.booleans())
def test_only_siblings_meet_and_each_as_often(groups, rivals, both):
    met = meetings(groups, rivals=rivals, both_orders=both)
    assert all(groups[one.a] == groups[one.b] and one.a != one.b for one in met)
    met_by = [sum(n in (one.a, one.b) for one in met) for n in range(len(groups))]
    for key in set(groups):
        own = [count for count, g in zip(met_by, groups, strict=True) if g == key]
        most = len(own) - 1 if rivals is None else min(2 * rivals, len(own) - 1)
        assert set(own) == {most * (2 if both else 1)}
    unordered = [frozenset((one.a, one.b)) for one in met]
    assert len(set(unordered)) * (2 if both else 1) == len(unordered)


@unhurried
@given(groups=keys, rivals=st.none() | st.integers(1, 5))
def test_a_judge_who_favours_a_side_favours_nobody(groups, rivals):
    met = meetings(groups, rivals=rivals)
    for n in range(len(groups)):
        first, second = (sum(n == getattr(m, side) for m in met) for side in ("a", "b"))
        assert abs(first - second) <= 1
    if rivals and len(groups) > 2 * rivals + 1 and len(set(groups)) == 1:
        rates = win_rates(len(groups), met, [Result({}, 1.0)] * len(met))
        assert {one.total for one in rates} == {0.5}


@unhurried
@given(groups=keys, data=st.data())
def test_win_rates_of_a_group_average_a_half(groups, data):
    met = meetings(groups)
    points = st.sampled_from((0.0, 0.5, 1.0))
    results = [Result({"a": data.draw(points)}, data.draw(points)) for _ in met]
    found = win_rates(len(groups), met, results)
    for key in set(groups):
        own = [one for one, g in zip(found, groups, strict=True) if g == key]
        if len(own) == 1:
            assert isinstance(own[0], Unscored)
        else:
            assert sum(one.total for one in own) == pytest.approx(len(own) / 2)


def test_failed_meetings_say_nothing():
    met = (Meeting(0, 1), Meeting(2, 0))
    lost = Failed(FailureKind.CUT, "cut")
    found = win_rates(3, met, [Result({"a": 1.0}, 1.0), lost])
    assert found == (Reward({"a": 1.0}, 1.0), Reward({"a": 0.0}, 0.0), Unscored(lost))


TENTHS = st.integers(10, 40).map(lambda tenths: tenths / 10)


@given(st.tuples(TENTHS, TENTHS, TENTHS), st.tuples(TENTHS, TENTHS, TENTHS))
def test_equal_sums_of_scores_are_equal_totals(one, other):
    sign = "a sign that says 'fox'"
    totals = [
        reward_of(
            critique(text_faithfulness=a, physical_quality=b, text_rendering=c),
            TEXT_TO_IMAGE,
            Request(sign),
            mean,
        ).total
        for a, b, c in (one, other, other[::-1])
    ]
    assert totals[1] == totals[2]
    same = sum(round(10 * s) for s in one) == sum(round(10 * s) for s in other)
    assert (totals[0] == totals[1]) == same
