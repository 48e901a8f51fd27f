"""A critique with the earlier tries in view, so that the next request is not one that has failed."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from parrot.core.asks import Ask, Sampling, Turn
from parrot.core.prompts.fences import fenced
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import Rubric
from parrot.core.values import Image, Request

EARLIER = "Earlier tries:"
_RULES = (
    "This image is one of several tries at the request. Each try below has the words that it was "
    "drawn from and the scores that it got. Judge the image against the request itself. Write a "
    "refined request that says what the earlier words left out or that did not help, and that is "
    "none of them."
)


def critique_again(
    request: Request,
    image: Image,
    rubric: Rubric,
    tries: Sequence[tuple[str, str]],
    *,
    prompt: Prompt,
    sampling: Sampling,
) -> Ask:
    """Asks for a critique with a refined request. tries: words drawn from and scores, as texts."""
    ask = prompt.critique(request, image, rubric, sampling=sampling)
    *before, user = ask.turns
    listed = "\n".join(f"{n}. [{scores}] {words}" for n, (words, scores) in enumerate(tries, 1))
    extended = Turn("user", (*user.parts, _RULES, fenced(EARLIER, listed)))
    return evolve(ask, turns=(*before, extended))
