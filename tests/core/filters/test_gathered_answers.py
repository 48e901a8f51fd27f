"""What is read off a verifier's replies: odds of the label that it named, lists that came to an end."""

import math

import pytest
from attrs import evolve

from parrot.core.asks import Failed, FailureKind, Finish, Reply, TokenLogprob
from parrot.core.candidates import Candidate, Keep, Provenance, Rationale, Undecided
from parrot.core.critiques import Critique, Refinement
from parrot.core.filters import KeepsWishes
from parrot.core.gatherers.predictions import read_predictions
from parrot.core.gatherers.wishes import CheckWishes
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.values import Image, Label, PreferencePair, Request

IMAGE = Image("a" * 64, "image/png", b"")


def said(*tokens, at=None, top=()):
    """A reply of these tokens, the alternatives at one of them."""
    known = [TokenLogprob(t, -0.1, top if n == at else ()) for n, t in enumerate(tokens)]
    return Reply("".join(tokens), logprobs=tuple(known))


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        (said("It's", " a", " tie", "."), Label.TIE),
        (said("<think>", "A", " looks", " ok", "</think>", "B"), Label.B),
        (said("<think>", "B", "?", "</", "think>", "B"), Label.B),
        (said("Image", " A"), Label.A),
    ],
)
def test_the_likeliest_label_is_the_one_that_was_named(reply, label):
    found = read_predictions([reply])
    assert found.label is label
    assert found.probabilities[label] == pytest.approx(1.0)


def test_odds_are_those_of_the_answer_and_not_of_a_thought():
    top = (("A", math.log(0.25)), ("B", math.log(0.75)))
    thought = said("<think>", "B", "</think>", "B", at=3, top=top)
    exact = evolve(thought.logprobs[3], logprob=math.log(0.75))
    found = read_predictions([evolve(thought, logprobs=(*thought.logprobs[:3], exact))])
    assert found.probabilities[Label.B] == pytest.approx(0.75)


def refined():
    pair = PreferencePair("1", Request("a dog, two cats"), IMAGE, IMAGE, Label.A)
    body = Critique((), refinement=Refinement("more", "a dog and two cats on a lawn"))
    return Candidate(pair, TEXT_TO_IMAGE, Rationale("1", body, Provenance("t", "p", anchored=True)))


@pytest.mark.parametrize(
    ("finish", "kind"), [(Finish.LENGTH, FailureKind.CUT), (Finish.FILTERED, FailureKind.REFUSED)]
)
def test_a_list_of_wishes_that_broke_off_proves_nothing(finish, kind):
    candidate, text = refined(), "kept: a dog\n"
    found = CheckWishes().read(candidate, [Reply(text, finish)])
    assert isinstance(found, Failed)
    assert found.kind is kind
    assert isinstance(KeepsWishes()(candidate.with_evidence("wishes", found)), Undecided)
    whole = CheckWishes().read(candidate, [Reply(text)])
    assert KeepsWishes()(candidate.with_evidence("wishes", whole)) == Keep()
