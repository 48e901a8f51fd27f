"""Whom a text names: images, and not articles or letters to be seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.naming import called, mirrored_text, named
from parrot.core.values import Label

A, B = Label.A, Label.B
NONE = (
    "In the image a red cat sits on a mat.",
    "The cat makes the picture a bit crowded.",
    "This is the image a customer would want.",
    "A red fox. A bird.",
    "a sign that reads A",
    "the letters A and B on a door",
    "Plan B is taken.",
    "A can of soda on a wooden table, soft light",
    "A departure board where Gate B is open",
    "A vending machine with buttons A and B",
    "a flight from the USA and B",
    "Better: A cat.",
)


@pytest.mark.parametrize("text", NONE)
def test_articles_and_letters_to_be_seen_name_no_image(text: str) -> None:
    assert named(text) == ()
    assert mirrored_text(text) == text


@pytest.mark.parametrize(
    ("text", "sides", "mirrored", "about_a"),
    [
        ("Image B scores a perfect 4", (B,), "Image A scores a perfect 4", None),
        ("Image A is sharper than B", (A, B), "Image B is sharper than A", "X is sharper than B"),
        ("Images A and B differ", (A, B), "Images B and A differ", "X and B differ"),
        (
            "The image A's hands are better than B's",
            (A, B),
            "The image B's hands are better than A's",
            "X's hands are better than B's",
        ),
        ("A shows a cat; B isn't", (A, B), "B shows a cat; A isn't", "X shows a cat; B isn't"),
        ("both A and B", (A, B), "both B and A", "both X and B"),
        ('{"score_a": 3, "score_b": 4}', (A, B), '{"score_b": 3, "score_a": 4}', None),
        ("Winner: A", (A,), "Winner: B", "Winner: X"),
        ("IMAGE A AND B", (A, B), "IMAGE B AND A", "X AND B"),
        ("Images A/B", (A, B), "Images B/A", "X/B"),
        ("A and B are alike", (A, B), "B and A are alike", "X and B are alike"),
        ("It is so; B is not, but A is.", (B, A), "It is so; A is not, but B is.", None),
    ],
)
def test_each_way_of_naming_is_turned_whole(text, sides, mirrored, about_a) -> None:
    assert named(text) == sides
    assert mirrored_text(text) == mirrored
    if about_a is not None:
        assert called(text, A, "X") == about_a


WORDS = st.sampled_from(
    "A B a b image Images than and , 's is shows score _ - the both Winner : ' letters vs. x / are while USA".split()
)


@given(st.lists(st.tuples(WORDS, st.sampled_from(["", " "])), max_size=12))
def test_mirroring_is_its_own_inverse_and_names_the_other_images(words) -> None:
    text = "".join(word + gap for word, gap in words)
    turned = mirrored_text(text)
    assert mirrored_text(turned) == text
    assert named(turned) == tuple(side.mirrored() for side in named(text))
