"""Judgements refuse to contradict themselves; mirroring keeps what the model saw."""

from __future__ import annotations

import pytest

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.judgements import Judged, Judgement, request_key
from parrot.core.values import Both, Image, Label, Request

FAILED = Failed(FailureKind.TIMEOUT, "")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs a winner, scores, an answer or a failure"),
        ({"winner": Label.A, "failure": FAILED}, "beside neither"),
        ({"score_a": 1.0, "score_b": 1.0, "failure": FAILED}, "beside neither"),
        ({"score_a": 1.0}, "go together"),
        ({"score_a": float("nan"), "score_b": 1.0}, "score_a must be finite"),
        ({"winner": Label.A, "both": Both.GOOD}, "only a TIE"),
        ({"winner": Label.A, "sample": -1}, "sample"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Judgement("p", **fields)


def test_a_pair_has_a_name():
    with pytest.raises(ValueError, match="pair_id"):
        Judgement("", Label.A)


def test_mirroring_changes_the_frame_and_not_what_was_seen():
    one = Judgement("p", Label.A, order=Order.AB, score_a=2.0, score_b=1.0, answer="[[A>B]]")
    other = one.mirrored()
    assert (other.winner, other.order, other.gap) == (Label.B, Order.BA, -1.0)
    assert other.answer == one.answer
    assert other.mirrored() == one


def test_a_pair_without_a_request_is_its_own():
    assert Judged(Judgement("p", Label.A), Label.A).request == "p"
    assert Judged(Judgement("p", Label.A, request="r"), Label.A).request == "r"


def test_only_a_human_tie_says_which():
    with pytest.raises(ValueError, match="needs the label TIE"):
        Judged(Judgement("p", Label.A), Label.B, Both.BAD)


def test_request_keys_tell_prompts_and_sources_apart():
    images = [Image(digit * 64, "image/png", b"") for digit in "ab"]
    requests = [
        Request("a cat"),
        Request("a dog"),
        Request("a cat", (images[0],)),
        Request("a cat", (images[1],)),
        Request("a cat", (images[0], images[1])),
        Request("a cat", (images[1], images[0])),
    ]
    assert len({request_key(one) for one in requests}) == len(requests)
    assert request_key(Request("a cat")) == request_key(requests[0])
