"""A critic whose scores are known: they follow from an image's colour, and some images it cannot see."""

import pytest

import parrot
from parrot.backends.images import pixels
from parrot.core.asks import Reply
from parrot.core.engine import RetryPolicy
from parrot.core.errors import RejectedError
from parrot.core.testing.fakes import ScriptedModel, plain_image
from parrot.core.values import Image

BLIND = 77
"""Blue of an image that the critic refuses."""


def colours(image):
    return pixels(image).getpixel((0, 0))


def critique(ask):
    """Red gives the first dimension and green the second, from 0 to 30 tenths above 1."""
    red, green, blue = colours(ask.images[-1])
    if blue == BLIND:
        return RejectedError("cannot see it")
    edit = len(ask.images) > 1
    headings = ("Text Faithfulness", "Image Faithfulness") if edit else ("Text Faithfulness",)
    scores = {**dict.fromkeys(headings, red), "Physical and Visual Quality": green}
    body = "".join(
        f"{n}. {name}:\n## Justification: so\n## Score: {1 + value % 31 / 10:.1f}\n"
        for n, (name, value) in enumerate(scores.items(), start=1)
    )
    tail = f"{len(scores) + 1}. Text Rendering:\n## Justification: none\n## Score: N/A\n"
    return Reply(f"# Detailed Judgement\n{body}{tail}")


def unit(red, green, *, edit=False):
    """The total of an image of these colours."""
    values = [red, red, green] if edit else [red, green]
    return pytest.approx(sum(v % 31 / 30 for v in values) / len(values))


@pytest.fixture
def critic():
    return ScriptedModel(critique)


@pytest.fixture
def model(critic):
    with parrot.RewardModel(critic, retry=RetryPolicy(attempts=1)) as made:
        yield made


def drawn(red, green=15, blue=0):
    return plain_image(red, green, blue)


def source():
    return plain_image(1, 2, 3)


assert isinstance(source(), Image)
