"""Claims: what is written is understood, and a judge without errors tells no lie."""

from __future__ import annotations

import pytest
from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.backends.miniature.briefs import Style
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import checks_of
from parrot.backends.miniature.claims import Says, holds, sound_or_flawed, understood
from parrot.backends.miniature.critiquing import detail
from parrot.backends.miniature.editing import attempt_edit, edited, random_edit
from parrot.backends.miniature.errors import LEVELS, ErrorRates
from parrot.backends.miniature.human import utilities
from parrot.backends.miniature.realise import attempt, brief_for, ideal, random_scene, spoiled
from parrot.backends.miniature.requests import prompt_of
from parrot.backends.miniature.telling import KNOWN, Subject, told_of
from parrot.backends.miniature.world import FLAWS, STRENGTHS, Defect, Drawing, Scene
from parrot.core.rubric import rubric_for
from parrot.core.values import Request

seeds = st.integers(0, 10**9)
NONE = ErrorRates(**dict.fromkeys(asdict(LEVELS["low"]), 0.0))


def subject(seed):
    chance = Chance("claims", seed)
    if seed % 2:
        source, brief = random_edit(chance)
        drawing = spoiled(attempt_edit(brief.edit, source, chance), chance)
        return Subject("Image A", drawing, brief, source), chance
    brief = brief_for(random_scene(chance), chance)
    return Subject("Image A", spoiled(attempt(brief, chance), chance), brief, None), chance


@given(seeds)
def test_a_judge_without_errors_tells_no_lie_and_names_a_fault_where_there_is_one(seed):
    one, chance = subject(seed)
    told = told_of(one, KNOWN, NONE, chance)
    poor = {c.dimension for c in one.checks if c.share < 1.0}
    for key in ("text_faithfulness", "image_faithfulness"):
        said = [understood(claim) for claim in told.claims[key]]
        assert (key in poor) is any(s is not None and s.fault for s in said), told.claims[key]
    for claims in told.claims.values():
        assert 1 <= len(claims) <= 3
        for claim in claims:
            assert holds(claim, one.drawing) in (
                (None,) if "the rest is as it was" in claim else (True,)
            ), claim


@given(seeds)
def test_a_judge_without_errors_values_as_the_hidden_human_does(seed):
    one, chance = subject(seed)
    request = Request(prompt_of(one.brief, chance), ("source",) if one.source else ())
    applicable = rubric_for(request).applicable(request)
    told = told_of(one, tuple(k for k in KNOWN if k in applicable), NONE, chance)
    assert told.worth == pytest.approx(utilities(one.brief, one.drawing, applicable, one.source))


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_every_wording_of_a_flaw_is_understood_with_its_strength(flaw, strength):
    defect = Defect(flaw, strength)
    for seed in range(12):
        claim = sound_or_flawed("Image B", defect, Chance(seed))
        said = understood(claim)
        assert (said.says, said.flaw, said.strength, said.fault) == (
            Says.FLAW,
            flaw,
            strength,
            True,
        )
        assert holds(claim, Drawing(Scene(()), defect)) is True
        assert holds(claim, Drawing(Scene(()))) is False


def test_what_is_not_of_the_teachers_kind_is_not_understood():
    for text in ("A castle stands in mist.", "Image A is better.", "The request is plain.", ""):
        assert understood(text) is None
        assert holds(text, Drawing(Scene(()))) is None


@given(seeds)
def test_a_request_in_detail_keeps_every_wish(seed):
    # Any scene that fulfils the detailed request must fulfil the first one wholly.
    one, chance = subject(seed)
    said = detail(one.brief, one.drawing.scene, one.source, chance)
    assert said.style is Style.DETAILED
    assert said.quality
    if one.source is None:
        assert len({w.place for w in said.wants}) == len(said.wants)
        assert None not in {w.place for w in said.wants}
        scene = ideal(evolve(said, background=one.brief.background), chance)
    else:
        scene = edited(said.edit, one.source, chance)
    assert all(c.share == 1.0 for c in checks_of(one.brief, Drawing(scene), one.source))
