"""The laws of filters where evidence is there: mirrors, order, stricter bounds, whole pipelines."""

from collections import defaultdict
from itertools import permutations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Candidate, Drop, Keep, Provenance, Rationale, Undecided
from parrot.core.critiques import Comparison, PairFinding
from parrot.core.evidence import ClaimAnswer, ClaimAnswers, Holds, Prediction, Specificity
from parrot.core.filters import (
    FILTERS,
    Grounded,
    MarginFitsStrength,
    Predictive,
    ScoresAgree,
    Specific,
    SwapConsistent,
)
from parrot.core.outcomes import Fate, PairOutcome
from parrot.core.pipelines.filtering import judge
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.testing.conformance import check_filter
from parrot.core.testing.expecting import UNHURRIED
from parrot.core.testing.strategies import labels
from parrot.core.values import Image, Label, PreferencePair, Request

ASKED = ("predictive-text", "predictive-masked", "predictive-sighted", "specific", "grounded")
GATHERED = (*ASKED, "swap-consistent")


A, B = (Image(c * 64, "image/png", b"") for c in "ab")
PAIR = PreferencePair("1", Request("a red fox"), A, B, Label.A)
FAILED = Failed(FailureKind.TIMEOUT, "late", 3)
WRITTEN = Provenance("t", "p", anchored=True)
FINDING = PairFinding("", "It is so.", 1.0, 1.0, Label.TIE)


def _scored(a, b, tied):
    return a, b, Label.TIE if tied or a == b else Label.A if a > b else Label.B


SCORED = st.builds(_scored, st.integers(1, 4), st.integers(1, 4), st.booleans())


@st.composite
def odds(draw):
    parts = [draw(st.integers(0, 10)) for _ in Label]
    whole = sum(parts) or 1
    return {label: part / whole for label, part in zip(Label, parts, strict=True)}


def predictions():
    return st.builds(Prediction, st.none() | labels(), st.none() | odds())


def claims():
    side = st.sampled_from((Label.A, Label.B))
    dimension = st.sampled_from(TEXT_TO_IMAGE.keys)
    one = st.builds(ClaimAnswer, side, dimension, st.just("it is blurred"), st.sampled_from(Holds))
    return st.lists(one, max_size=3).map(tuple).map(ClaimAnswers)


@st.composite
def bodies(draw):
    """Comparisons with plain words, since these filters read none."""
    return Comparison(
        tuple(
            evolve(FINDING, dimension=key, score_a=float(a), score_b=float(b), winner=winner)
            for key in TEXT_TO_IMAGE.keys
            for a, b, winner in (draw(SCORED),)
        )
    )


@st.composite
def known(draw):
    """A candidate with all evidence that shipped filters read; now and then one kind failed."""
    kinds = {
        "text": predictions(),
        "masked": predictions(),
        "sighted": predictions(),
        "specific": st.builds(Specificity, predictions(), predictions()),
        "grounded": claims(),
        "swapped": bodies(),
    }
    found = {name: draw(kind) for name, kind in kinds.items()}
    failed = draw(st.sampled_from((*kinds, *[""] * len(kinds))))
    found |= {failed: FAILED} if failed else {}
    label, strength = draw(labels()), draw(st.none() | st.floats(0.0, 1.0))
    pair = evolve(PAIR, label=label, strength=strength)
    return Candidate(pair, TEXT_TO_IMAGE, Rationale("1", draw(bodies()), WRITTEN), found)


@pytest.mark.parametrize("name", GATHERED)
def test_filters_of_evidence_keep_their_contract_on_evidence(name):
    check_filter(FILTERS[name], candidates=known(), max_examples=40)


def test_the_candidates_above_bring_every_filter_to_every_verdict():
    seen = defaultdict(set)

    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=UNHURRIED,
        database=None,
        derandomize=True,
    )
    @given(known())
    def look(candidate):
        for name in GATHERED:
            seen[name].add(type(FILTERS[name](candidate)))

    look()
    assert seen == {name: {Keep, Drop, Undecided} for name in GATHERED}


@settings(deadline=None, suppress_health_check=UNHURRIED)
@given(candidate=known(), names=st.permutations(sorted(FILTERS)), cut=st.integers(2, 3))
def test_what_stays_does_not_depend_on_the_order_of_filters(candidate, names, cut):
    kept = set()
    for order in permutations(names[:cut]):
        for marginal in (False, True):
            start = PairOutcome(candidate.pair, (Fate(candidate),))
            ended = judge(start, [FILTERS[n] for n in order], marginal=marginal)
            kept.add(bool(ended.kept))
    assert len(kept) == 1


def stricter(make, bounds, *, falling=False):
    """Two filters, the second at least as strict."""
    twice = st.tuples(bounds, bounds).map(lambda two: sorted(two, reverse=falling))
    return twice.map(lambda two: (make(two[0]), make(two[1])))


def predictive(strength):
    return lambda least: evolve(FILTERS[f"predictive-{strength}"], min_probability=least)


SHARE, POINTS = st.floats(0.0, 1.0), st.floats(0.0, 3.0)
BOUNDS = {
    "text": stricter(predictive("text"), SHARE),
    "masked": stricter(predictive("masked"), SHARE),
    "sighted": stricter(predictive("sighted"), SHARE),
    "gain": stricter(lambda least: Specific(min_gain=least), SHARE),
    "refuted": stricter(lambda most: Grounded(max_refuted=most), st.integers(0, 3), falling=True),
    "margin": stricter(lambda least: ScoresAgree(min_margin=least), POINTS),
    "tolerance": stricter(lambda most: ScoresAgree(tie_tolerance=most), POINTS, falling=True),
    "at least": stricter(lambda least: MarginFitsStrength(at_least=least), POINTS),
    "at most": stricter(lambda most: MarginFitsStrength(at_most=most), POINTS, falling=True),
    "strong": stricter(lambda least: MarginFitsStrength(strong=least), SHARE, falling=True),
    "slight": stricter(lambda most: MarginFitsStrength(slight=most), SHARE),
    "ties": stricter(lambda differ: SwapConsistent(ties_differ=differ), st.booleans()),
}


@pytest.mark.parametrize("bound", BOUNDS)
@settings(deadline=None, suppress_health_check=UNHURRIED, max_examples=50)
@given(data=st.data(), candidate=known())
def test_a_stricter_bound_never_keeps_more(bound, data, candidate):
    loose, strict = data.draw(BOUNDS[bound])
    if isinstance(strict(candidate), Keep):
        assert isinstance(loose(candidate), Keep)


def test_a_label_without_a_probability_has_none():
    told = {"text": Prediction(Label.A, {Label.B: 0.4})}
    one = Candidate(PAIR, TEXT_TO_IMAGE, Rationale("1", Comparison(()), WRITTEN), told)
    assert isinstance(Predictive(min_probability=0.5)(one), Drop)
