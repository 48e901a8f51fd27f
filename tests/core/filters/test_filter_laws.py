"""Laws of every shipped filter: alike on mirrors, order is no matter, stricter keeps no more."""

from itertools import permutations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.asks import Failed
from parrot.core.candidates import Candidate, Drop, Keep, Provenance, Rationale, Undecided
from parrot.core.critiques import Comparison, PairFinding
from parrot.core.evidence import ClaimAnswer, ClaimAnswers, Holds, Prediction
from parrot.core.filters import FILTERS, Predictive, ScoresAgree, Specific, leak_free, well_formed
from parrot.core.outcomes import Fate, PairOutcome
from parrot.core.pipelines.filtering import judge
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.testing.expecting import UNHURRIED
from parrot.core.testing.strategies import candidates
from parrot.core.values import Image, Label, PreferencePair, Request

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides
A, B = (Image(c * 64, "image/png", b"") for c in "ab")
PAIR = PreferencePair("1", Request("a red fox"), A, B, Label.A)


def candidate(
    text_scores=(3.0, 2.0), quality=(3.0, 3.0), *, label=Label.A, words="It is so.", **more
):
    def won(a, b):
        return Label.A if a > b else Label.B if b > a else Label.TIE

    body = Comparison(
        (
            PairFinding("text_faithfulness", words, *text_scores, won(*text_scores)),
            PairFinding("physical_quality", words, *quality, won(*quality)),
        )
    )
    rationale = Rationale("1", body, Provenance("t", "p", anchored=True))
    return Candidate(evolve(PAIR, label=label), TEXT_TO_IMAGE, rationale, more)


@pytest.mark.parametrize("name", FILTERS)
@unhurried
@given(candidate=candidates())
def test_a_filter_decides_alike_on_the_mirrored_candidate(name, candidate):
    one, other = FILTERS[name](candidate), FILTERS[name](candidate.mirrored())
    assert type(one) is type(other)


@unhurried
@given(
    candidate=candidates(),
    names=st.lists(st.sampled_from(sorted(FILTERS)), min_size=2, max_size=3, unique=True),
)
def test_what_stays_does_not_depend_on_the_order_of_filters(candidate, names):
    ends = set()
    for order in permutations(names):
        start = PairOutcome(PAIR, (Fate(candidate),))
        outcome = judge(start, [FILTERS[n] for n in order], marginal=False)
        ends.add(bool(outcome.kept))
    assert len(ends) == 1


@unhurried
@given(candidate=candidates(), low=st.floats(0, 2), more=st.floats(0, 2))
def test_a_higher_margin_never_keeps_more(candidate, low, more):
    if isinstance(ScoresAgree(low + more)(candidate), Keep):
        assert isinstance(ScoresAgree(low)(candidate), Keep)


@unhurried
@given(candidate=candidates(), low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_higher_probability_never_keeps_more(candidate, low, high):
    low, high = sorted((low, high))
    if isinstance(Predictive(min_probability=high)(candidate), Keep):
        assert isinstance(Predictive(min_probability=low)(candidate), Keep)


@unhurried
@given(candidate=candidates())
def test_the_mirror_of_the_mirror_is_the_candidate(candidate):
    assert candidate.mirrored().mirrored() == candidate


def test_scores_must_have_the_sign_of_the_label():
    agree = ScoresAgree()
    assert agree(candidate()) == Keep()
    assert isinstance(agree(candidate((2.0, 3.0))), Drop)
    assert isinstance(agree(candidate((3.0, 3.0))), Drop)
    assert agree(candidate((3.0, 3.0), label=Label.TIE)) == Keep()
    assert isinstance(agree(candidate((4.0, 2.0), label=Label.TIE)), Drop)


tenths = st.integers(10, 40).map(lambda n: n / 10)


@unhurried
@given(a=tenths, b=tenths, other=tenths, label=st.sampled_from((Label.A, Label.B)))
def test_scores_of_equal_sums_are_a_tie_whatever_rounding_leaves(a, b, other, label):
    second = round(a + b - other, 1)
    body = candidate((a, other), (b, second)).rationale.body
    assert body.margin(TEXT_TO_IMAGE.applicable(PAIR.request)) == 0.0
    verdict = ScoresAgree()(candidate((a, other), (b, second), label=label))
    assert isinstance(verdict, Drop)
    assert verdict.reason == "tied"


def test_a_dimension_with_its_own_label_may_tie_but_not_oppose():
    def labelled(label):
        one = candidate((4.0, 2.0), (3.0, 3.0))
        return evolve(one, pair=evolve(one.pair, dimension_labels={"physical_quality": label}))

    assert ScoresAgree()(labelled(Label.A)) == Keep()
    opposed = candidate((4.0, 2.0), (2.0, 3.0))
    opposed = evolve(
        opposed, pair=evolve(opposed.pair, dimension_labels={"physical_quality": Label.A})
    )
    assert isinstance(ScoresAgree()(opposed), Drop)


def test_a_missing_dimension_is_not_well_formed_unless_it_does_not_apply():
    whole = candidate()
    assert well_formed(whole) == Keep()
    fewer = evolve(
        whole, rationale=evolve(whole.rationale, body=Comparison(whole.rationale.body.findings[:1]))
    )
    assert well_formed(fewer) == Drop("missing", "no score for physical_quality")
    assert isinstance(well_formed(candidate(words=" ")), Drop)


def test_absent_evidence_is_undecided_and_never_kept():
    for name in ("predictive-text", "grounded", "specific", "swap-consistent"):
        verdict = FILTERS[name](candidate())
        assert isinstance(verdict, Undecided)
        assert isinstance(verdict.failure, Failed)


def test_one_refuted_claim_drops():
    no = ClaimAnswers((ClaimAnswer(Label.A, "physical_quality", "it is blurred", Holds.NO),))
    unsure = ClaimAnswers(
        (ClaimAnswer(Label.A, "physical_quality", "it is blurred", Holds.UNSURE),)
    )
    assert isinstance(FILTERS["grounded"](candidate(grounded=no)), Drop)
    assert FILTERS["grounded"](candidate(grounded=unsure)) == Keep()


def test_the_predicted_label_must_be_the_label():
    assert Predictive()(candidate(text=Prediction(Label.A))) == Keep()
    assert isinstance(Predictive()(candidate(text=Prediction(Label.B))), Drop)
    assert isinstance(Predictive()(candidate(text=Prediction(None))), Drop)


def test_specific_needs_this_rationale_to_help():
    from parrot.core.evidence import Specificity

    def odds(p):
        return Prediction(Label.A, {Label.A: p, Label.B: 1 - p, Label.TIE: 0.0})

    assert Specific()(candidate(specific=Specificity(odds(0.9), odds(0.5)))) == Keep()
    assert isinstance(Specific()(candidate(specific=Specificity(odds(0.5), odds(0.5)))), Drop)


def test_a_leak_is_found_and_a_quotation_is_none():
    assert isinstance(leak_free(candidate(words="As the hint says, A is better.")), Drop)
    assert leak_free(candidate(words='The sign reads "the hint says A".')) == Keep()
