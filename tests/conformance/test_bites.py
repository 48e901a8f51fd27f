"""The suites are worth something: every deliberately wrong implementation fails its own."""

import pytest

from parrot.core.testing import (
    broken,
    broken_aggregates,
    broken_filters,
    broken_generators,
    broken_stores,
)
from parrot.core.testing.conformance import (
    check_aggregate,
    check_batch_model,
    check_filter,
    check_generator,
    check_model,
    check_store,
)

named = {"ids": lambda thing: thing.__name__}


@pytest.mark.parametrize("make", broken.MODELS, **named)
def test_no_wrong_model_passes(make):
    with pytest.raises((AssertionError, RuntimeError)) as caught:
        check_model(make, patience_s=0.3)
    assert str(caught.value)


@pytest.mark.parametrize("make", broken.BATCH_MODELS, **named)
def test_no_wrong_batch_model_passes(make):
    with pytest.raises(AssertionError):
        check_batch_model(make)


@pytest.mark.parametrize("open_store", broken_stores.STORES, **named)
def test_no_wrong_store_passes(open_store):
    with pytest.raises(AssertionError):
        check_store(open_store, shrink=False)


@pytest.mark.parametrize("filter_", broken_filters.FILTERS, **named)
def test_no_wrong_filter_passes(filter_):
    with pytest.raises(AssertionError):
        check_filter(filter_, shrink=False)


@pytest.mark.parametrize("make", broken_generators.GENERATORS, **named)
def test_no_wrong_generator_passes(make):
    with pytest.raises(AssertionError):
        check_generator(make)


@pytest.mark.parametrize("aggregate", broken_aggregates.AGGREGATES, **named)
def test_no_wrong_aggregate_passes(aggregate):
    with pytest.raises(AssertionError):
        check_aggregate(aggregate, shrink=False)
