"""What verifiers answer: cut, thinking or half-read replies are no evidence."""

from __future__ import annotations

import pytest

from parrot.core.asks import Failed, FailureKind, Finish, Reply
from parrot.core.candidates import Candidate, Drop, Keep, Provenance, Rationale
from parrot.core.critiques import Comparison, PairFinding
from parrot.core.errors import ConfigError
from parrot.core.evidence import ClaimAnswers
from parrot.core.filters import Grounded, alone, find_leak
from parrot.core.gatherers import CheckClaims, PredictLabel, claims_of, gatherers, masked_text
from parrot.core.pipelines.filtering import Filtering
from parrot.core.prompts.checking import read_claims, read_prediction, read_wishes
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.select import BestOf, keep_all
from parrot.core.stopping import end_of_scores
from parrot.core.values import Image, Label, PreferencePair, Request

IMAGE = Image("a" * 64, "image/png", b"")
PAIR = PreferencePair("1", Request("a red fox"), IMAGE, IMAGE, Label.A)


def candidate(*reasons: str) -> Candidate:
    found = tuple(
        PairFinding(key, reason, 3.0, 2.0, Label.A)
        for key, reason in zip(TEXT_TO_IMAGE.keys, reasons, strict=False)
    )
    written = Provenance("t", "p", anchored=True)
    return Candidate(PAIR, TEXT_TO_IMAGE, Rationale("1", Comparison(found), written))


@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.FILTERED])
def test_a_cut_reply_predicts_nothing_and_settles_no_claim(finish: Finish) -> None:
    one = candidate("Image A shows a fox.")
    told = PredictLabel().read(one, [Reply("Let me compare.\nImage A", finish)])
    assert isinstance(told, Failed)
    checked = CheckClaims().read(one, [Reply("1: yes", finish)])
    assert isinstance(checked, Failed)
    assert checked.kind in {FailureKind.CUT, FailureKind.REFUSED}


def test_thinking_that_never_ends_is_no_answer() -> None:
    assert read_prediction("<think>\nImage B") is None
    assert read_claims("<think>\n1: yes", 1) is None
    assert read_wishes("<think>\nkept: a cat") is None
    assert read_prediction("<think>B?</think>\nImage A is better") is Label.A


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1: yes\n2. no", ("yes", "no")),
        ("**1**: No, it is blue\n2) unsure.", ("no", "unsure")),
        ("1. No stray marks are visible: yes\n2. a cat is there: no", ("yes", "no")),
        ("1. No stray marks are visible\n2: no", None),
        ("1: yes", None),
        ("1: yes\n1: no\n2: no", None),
        ("1: yes\n2: no\n10 out of 10: no", ("yes", "no")),
    ],
)
def test_a_statement_that_is_repeated_is_no_answer(text: str, said: object) -> None:
    assert read_claims(text, 2) == said


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("kept: a cat\n2. lost: a red hat", 1),
        ("- kept: a cat\n- **lost**: a red hat", 1),
        ("Here is what was kept or lost of it:\nkept: a cat", 0),
        ("kept: a cat\nlost - a red hat", None),
        ("kept: a cat\na red hat: lost", None),
        ("a cat", None),
        ("kept: a red ball\nAll other wishes were kept.", 0),
        ("Kept:\nkept: a", 0),
    ],
)
def test_a_lost_wish_is_read_or_nothing_is(text: str, lost: int | None) -> None:
    read = read_wishes(text)
    assert (None if read is None else sum(not kept for _, kept in read)) == lost


def test_reasons_that_name_no_image_are_not_grounded() -> None:
    nobody = candidate("The first one is blurred.").with_evidence("grounded", ClaimAnswers(()))
    assert isinstance(Grounded()(nobody), Drop)
    assert isinstance(Grounded()(candidate().with_evidence("grounded", ClaimAnswers(()))), Keep)


def test_claims_of_bare_names_and_of_two_in_one_sentence() -> None:
    told = candidate("A shows six fingers, while B shows five, and a cat.").rationale.body
    assert isinstance(told, Comparison)
    assert [(c.side, c.text) for c in claims_of(told)] == [
        (Label.A, "A shows six fingers"),
        (Label.B, "B shows five, and a cat"),
    ]
    (ask,) = CheckClaims().asks(candidate("Image A's hat is red."))
    assert "this image's hat is red" in str(ask.turns)


@pytest.mark.parametrize(
    "text",
    [
        "In the image a red cat sits.",
        "compared to the second wheel, the first is round",
        "A can of soda, and Gate B is open",
    ],
)
def test_one_image_is_spoken_of_alone(text: str) -> None:
    assert isinstance(alone(candidate(text)), Keep)


@pytest.mark.parametrize("text", ["Image B is worse.", "compared to the second, it is sharp"])
def test_another_image_is_noticed(text: str) -> None:
    assert isinstance(alone(candidate(text)), Drop)


@pytest.mark.parametrize(
    "text",
    ["I already knew which image won.", "The model is asked to defend Image A."],
)
def test_no_list_of_cues_hides_a_leak(text: str) -> None:
    assert find_leak(text)


def test_hostile_texts_come_to_an_end() -> None:
    # Each took exponential time once: a suite that hangs here has it again.
    assert masked_text("score" + ":" * 400 + "x") == "score" + ":" * 400 + "x"
    assert masked_text("| Score |\n|" + ":---:|" * 400 + " x").endswith(" x")
    heading = "# Detailed Judgement\n3. Text Rendering " + "()" * 400 + " x\n"
    assert end_of_scores(heading, "Text Rendering") is None
    assert read_claims("1" + ":" * 4000 + "\n" * 4000, 1) is None


def test_a_choice_that_ranks_by_probabilities_needs_them() -> None:
    with pytest.raises(ConfigError, match="without probabilities"):
        Filtering(select=BestOf())
    how = Filtering(select=BestOf(), gatherers=gatherers(logprobs=True))
    assert how.evidence == ("masked",)
    assert how.without_model()[0].select is keep_all
