"""Aggregates: their laws, what tells one from another, and totals that are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.rewards import (
    Lexicographic,
    Weighted,
    aggregate_named,
    geometric,
    mean,
    worst,
)
from parrot.core.rewards.aggregates import checked_total
from parrot.core.rubric import IMAGE_EDIT
from parrot.core.testing.conformance import check_aggregate
from parrot.core.testing.expecting import UNHURRIED

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides

EVEN = Weighted(dict(zip(IMAGE_EDIT.keys, (3.0, 0.0, 1.0, 0.25), strict=True)))
IN_ORDER = Lexicographic(("physical_quality", "text_faithfulness"))
SHIPPED = (mean, worst, geometric, EVEN, IN_ORDER, Lexicographic(IMAGE_EDIT.keys[::-1], steps=7))
unit = st.floats(0.0, 1.0)


@pytest.mark.parametrize("aggregate", SHIPPED, ids=lambda one: getattr(one, "__name__", repr(one)))
def test_every_shipped_aggregate_keeps_the_laws(aggregate):
    check_aggregate(aggregate)


def test_they_are_not_each_other():
    values = {"text_faithfulness": 1.0, "physical_quality": 0.25}
    assert mean(values) == 0.625
    assert worst(values) == 0.25
    assert geometric(values) == 0.5
    assert Weighted({"text_faithfulness": 1, "physical_quality": 3})(values) == 0.4375


@unhurried
@given(low=unit, high=unit, rest=st.lists(unit, min_size=2, max_size=2))
def test_lexicographic_is_decided_by_the_first_step_that_differs(low, high, rest):
    low, high = sorted((low, high))
    one = {"physical_quality": low, "text_faithfulness": 1.0, "image_faithfulness": 1.0}
    other = {"physical_quality": high, "text_faithfulness": rest[0], "image_faithfulness": rest[1]}
    if high - low > 2 / 30:
        assert IN_ORDER(one) < IN_ORDER(other)


def test_lexicographic_goes_on_where_the_first_is_level():
    level = {"physical_quality": 0.5, "text_faithfulness": 0.2}
    assert IN_ORDER(level) < IN_ORDER({**level, "text_faithfulness": 0.3})
    assert IN_ORDER(level) == IN_ORDER({**level, "text_faithfulness": 0.201})


def test_a_dimension_of_weight_zero_is_left_out_and_one_without_weight_is_refused():
    assert EVEN({"text_faithfulness": 0.5, "image_faithfulness": 0.0}) == 0.5
    assert EVEN({"image_faithfulness": 0.7}) is None
    with pytest.raises(UnknownNameError, match="style"):
        EVEN({"style": 0.7})
    for wrong in ({}, {"a": -1.0}, {"a": float("nan")}):
        with pytest.raises(ConfigError):
            Weighted(wrong)


def test_nothing_applies_is_no_total():
    assert all(aggregate({}) is None for aggregate in SHIPPED)


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_a_users_total_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"not in \[0, 1\]"):
        checked_total(lambda _: wrong, {"a": 0.5})


def test_names():
    assert aggregate_named("worst") is worst
    assert aggregate_named("weighted:a=2, b=1")({"a": 1.0, "b": 0.25}) == 0.75
    assert aggregate_named("lexicographic:b, a") == Lexicographic(("b", "a"))
    for wrong in ("means", "weighted:a", "weighted:", "lexicographic:"):
        with pytest.raises(ConfigError):
            aggregate_named(wrong)
