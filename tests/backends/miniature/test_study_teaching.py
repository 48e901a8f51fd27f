"""What each arm of the study learns from, on the simulated teacher."""

import asyncio
from itertools import islice

import pytest

pytest.importorskip("numpy", reason="the miniature draws with numpy")

from parrot.backends.miniature.studied import Labelled, held_out
from parrot.backends.miniature.teacher import MiniatureTeacher
from parrot.cli.choices import SETS
from parrot.core.critiques import Comparison
from parrot.core.engine import Engine
from parrot.core.engine.progress import Meter
from parrot.core.errors import ConfigError
from parrot.core.formats import MARKUP, Form
from parrot.core.judgements import request_key
from parrot.core.prompts.judging import HINT, Prompt
from parrot.core.studies.cells import Arm, Cell, Equal
from parrot.core.studies.teaching import FULL, Teaching, thinned

SIZE = 24


def taught(arm, size=SIZE, seed=0, equal=Equal.PAIRS):
    async def work():
        meter = Meter()
        async with Engine(MiniatureTeacher("medium"), observers=(meter,)) as engine:
            teaching = Teaching(engine, meter, Labelled(seed), Prompt())
            return await teaching.rows(Cell(arm, size, seed, equal))

    return asyncio.run(work())


@pytest.fixture(scope="module")
def arms():
    return {arm: taught(arm) for arm in Arm if arm not in {Arm.BASE, Arm.HEAD}}


def places(found):
    return [
        (c.pair.id, c.rationale.provenance.order, c.rationale.provenance.sample) for c in found.rows
    ]


def test_filtered_arms_are_parts_of_the_anchored_one(arms):
    whole = places(arms[Arm.ANCHORED])
    for arm in (Arm.ANCHORED_TEXT, Arm.ANCHORED_FULL, Arm.ANCHORED_THINNED):
        assert 0 < len(places(arms[arm])) < len(whole)
        assert set(places(arms[arm])) < set(whole)
    assert len(arms[Arm.ANCHORED_THINNED].rows) == len(arms[Arm.ANCHORED_FULL].rows)
    assert places(arms[Arm.ANCHORED_THINNED]) != places(arms[Arm.ANCHORED_FULL])
    assert tuple(SETS["default"]) == FULL


def test_blind_teachers_saw_no_label_and_agreeing_ones_cost_what_full_filters_cost(arms):
    for arm, found in arms.items():
        blind = arm in {Arm.BLIND, Arm.BLIND_AGREE}
        assert all(c.rationale.provenance.anchored is not blind for c in found.rows)
        assert found.pairs == SIZE
    full, agreeing = arms[Arm.ANCHORED_FULL], arms[Arm.BLIND_AGREE]
    assert arms[Arm.BLIND].calls == arms[Arm.ANCHORED].calls == 2 * SIZE
    assert full.calls > 3 * SIZE
    assert agreeing.calls == 2 * SIZE * agreeing.samples
    assert abs(agreeing.calls - full.calls) <= SIZE  # half a sample a pair and order
    for one in agreeing.rows:
        margin = one.rationale.body.margin(one.applicable)
        assert (margin > 0) - (margin < 0) == {"A": 1, "B": -1}.get(one.pair.label, 0) or (
            one.pair.label == "TIE" and abs(margin) <= 0.25
        )


def test_no_student_is_shown_a_label_or_a_label_of_a_dimension(arms):
    for found in arms.values():
        for row, example in zip(found.rows, found.examples(Prompt()), strict=True):
            said = "".join(p for t in example.turns for p in t.parts if isinstance(p, str))
            assert HINT not in said
            assert row.pair.dimension_labels == {}


def test_a_student_of_scores_is_asked_alike_and_answers_without_reasons(arms):
    whole, bare = (arms[a].examples(Prompt()) for a in (Arm.ANCHORED_FULL, Arm.SCORES_ONLY))
    rows = arms[Arm.ANCHORED_FULL].rows
    for row, one, other in zip(rows, whole, bare, strict=True):
        assert one.turns == other.turns
        body = MARKUP.read(other.answer, row.rubric, Form.PAIRWISE).value
        assert isinstance(body, Comparison)
        assert body.analysis == body.summary == ""
        assert all(f.justification == "" for f in body.findings)
        told = row.rationale.body
        assert [(f.dimension, f.score_a, f.score_b, f.winner) for f in body.findings] == [
            (f.dimension, f.score_a, f.score_b, f.winner) for f in told.findings
        ]
        assert len(other.answer) < len(one.answer)


def test_at_equal_rows_every_arm_has_as_many_and_the_first_ones(arms):
    for arm in (Arm.ANCHORED, Arm.ANCHORED_FULL):
        found = taught(arm, size=9, equal=Equal.ROWS)
        assert len(found.rows) == 9
        assert places(found) == places(arms[arm])[:9]


def test_a_seed_changes_the_pairs_and_none_changes_nothing(arms):
    again, other = taught(Arm.BLIND), taught(Arm.BLIND, seed=1)
    assert again == arms[Arm.BLIND]
    assert not {c.pair.id for c in again.rows} & {c.pair.id for c in other.rows}


def test_thinning_keeps_the_order_and_follows_its_seed(arms):
    rows = arms[Arm.ANCHORED].rows
    kept = thinned(rows, 10, seed=1)
    at = [rows.index(row) for row in kept]
    assert at == sorted(set(at))
    assert len(at) == 10
    assert thinned(rows, 10, seed=1) == kept
    assert thinned(rows, 10, seed=2) != kept
    assert thinned(rows, len(rows) + 1, seed=1) == rows


def test_what_learns_from_no_rationales_has_none():
    for arm in (Arm.BASE, Arm.HEAD):
        with pytest.raises(ConfigError, match="learns from no rationales"):
            taught(arm)


def test_test_pairs_share_no_request_with_training_and_most_are_decisive():
    tests = list(held_out(300))
    known = [truth for _, truth in tests]
    train = {request_key(p.request) for s in (0, 1) for p in islice(Labelled(s), 300)}
    assert not train & {truth.request for truth in known}
    assert [truth.id for truth in known] == [pair.id for pair, _ in tests]
    assert sum(truth.decisive for truth in known) >= 150
    assert all(pair.label is truth.label for pair, truth in tests)
