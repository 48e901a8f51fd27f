"""The conformance suite of aggregates: pure, in [0, 1], rising with every value, blind to order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.rewards.aggregates import Aggregate
from parrot.core.rubric import IMAGE_EDIT
from parrot.core.testing.expecting import UNHURRIED, expect, phases

SLACK = 1e-12  # roundings of a root or a product are no fall


def check_aggregate(
    aggregate: Aggregate,
    *,
    dimensions: Sequence[str] = IMAGE_EDIT.keys,
    max_examples: int = 100,
    shrink: bool = True,
) -> None:
    """Asserts what every aggregate must do, on any of the dimensions and any of their values.

    It raises nothing and changes nothing; its total is None or in [0, 1], does not fall when a
    value rises, is the same for the same values in another order, and is 1 where all values are.
    """
    name = getattr(aggregate, "__name__", type(aggregate).__name__)
    unit = st.integers(0, 30).map(lambda n: n / 30) | st.floats(0.0, 1.0)
    some = st.dictionaries(st.sampled_from(list(dimensions)), unit, max_size=len(dimensions))

    @settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=phases(shrink=shrink),
        suppress_health_check=UNHURRIED,
    )
    @given(values=some, data=st.data())
    def check(values: dict[str, float], data: st.DataObject) -> None:
        total = _total(aggregate, values, name)
        expect(
            _total(aggregate, dict(values), name) == total, f"{name} does not decide alike twice"
        )
        keys = data.draw(st.permutations(list(values)))
        other = _total(aggregate, {key: values[key] for key in keys}, name)
        expect(other == total, f"{name} depends on the order of dimensions")
        if total is None:
            return
        raised = {key: data.draw(st.floats(value, 1.0)) for key, value in values.items()}
        higher = _total(aggregate, raised, name)
        said = f"{name} falls from {total!r} to {higher!r} as values rise"
        expect(higher is not None and higher >= total - SLACK, said)
        best = _total(aggregate, dict.fromkeys(values, 1.0), name)
        expect(best is not None and best >= 1.0 - SLACK, f"{name} gives {best!r} to the best")

    check()


def _total(aggregate: Aggregate, values: Mapping[str, float], name: str) -> float | None:
    before = dict(values)
    try:
        total = aggregate(values)
    except Exception as error:  # whatever it raises is what the suite is looking for
        raise AssertionError(f"{name} raises {error!r} on {before!r}") from error
    expect(dict(values) == before, f"{name} changes its values")
    if total is not None:
        inside = isinstance(total, float | int) and math.isfinite(total) and 0.0 <= total <= 1.0
        expect(inside, f"{name} gives {total!r}, which is not in [0, 1]")
    return total
