"""Rubrics that nobody could be judged by are refused where they are made."""

from __future__ import annotations

import math
from functools import partial

import pytest
from attrs import evolve

from parrot.core.errors import ConfigError
from parrot.core.formats import JSON, MARKUP, Form
from parrot.core.rubric import TEXT_TO_IMAGE, Level, Rubric, Scale, always, rubric_from_dict

DIMENSION = TEXT_TO_IMAGE.dimensions[0]


@pytest.mark.parametrize(("low", "high"), [(4, 1), (2, 2), (math.nan, 4), (1, math.inf)])
def test_a_scale_runs_from_worst_to_best(low: float, high: float) -> None:
    with pytest.raises(ConfigError, match="from a worst score"):
        Scale(low, high)


def test_a_rubric_file_with_no_scale_names_the_fault() -> None:
    with pytest.raises(ConfigError, match="scale"):
        rubric_from_dict({"name": "mine", "dimensions": [], "scale": {"low": 4, "high": 1}})


def test_levels_lie_on_the_scale() -> None:
    off = evolve(DIMENSION, levels=(Level(99.0, "Best", ""),))
    with pytest.raises(ConfigError, match="'Best' at 99"):
        Rubric("mine", (off,))


@pytest.mark.parametrize(
    ("heading", "form"), [("Summary", Form.POINTWISE), ("Winner", Form.PAIRWISE)]
)
def test_a_heading_that_reads_as_another_is_refused_before_anything_is_asked(
    heading: str, form: Form
) -> None:
    mine = Rubric("mine", (evolve(DIMENSION, heading=heading),))
    with pytest.raises(ConfigError, match=f"heading '{heading}'"):
        MARKUP.outline(mine, form)
    assert DIMENSION.key in JSON.outline(mine, form)


@pytest.mark.parametrize("applies", [lambda request: True, partial(always)])
def test_a_predicate_without_a_name_has_no_digest(applies) -> None:
    mine = Rubric("mine", (evolve(DIMENSION, applies=applies),))
    with pytest.raises(ConfigError, match="without a name"):
        assert mine.digest
