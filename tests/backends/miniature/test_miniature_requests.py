"""Requests: words and briefs say the same; styles are balanced; checks find what is wrong."""

from __future__ import annotations

from collections import Counter

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.backends.miniature.briefs import Op, Style
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import checks_of
from parrot.backends.miniature.editing import edited, random_edit
from parrot.backends.miniature.human import overall, utilities
from parrot.backends.miniature.realise import brief_for, ideal, random_scene
from parrot.backends.miniature.redrawn import wishes
from parrot.backends.miniature.requests import brief_of, prompt_of
from parrot.backends.miniature.world import COLOURS, Drawing, Scene, Shape
from parrot.core.judgements import request_key
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE, asks_for_text
from parrot.core.values import Request

seeds = st.integers(0, 10**9)


@given(seeds)
def test_a_drawing_request_reads_back_and_its_ideal_scene_is_perfect(seed):
    chance = Chance("requests", seed)
    brief = brief_for(random_scene(chance), chance)
    assert brief_of(prompt_of(brief, chance), is_edit=False) == brief
    scene = ideal(brief, chance)
    assert all(c.share == 1.0 for c in checks_of(brief, Drawing(scene)))


@given(seeds)
def test_an_edit_request_reads_back_and_its_goal_is_perfect(seed):
    chance = Chance("edits", seed)
    source, brief = random_edit(chance)
    assert brief_of(prompt_of(brief, chance), is_edit=True) == brief
    goal = edited(brief.edit, source, chance)
    assert goal != source
    assert all(c.share == 1.0 for c in checks_of(brief, Drawing(goal), source))
    undone = checks_of(brief, Drawing(source), source)
    assert min(c.share for c in undone) < 1.0


@given(seeds)
def test_any_single_mistake_costs_something_and_never_pays(seed):
    chance = Chance("mistakes", seed)
    brief = brief_for(random_scene(chance), chance, Style.DETAILED)
    scene = ideal(brief, chance)
    every = TEXT_TO_IMAGE.applicable(Request(prompt_of(brief, chance)))
    best = overall(utilities(brief, Drawing(scene), every))
    for k, item in enumerate(scene.items):
        others = (*scene.items[:k], *scene.items[k + 1 :])
        recoloured = evolve(item, colour=chance.other(COLOURS, item.colour))
        for worse in (
            Scene(others, scene.background),
            Scene((*others, recoloured), scene.background),
        ):
            assert overall(utilities(brief, Drawing(worse), every)) < best == 1.0


@given(seeds)
def test_text_rendering_applies_exactly_where_a_letter_is_wanted(seed):
    # The rubric decides by the words; the truth must mean the same.
    chance = Chance("letters", seed)
    brief = brief_for(random_scene(chance), chance)
    wanted = any(w.shape is Shape.LETTER for w in brief.wants)
    assert asks_for_text(Request(prompt_of(brief, chance))) is wanted
    source, brief = random_edit(chance)
    edit = brief.edit
    named = [w for w in (edit.target, edit.new) if w]
    prompt = prompt_of(brief, chance)
    assert asks_for_text(Request(prompt)) is any(w.shape is Shape.LETTER for w in named)
    if asks_for_text(Request(prompt)):
        assert any(
            c.dimension == "text_rendering" for c in checks_of(brief, Drawing(source), source)
        )


def test_styles_are_balanced_so_that_rarity_and_meaning_do_not_mix():
    chance = Chance("styles")
    briefs = [brief_for(random_scene(chance), chance) for _ in range(6000)]
    kinds = Counter((b.style, bool(b.background), b.quality) for b in briefs)
    count = Counter(b.style for b in briefs)
    bare = kinds[Style.TERSE, False, False]
    assert abs(bare / count[Style.DETAILED] - 1) < 0.1
    for suffix in ((True, False), (False, True), (True, True)):
        terse, detailed = (kinds[s, *suffix] / count[s] for s in (Style.TERSE, Style.DETAILED))
        assert abs(terse - detailed) < 0.03


def test_every_edit_and_numbers_of_things_occur():
    chance = Chance("variety")
    ops = Counter(random_edit(chance)[1].edit.op for _ in range(700))
    assert set(ops) == set(Op)
    prompts = [prompt_of(brief_for(random_scene(chance), chance), chance) for _ in range(500)]
    assert any(p.startswith(("two ", "a picture of two ")) or " two " in p for p in prompts)


def test_a_prompt_of_another_world_is_no_brief():
    assert brief_of("a castle at dawn", is_edit=False) is None
    assert brief_of("make it rain", is_edit=True) is None


def test_an_edit_is_judged_on_what_should_stay():
    chance = Chance("stay")
    source, brief = random_edit(chance)
    while brief.edit.op is not Op.BACKGROUND or len(source.items) < 2:
        source, brief = random_edit(chance)
    goal = edited(brief.edit, source, chance)
    every = IMAGE_EDIT.applicable(Request(prompt_of(brief, chance), ("source",)))
    poorer = Drawing(evolve(goal, items=goal.items[1:]))
    good, bad = (utilities(brief, d, every, source) for d in (Drawing(goal), poorer))
    assert good["image_faithfulness"] == 1.0 > bad["image_faithfulness"]
    assert good["text_faithfulness"] == bad["text_faithfulness"] == 1.0


def test_no_two_wishes_ask_the_same():
    some = list(wishes(300))
    assert len({request_key(one.request) for one in some}) == 300
    assert [one.id for one in wishes(20)] == [one.id for one in some[:20]]
