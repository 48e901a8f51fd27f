"""A user's own function as what scores drawings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError
from parrot.core.rewards import Called, Drawing, Reward, Unscored, worst
from parrot.core.values import Image, Request

UNIT = st.floats(0.0, 1.0)
DRAWING = Drawing(Request("a red fox"), Image("a" * 64, "image/png", b""))


def said(*answers, **more):
    return Called(lambda drawings: answers, **more)([DRAWING] * len(answers))


@given(UNIT, st.dictionaries(st.sampled_from("abc"), UNIT, min_size=1))
def test_numbers_and_mappings_become_rewards_of_those_values(number, values):
    one, other = said(number, values)
    assert one.dimensions == {"reward": number}
    assert one.total == pytest.approx(number, abs=1e-9)
    assert other.dimensions == values
    assert other.total == pytest.approx(sum(values.values()) / len(values), abs=1e-9)
    assert said(values, aggregate=worst)[0].total == pytest.approx(min(values.values()), abs=1e-9)


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


@pytest.mark.parametrize("answers", [[0.5], [0.5, 0.5, 0.5]])
def test_every_drawing_has_an_answer_of_its_own(answers):
    with pytest.raises(ConfigError, match="values for 2 drawings"):
        Called(lambda drawings: answers)([DRAWING] * 2)
