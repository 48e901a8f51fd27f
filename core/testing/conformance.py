"""What every model, store, filter, aggregate and generator must do, as plain calls that raise AssertionError.

    from parrot.core.testing.conformance import check_model

    def test_my_model():
        check_model(lambda: MyModel("..."))

No pytest is needed. `parrot.core.testing.broken` holds wrong implementations, each caught by its
suite.
"""

from parrot.core.testing.aggregate_suite import check_aggregate
from parrot.core.testing.filter_suite import check_filter
from parrot.core.testing.generator_suite import check_generator
from parrot.core.testing.model_suite import check_batch_model, check_model
from parrot.core.testing.store_suite import check_store

__all__ = [
    "check_aggregate",
    "check_batch_model",
    "check_filter",
    "check_generator",
    "check_model",
    "check_store",
]
