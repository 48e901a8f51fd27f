"""The lessons of the student's base: true, of one split, in the right form, and without preference."""

import re
from statistics import correlation, fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy")
pytest.importorskip("torch", reason="the student is trained with torch")

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import checks_of
from parrot.backends.miniature.claims import holds
from parrot.backends.miniature.draw import draw
from parrot.backends.miniature.human import overall, utilities
from parrot.backends.miniature.pairs import in_split, scene_in_split
from parrot.backends.miniature.requests import brief_of
from parrot.backends.miniature.training.student import checking, forming, seeing
from parrot.backends.miniature.training.student.lens import Lens, smeared
from parrot.backends.miniature.training.student.situations import situation
from parrot.backends.miniature.training.student.vocabulary import LESSONS
from parrot.backends.miniature.world import Defect, Drawing, Flaw, Strength
from parrot.core.formats import MARKUP, Form
from parrot.core.gatherers import claims_of
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE, rubric_for
from parrot.core.values import Label

SEEDS = st.integers(0, 10_000)


@pytest.mark.parametrize("split", ["train", "test"])
@given(seed=SEEDS, edit=st.booleans(), tries=st.integers(1, 3))
@settings(max_examples=40)
def test_all_that_is_drawn_is_of_one_split(split, seed, edit, tries):
    made = situation(Chance(seed), edit=edit, tries=tries, split=split)
    assert in_split(split, made.prompt)
    assert all(scene_in_split(split, one.scene) for one in made.tries)
    assert made.source is None or scene_in_split(split, made.source)
    assert brief_of(made.prompt, is_edit=edit) == made.brief


@given(SEEDS)
@settings(max_examples=60)
def test_a_refined_request_is_of_the_same_split(seed):
    answer = forming.critique(Chance(seed), "train").answer
    refined = answer.partition("## Refined Request: ")[2]
    assert not refined or in_split("train", refined)


@pytest.mark.parametrize("make", LESSONS, ids=lambda make: make.__name__)
def test_a_lesson_is_decided_by_its_chance_and_shows_what_it_asks_about(make):
    for seed in range(30):
        one, again = make(Chance(seed), "train"), make(Chance(seed), "train")
        assert one == again
        assert len(one.pictures) == one.ask.count("<|vision_start|>")
        assert one.ask.endswith("<|im_start|>assistant\n")
        assert one.answer == one.answer.strip()
        assert one.answer


@given(SEEDS)
@settings(max_examples=60)
def test_statements_are_answered_by_the_truth_and_both_ways(seed):
    chance = Chance(seed)
    made = situation(chance, edit=chance.hit(0.4), tries=3, split="train")
    one = checking.statements(Chance(seed), "train")
    said = re.findall(r"^\d\. (.*)$", one.ask, re.MULTILINE)
    answers = [line.split(": ")[1] for line in one.answer.splitlines()]
    assert answers == ["yes" if holds(claim, made.tries[0]) else "no" for claim in said]


def test_neither_answer_is_the_safe_one():
    answers = "".join(checking.statements(Chance(n), "train").answer for n in range(150))
    share = answers.count("yes") / (answers.count("yes") + answers.count("no"))
    assert 0.4 < share < 0.6
    kinds = [
        kind
        for n in range(200)
        for made in [checking.demanded(Chance(n), "train")]
        for kind, _, _ in checking.gone_through(made, made.tries[0])
    ]
    assert 0.3 < kinds.count("none") / len(kinds) < 0.75
    assert {"absent", "colour", "shape", "size", "place", "letter", "count", "kept"} <= set(kinds)


def test_a_demand_reads_as_met_exactly_where_it_is_met():
    for n in range(200):
        made = checking.demanded(Chance(n), "train")
        lines = checking.demands(Chance(n), "train").answer.splitlines()
        gone = checking.gone_through(made, made.tries[0])
        faults = sum(check.share < 1 for check in checks_of(made.brief, made.tries[0], made.source))
        assert len(lines) == len(gone)
        assert (faults == 0) == all(kind == "none" for kind, _, _ in gone)
        for line, (kind, what, said) in zip(lines, gone, strict=True):
            assert line == f"{what}: {said}"
            assert checking.is_met(what, said) is (kind == "none")


def test_comparisons_read_whole_and_their_claims_are_true():
    for n in range(60):
        made = forming.compared(Chance(n), "train")
        rubric = IMAGE_EDIT if made.source else TEXT_TO_IMAGE
        answer = forming.comparison(Chance(n), "train").answer
        reading = MARKUP.read(answer, rubric, Form.PAIRWISE)
        assert not reading.problems
        shown = dict(zip((Label.A, Label.B), made.tries, strict=True))
        truths = [holds(c.text, shown[c.side]) for c in claims_of(reading.value)]
        assert all(so is not False for so in truths)
        assert truths.count(True) >= 2


def test_scores_know_nothing_of_what_the_human_likes():
    margins, worths, singles, values = [], [], [], []
    for n in range(600):
        made = forming.compared(Chance(n), "train")
        request = forming.request_of(made.prompt, made.source)
        rubric = rubric_for(request)
        applicable = rubric.applicable(request)
        worth = [overall(utilities(made.brief, d, applicable, made.source)) for d in made.tries]
        answer = forming.comparison(Chance(n), "train").answer
        margins.append(MARKUP.read(answer, rubric, Form.PAIRWISE).value.margin(applicable))
        worths.append(worth[0] - worth[1])
        alone = MARKUP.read(
            forming.critique(Chance(n), "train").answer, IMAGE_EDIT, Form.POINTWISE
        ).value
        scores = [s for s in alone.scores.values() if isinstance(s, float)]
        singles.append(fmean(scores))
        values.append(alone.findings[0].justification.count("instead"))
    assert abs(correlation(margins, worths)) < 0.12
    assert abs(correlation(singles, values)) < 0.12


def test_a_smear_is_smaller_than_the_slightest_defect():
    made = situation(Chance(3), edit=False)
    one, slightest = draw(Drawing(made.tries[0].scene)), Defect(Flaw.BLUR, Strength.SLIGHT)
    gap = abs(draw(Drawing(made.tries[0].scene, slightest)).astype(int) - one).mean()
    for n in range(20):
        seen = smeared(one, Chance("smear", n))
        assert seen.shape == one.shape
        assert seen.dtype == one.dtype
        assert abs(seen.astype(int) - one).mean() < gap + 3


def test_a_lens_without_a_vae_changes_the_same_pictures_again():
    pictures = [seeing.caption(Chance(n), "train").pictures[0] for n in range(40)]
    once, twice = Lens().through(pictures, 1, "x"), Lens().through(pictures, 1, "x")
    assert all((a == b).all() for a, b in zip(once, twice, strict=True))
    changed = sum((a != b).any() for a, b in zip(once, pictures, strict=True))
    assert 2 <= changed <= 22
