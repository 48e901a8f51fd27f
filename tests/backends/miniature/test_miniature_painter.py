"""The simulated generator: seeded, never failing on odd requests, and blind to style."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy", reason="the miniature draws with numpy")
pytest.importorskip("PIL", reason="the suite's source image is decoded with Pillow")

from parrot.backends.miniature.briefs import OPS, Brief, Edit, Style, Want
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.draw import decode
from parrot.backends.miniature.editing import random_edit
from parrot.backends.miniature.human import utilities
from parrot.backends.miniature.opening import open_generator
from parrot.backends.miniature.painter import Painter, drawing_for
from parrot.backends.miniature.pairs import image_for
from parrot.backends.miniature.reader import Seen, read
from parrot.backends.miniature.realise import brief_for, random_scene
from parrot.backends.miniature.requests import prompt_of, wording
from parrot.backends.miniature.world import COLOURS, FIGURES, LETTERS, PLACES, SIZES, Drawing
from parrot.core.errors import UnknownNameError
from parrot.core.rubric import rubric_for
from parrot.core.testing.conformance import check_generator
from parrot.core.values import Request


def drawn(prompt, seed, *sources, start=None):
    return asyncio.run(Painter().draw(Request(prompt, sources), seed=seed, start=start))


def seen(image):
    found = read(decode(image.source))
    return found.drawing if isinstance(found, Seen) else None


def test_the_painter_conforms():
    check_generator(Painter, request=Request("a red circle"))


wants = st.builds(
    Want,
    st.sampled_from(FIGURES),
    st.sampled_from(COLOURS),
    st.just(""),
    st.none() | st.sampled_from(SIZES),
    st.none() | st.sampled_from(PLACES),
)


@settings(max_examples=80, deadline=None)
@given(wants=st.lists(wants, min_size=1, max_size=7, unique=True), seed=st.integers(0, 99))
def test_it_draws_what_finds_a_place_and_never_fails(wants, seed):
    prompt = wording(Brief(Style.DETAILED, tuple(wants)))
    assert decode(drawn(prompt, seed).source).shape == (32, 32, 3)


@settings(max_examples=80, deadline=None)
@given(
    scene=st.integers(0, 400),
    op=st.sampled_from(OPS),
    target=wants,
    new=wants,
    place=st.sampled_from(PLACES),
    letter=st.sampled_from(LETTERS),
)
def test_an_edit_that_cannot_be_made_is_drawn_all_the_same(scene, op, target, new, place, letter):
    source = image_for(Drawing(random_scene(Chance("scene", scene))))
    prompt = wording(Brief(Style.TERSE, edit=Edit(op, target, new, place, letter=letter)))
    assert decode(drawn(prompt, scene, source).source).shape == (32, 32, 3)


def test_words_that_it_does_not_know_draw_something():
    assert drawn("an otter at dawn", 1) != drawn("an otter at dawn", 2)
    source, _ = random_edit(Chance("edit", 1))
    assert seen(drawn("make it nicer", 3, image_for(Drawing(source)))).scene == source


def test_an_edit_begins_from_the_start_where_there_is_one():
    one, two = (image_for(Drawing(random_scene(Chance("s", n)))) for n in (1, 2))
    ignored = drawn("make it nicer", 4, one, start=two)
    assert seen(ignored).scene == seen(two).scene


def worth(brief, prompt, seeds):
    request = Request(wording(brief))
    applicable = rubric_for(request).applicable(request)
    found = [drawing_for(Request(prompt), seed) for seed in seeds]
    values = [utilities(brief, drawing, applicable) for drawing in found]
    return {key: sum(v[key] for v in values) / len(values) for key in values[0]}


def test_a_detailed_request_is_drawn_no_better_in_what_a_terse_one_asks():
    """By the truth, over 40 requests of 40 seeds each: the difference is noise."""
    gaps = []
    for number in range(40):
        chance = Chance("worth", number)
        scene = random_scene(chance)
        terse = brief_for(scene, chance, Style.TERSE)
        detailed = prompt_of(brief_for(scene, chance, Style.DETAILED), chance)
        seeds = range(number * 100, number * 100 + 40)
        short = worth(terse, wording(terse), seeds)
        long = worth(terse, detailed + ", sharp and clean", [s + 50 for s in seeds])
        gaps.append(long["text_faithfulness"] - short["text_faithfulness"])
        gaps.append(long["physical_quality"] - short["physical_quality"])
    mean = sum(gaps) / len(gaps)
    assert abs(mean) < 0.02


def test_a_wrong_name_is_refused():
    with pytest.raises(UnknownNameError, match="painter"):
        open_generator("artist")
