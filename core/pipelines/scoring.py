"""Judging by one number an image: what a scalar reward is asked, and what its numbers say of a pair.

A scalar sees one image at a time, so a pair's margin is the same in every order.
"""

from __future__ import annotations

from collections.abc import Sequence

from parrot.core.asks import Ask, Failed, Sampling
from parrot.core.candidates import Order
from parrot.core.judgements import Judged, Judgement, request_key
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import Rubric, rubric_for
from parrot.core.values import Image, Label, PreferencePair, Request


def scoring_asks(
    pair: PreferencePair, prompt: Prompt, rubric: Rubric | None = None
) -> tuple[Ask, Ask]:
    """Image A, then image B, each with the request and its sources; rubric None: by request."""
    a, b = (
        scoring_ask(pair.request, image, prompt, rubric) for image in (pair.image_a, pair.image_b)
    )
    return a, b


def scoring_ask(
    request: Request, image: Image, prompt: Prompt, rubric: Rubric | None = None
) -> Ask:
    """One image with the request and its sources; rubric None: by request."""
    chosen, sampling = rubric or rubric_for(request), Sampling(temperature=0.0)
    return prompt.critique(request, image, chosen, sampling=sampling, refine=False)


def read_scored(
    pair: PreferencePair,
    scores: Sequence[float | Failed],
    model: str,
    orders: Sequence[Order] = (Order.AB,),
) -> tuple[Judged, ...]:
    """A judgement an order, all alike, in the pair's frame, beside the pair's label."""
    return tuple(
        Judged(_judgement(pair, scores, model, order), pair.label, pair.both) for order in orders
    )


def _judgement(
    pair: PreferencePair, scores: Sequence[float | Failed], model: str, order: Order
) -> Judgement:
    a, b = scores
    key = request_key(pair.request)
    for one in (a, b):
        if isinstance(one, Failed):
            return Judgement(pair.id, order=order, failure=one, model=model, request=key)
    assert not isinstance(a, Failed)
    assert not isinstance(b, Failed)
    winner = Label.A if a > b else Label.B if b > a else Label.TIE
    return Judgement(pair.id, winner, order=order, score_a=a, score_b=b, model=model, request=key)
