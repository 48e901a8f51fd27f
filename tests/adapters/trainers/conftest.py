"""A reward model over a critic whose scores follow from an image's colour."""

import pytest

import parrot
from parrot.core.engine import RetryPolicy
from parrot.core.testing.colours import critique_by_colour
from parrot.core.testing.fakes import ScriptedModel


@pytest.fixture
def critic():
    return ScriptedModel(critique_by_colour)


@pytest.fixture
def model(critic):
    with parrot.RewardModel(critic, retry=RetryPolicy(attempts=1)) as made:
        yield made
