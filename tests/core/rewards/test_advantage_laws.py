"""Advantages: sums of zero, no say of the unscored, and what each divisor means."""

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Drop, Keep, Undecided
from parrot.core.errors import ConfigError, UnscoredError
from parrot.core.rewards import (
    Deviation,
    GroupFilter,
    Over,
    Reward,
    Running,
    Unscored,
    clipped,
    gdpo,
    grpo,
    impute,
    judged_groups,
    optimality,
    ranked,
)
from parrot.core.testing.expecting import UNHURRIED

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides

GONE = Unscored(Failed(FailureKind.TIMEOUT, "too late"))
unit = st.integers(0, 300).map(lambda n: n / 300)


@st.composite
def batches(draw):
    """Outcomes and their groups' keys; dimension b applies to odd groups only."""
    outcomes, groups = [], []
    for key in range(draw(st.integers(1, 4))):
        for _ in range(draw(st.integers(1, 6))):
            values = {"a": draw(unit)} | ({"b": draw(unit)} if key % 2 else {})
            there = draw(st.integers(0, 4))
            outcomes.append(Reward(values, sum(values.values()) / len(values)) if there else GONE)
            groups.append(key)
    order = draw(st.permutations(range(len(outcomes))))
    return [outcomes[n] for n in order], [groups[n] for n in order]


divisors = st.builds(Deviation, st.sampled_from(Over), st.sampled_from((0, 1)), st.just(1e-6))
KINDS = st.one_of(
    divisors.map(lambda d: lambda o, g: grpo(o, g, d)),
    divisors.map(lambda d: lambda o, g: gdpo(o, g, divisor=d)),
    st.just(ranked),
)


@unhurried
@given(batch=batches(), advantages=KINDS)
def test_they_sum_to_zero_over_the_scored_members_of_each_group(batch, advantages):
    outcomes, groups = batch
    found = advantages(outcomes, groups)
    for key in set(groups):
        members = [a for a, g in zip(found, groups, strict=True) if g == key and a is not None]
        assert abs(sum(members)) < 1e-6


@unhurried
@given(batch=batches(), advantages=KINDS)
def test_the_unscored_get_none_and_say_nothing(batch, advantages):
    outcomes, groups = batch
    found = advantages(outcomes, groups)
    assert [a is None for a in found] == [one is GONE for one in outcomes]
    scored = [(o, g) for o, g in zip(outcomes, groups, strict=True) if o is not GONE]
    without = advantages([o for o, _ in scored], [g for _, g in scored])
    assert [a for a in found if a is not None] == pytest.approx(without, abs=1e-9)


@unhurried
@given(batch=batches(), advantages=KINDS)
def test_a_better_total_or_better_dimensions_never_mean_a_lower_advantage(batch, advantages):
    outcomes, groups = batch
    found = advantages(outcomes, groups)
    for one, a, g in zip(outcomes, found, groups, strict=True):
        for other, b, h in zip(outcomes, found, groups, strict=True):
            if g == h and one is not GONE and other is not GONE:
                better = all(one.dimensions[k] >= v for k, v in other.dimensions.items())
                assert not better or a >= b - 1e-9


@unhurried
@given(values=st.lists(unit, min_size=2, max_size=9), ddof=st.sampled_from((0, 1)))
def test_the_divisor_is_the_deviation_of_statistics(values, ddof):
    expected = statistics.stdev(values) if ddof else statistics.pstdev(values)
    assert Deviation(ddof=ddof, least=0.0, added=0.5).of(values) == pytest.approx(expected + 0.5)


def test_by_hand():
    rewards = [Reward({"a": v}, v) for v in (0.0, 0.5, 1.0)] + [GONE]
    groups = ["x"] * 4
    half = 0.5 / statistics.pstdev([0.0, 0.5, 1.0])
    assert grpo(rewards, groups) == (pytest.approx(-half), 0.0, pytest.approx(half), None)
    assert grpo(rewards, groups, Deviation(Over.NOTHING)) == (-0.5, 0.0, 0.5, None)
    assert ranked(rewards, groups) == (-1.0, 0.0, 1.0, None)
    assert clipped(grpo(rewards, groups), 1.0) == (-1.0, 0.0, 1.0, None)
    assert optimality((-5.0, 0.0, 2.5, None), 5.0) == (0.0, 0.5, 0.75, None)


def test_over_all_divides_every_group_alike():
    rewards = [Reward({"a": v}, v) for v in (0.4, 0.6, 0.0, 1.0)]
    near, _, far, _ = grpo(rewards, [0, 0, 1, 1], Deviation(Over.ALL))
    assert far == pytest.approx(5 * near)
    alone = grpo(rewards, [0, 0, 1, 1])
    assert alone[0] == pytest.approx(alone[2])


def test_gdpo_gives_a_narrow_dimension_its_say():
    """A wide one would drown it in the sum: here the two pull apart, and are worth the same."""
    rewards = [Reward({"wide": w, "narrow": n}, (w + n) / 2) for w, n in ((1.0, 0.50), (0.0, 0.52))]
    assert grpo(rewards, [0, 0])[0] > 0.9
    assert gdpo(rewards, [0, 0]) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert gdpo(rewards, [0, 0], weights={"narrow": 2.0})[1] == pytest.approx(1.0)


def test_the_last_step_of_gdpo_is_divided_as_it_is_told():
    rewards = [Reward({"a": a, "b": a}, a) for a in (1.0, 0.0, 0.9, 0.1)]
    groups = [0, 0, 1, 1]
    bare = gdpo(rewards, groups, whole=None)
    assert bare == pytest.approx((2.0, -2.0, 2.0, -2.0))
    assert gdpo(rewards, groups, whole=Deviation(Over.NOTHING)) == pytest.approx(bare)
    assert gdpo(rewards, groups, whole=Deviation(Over.ALL)) == pytest.approx((1.0, -1.0) * 2)
    weighed = gdpo(rewards, groups, divisor=Deviation(Over.NOTHING), whole=Deviation(Over.GROUP))
    assert weighed == pytest.approx((1.0, -1.0) * 2)


def test_gdpo_of_equal_rewards_is_level_whatever_the_divisor():
    level = [Reward({"a": 0.5}, 0.5)] * 2
    assert gdpo(level, [0, 0], whole=Deviation(Over.ALL, least=0.0)) == (0.0, 0.0)


def test_ranks_share_places():
    rewards = [Reward({}, v) for v in (0.1, 0.1, 0.1, 0.9)]
    assert ranked(rewards, [0] * 4) == pytest.approx((-1 / 3, -1 / 3, -1 / 3, 1.0))


def test_one_key_an_outcome():
    with pytest.raises(ConfigError, match="2 outcomes and 1 keys"):
        grpo([GONE, GONE], ["x"])


def group(*totals):
    return [Reward({"a": t}, t) for t in totals]


def test_groups_that_are_level_or_good_already_fall_at_the_papers_thresholds():
    keeps = GroupFilter()
    assert keeps(group(0.2, 0.8)) == Keep()
    assert keeps(group(0.5, 0.59)).reason == "level"
    assert GroupFilter(0.25)(group(0.25, 0.75)).reason == "level"  # a deviation of exactly 0.25
    assert (
        GroupFilter(0.2, 0.75)(group(0.5, 1.0)).reason == "already-good"
    )  # a mean of exactly 0.75
    assert keeps(group(0.5, 0.602)) == Keep()
    assert keeps(group(0.82, 1.0)).reason == "already-good"
    assert keeps([*group(0.2, 0.8), GONE]) == Keep()
    assert isinstance(keeps([*group(0.2), GONE]), Undecided)


@unhurried
@given(totals=st.lists(unit, min_size=2, max_size=8), low=unit, more=unit)
def test_a_stricter_group_filter_never_keeps_more(totals, low, more):
    strict = GroupFilter(low + more, 0.9)(group(*totals))
    if isinstance(strict, Keep):
        assert isinstance(GroupFilter(low, 0.9)(group(*totals)), Keep)
        assert isinstance(GroupFilter(low, 1.1)(group(*totals)), Keep)


def test_verdicts_by_group():
    outcomes = [*group(0.2, 0.4), *group(0.8, 0.4)]
    found = judged_groups(outcomes, ["x", "y", "x", "y"], GroupFilter())
    assert found == {"x": Keep(), "y": Drop("level", "deviation 0.0000")}


@unhurried
@given(batch=batches())
def test_a_stand_in_is_the_groups_mean_and_moves_it_not(batch):
    outcomes, groups = batch
    values = [o.total if isinstance(o, Reward) else None for o in outcomes]
    if not any(v is not None for v in values):
        with pytest.raises(UnscoredError):
            impute(values, groups, Running())
        return
    found, after = impute(values, groups, Running())
    known = [v for v in values if v is not None]
    assert after.mean("total") == pytest.approx(statistics.fmean(known))
    assert found.count == values.count(None)
    for stand_in, mark, value, key in zip(found.values, found.marks, values, groups, strict=True):
        own = [v for v, g in zip(values, groups, strict=True) if g == key and v is not None]
        expected = value if not mark else statistics.fmean(own or known)
        assert stand_in == pytest.approx(expected)


def test_what_came_before_stands_in_where_the_batch_has_nothing():
    _, running = impute([0.2, 0.4], ["x", "x"], Running())
    found, _ = impute([None, None], ["y", "y"], running)
    assert found.values == pytest.approx((0.3, 0.3))
    assert found.marks == (True, True)
