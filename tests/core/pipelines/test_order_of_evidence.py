"""Whole filtering: what stays does not depend on the order of filters, nor on what they are called."""

import asyncio

import pytest
from attrs import frozen

from parrot.core.candidates import Candidate, Drop, Keep, Provenance, Rationale
from parrot.core.critiques import Comparison
from parrot.core.engine import Engine
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.evidence import ClaimAnswer, ClaimAnswers, Holds, Prediction, Specificity
from parrot.core.filters import Grounded, Specific
from parrot.core.outcomes import Fate, PairOutcome
from parrot.core.pipelines.filtering import Filtering, filtered, judge
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.testing.fakes import ScriptedModel
from parrot.core.values import Image, Label, PreferencePair, Request

IMAGE = Image("a" * 64, "image/png", b"")
NO = ClaimAnswers((ClaimAnswer(Label.A, "physical_quality", "it is blurred", Holds.NO),))


def outcome(number):
    pair = PreferencePair(str(number), Request("a red fox"), IMAGE, IMAGE, Label.A)
    rationale = Rationale(pair.id, Comparison(()), Provenance("t", "p", anchored=True))
    return PairOutcome(pair, (Fate(Candidate(pair, TEXT_TO_IMAGE, rationale)),))


@frozen
class Known:
    """A gatherer that asks nothing and knows."""

    name: str
    read_off: object

    def asks(self, _):
        return ()

    def read(self, candidate, _):
        return self.read_off(candidate)


def grounded(candidate):
    return NO if candidate.pair.id == "1" else ClaimAnswers(())


def specific(candidate):
    # Only the rationale of pair 1, which grounded drops, leads astray: pair 0, which has none before
    # it, is compared with it too.
    foreign = candidate.evidence.get("foreign")
    astray = foreign is not None and foreign.pair.id == "1"
    return Specificity(Prediction(Label.A), Prediction(Label.B if astray else Label.A))


async def kept(filters):
    how = Filtering(
        filters, {"grounded": Known("grounded", grounded), "specific": Known("specific", specific)}
    )

    async def source():
        for number in range(4):
            yield outcome(number)

    async with Engine(ScriptedModel()) as engine:
        return [o.pair.id async for o in filtered(source(), engine, how) if o.kept]


def test_what_stays_does_not_depend_on_when_the_foreign_rationale_is_needed():
    one = asyncio.run(kept((Grounded(), Specific())))
    other = asyncio.run(kept((Specific(), Grounded())))
    assert one == other == ["0", "2"]


@frozen
class Needs:
    """Keeps where all that it needs is there."""

    name: str
    needs: tuple[str, ...]

    def __call__(self, candidate):
        return Keep() if set(self.needs) <= set(candidate.evidence) else Drop("too_early")


@pytest.mark.parametrize("turned", [False, True])
def test_a_filter_of_several_kinds_of_evidence_waits_for_the_last_that_is_gathered(turned):
    filters = (Needs("both", ("specific", "grounded")), Needs("one", ("grounded",)))
    assert asyncio.run(kept(filters[::-1] if turned else filters)) == ["0", "1", "2", "3"]


def test_filters_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="'strict'"):
        Filtering((Needs("strict", ()), Needs("strict", ())))


def test_evidence_that_nobody_gathers_is_named_before_anything_is_asked():
    with pytest.raises(UnknownNameError, match="ocr"):
        Filtering((Needs("reads", ("ocr",)),))


def test_a_filter_that_says_no_verdict_is_named():
    with pytest.raises(ConfigError, match="silent said None"):
        judge(outcome(1), (Silent(),), marginal=False)


class Silent:
    name, needs = "silent", ()

    def __call__(self, _):
        return None
