"""A user's own function as what scores drawings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError
from parrot.core.rewards import Called, Reward, Unscored, worst

UNIT = st.floats(0.0, 1.0)


def said(*answers, **more):
    return Called(lambda drawings: answers, **more)([])


@given(UNIT, st.dictionaries(st.sampled_from("abc"), UNIT, min_size=1))
def test_numbers_and_mappings_become_rewards_of_those_values(number, values):
    one, other = said(number, values)
    assert one == Reward({"reward": number}, number)
    assert other.dimensions == values
    assert other.total == pytest.approx(sum(values.values()) / len(values))
    assert said(values, aggregate=worst)[0].total == min(values.values())


def test_what_is_no_number_is_never_one():
    for one in said(None, float("nan"), {}):
        assert isinstance(one, Unscored)
        assert one.dimensions == {}
    (part,) = said({"a": 0.5, "b": None})
    assert isinstance(part, Unscored)
    assert part.dimensions == {"a": 0.5}


def test_outcomes_pass_as_they_are():
    given_ = (Reward({"a": 1.0}, 1.0), Unscored(Failed(FailureKind.REFUSED, "no")))
    assert said(*given_) == given_


@pytest.mark.parametrize("wrong", [1.5, -0.1, {"a": 2.0}, float("inf")])
def test_a_value_out_of_bounds_is_the_callers_mistake(wrong):
    with pytest.raises(ConfigError, match="in \\[0, 1\\]"):
        said(wrong)
