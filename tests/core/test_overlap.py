"""Overlap: the near searches miss nothing that comparing all with all would find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.looks import COLOUR_GAP, HASH_BITS, Look, NearLooks, colour_gap
from parrot.core.overlap import Kind, Match, OverlapIndex, Traits, overlap
from parrot.core.texts import NearTexts, likeness, normalised, shingles

words = st.lists(st.sampled_from(["cat", "cats", "dog", "a", "on", "the", "mat"]), max_size=8)
prompts = words.map(" ".join)


@given(st.lists(prompts, max_size=20), prompts, st.floats(0.05, 1.0))
def test_the_text_search_is_exact(texts, text, least):
    index = NearTexts([(t,) for t in {normalised(t) for t in texts}], least)
    own = normalised(text)
    expected = {
        t
        for t in {normalised(t) for t in texts}
        if t != own and likeness(shingles(t), shingles(own)) >= least
    }
    assert {request[-1] for request, _ in index.near((own,))} == expected


hashes = st.integers(0, 2**HASH_BITS - 1)
flips = st.sets(st.integers(0, HASH_BITS - 1), max_size=20)
RAMP = bytes(range(0, 192, 1))


@given(hashes, st.lists(flips, max_size=10), st.integers(0, 31))
def test_the_image_search_is_exact(value, changes, most):
    value |= (1 << HASH_BITS) - (1 << 16)  # full of edges, so that no proportion matters
    others = [value ^ sum(1 << bit for bit in flip) for flip in changes]
    looks = [Look(str(n), h, RAMP) for n, h in enumerate(others)]
    found = {look.sha256 for look, _ in NearLooks(looks, most).near(Look("own", value, RAMP))}
    dense = [min(1.0, (value | h).bit_count() / 96) for h in others]
    expected = {str(n) for n, h in enumerate(others) if (value ^ h).bit_count() <= most * dense[n]}
    assert found == expected


def test_colours_tell_drawings_of_one_shape_apart():
    red, green = bytes([200, 20, 20] * 64), bytes([20, 200, 20] * 64)
    assert colour_gap(red, green) > COLOUR_GAP
    index = NearLooks([Look("1", 2**127, red)], 8)
    assert not list(index.near(Look("2", 2**127, green)))


def test_flat_images_look_like_nothing():
    index = NearLooks([Look("1", None, RAMP)], 31)
    assert not list(index.near(Look("2", None, RAMP)))


def traits(name, prompt="a cat on a mat", images=(), sources=()):
    return Traits(name, prompt, tuple(sources), tuple(images))


FULL = (1 << HASH_BITS) - 1


def found(indexed, other, **options):
    return [(m.kind, m.id) for m in OverlapIndex([indexed], **options).matches(other)]


def test_the_same_is_not_also_near():
    one = traits("e", images=[Look("1", FULL, RAMP)])
    assert found(one, traits("t", "A CAT, on a mat.", [Look("1", FULL, RAMP)])) == [
        (Kind.SAME_REQUEST, "e"),
        (Kind.SAME_IMAGE, "e"),
    ]


def test_the_near_is_found_unless_only_the_same_is_wanted():
    one = traits("e", "a black cat on a red mat", [Look("1", FULL, RAMP)])
    other = traits("t", "a black cat on a red mat!!! please", [Look("2", FULL - 1, RAMP)])
    near = [(Kind.NEAR_REQUEST, "e"), (Kind.NEAR_IMAGE, "e")]
    assert found(one, other, near_text=0.7) == near
    assert found(one, other, near_text=0.9, near_image=0) == []
    assert found(one, other, near_text=None, near_image=None) == []


def test_an_instruction_is_shared_only_with_its_source():
    one = traits("e", "make it blue", sources=["s1"])
    assert found(one, traits("t", "make it blue", sources=["s1"])) == [(Kind.SAME_REQUEST, "e")]
    assert found(one, traits("t", "make it blue", sources=["s2"])) == []
    assert found(one, traits("t", "make it blue")) == []


def test_the_best_match_of_each_kind_is_kept():
    evals = [traits("e1", "a cat on a mat in the sun"), traits("e2", "something else")]
    trains = [
        traits("t1", "a cat on a mat in the sun too"),
        traits("t2", "a cat on a mat in the sun"),
        traits("t3", "a cat on a mat in the sunn"),
    ]
    result = overlap(OverlapIndex(evals), trains)
    assert (result.indexed, result.streamed, result.touched) == (2, 3, 1)
    same, near = result.best
    assert same == Match(Kind.SAME_REQUEST, "e1", "t2")
    assert (near.kind, near.other) == (Kind.NEAR_REQUEST, "t3")
    assert result.counts["near-request"] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("A  Cat,\non a mat.", "a cat on a mat"), ("Ｃａｆé", "CAFÉ"), ("snake_case", "snake case")],
)
def test_normal_form_drops_case_marks_and_blanks(one, other):
    assert normalised(one) == normalised(other)


def test_any_text_has_shingles():
    assert shingles("") == shingles("!?") != frozenset()
    assert likeness(frozenset(), frozenset()) == 1.0
