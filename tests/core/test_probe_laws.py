"""What probes change and what they leave."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.probes import Probe, probed, shuffled, swapped
from parrot.core.testing.strategies import pairs as some_pairs
from parrot.core.values import Image, PreferencePair, Request, Unloadable

DARK = Image("0" * 64, "image/png", b"dark")


@st.composite
def many(draw):
    words = st.sampled_from(["a cat", "a dog", "a bird"])
    found = [
        evolve(one, id=f"p{n}", request=Request(draw(words), one.request.sources))
        for n, one in enumerate(draw(st.lists(some_pairs(), min_size=1, max_size=8)))
    ]
    return [*found, Unloadable("gone", "no image")]


@given(given=many(), probe=st.sampled_from(Probe))
def test_pairs_and_labels_stay(given, probe):
    seen = list(probed(given, probe, black=lambda _: DARK))
    assert [one.id for one in seen] == [one.id for one in given]
    assert seen[-1] == given[-1]
    for one, before in zip(seen[:-1], given[:-1], strict=True):
        if isinstance(one, PreferencePair):
            assert (one.label, one.both) == (before.label, before.both)
            assert one.request.sources == before.request.sources


@given(given=many())
def test_every_request_is_anothers_of_the_same_task(given):
    pairs = given[:-1]
    for one, before in zip(shuffled(given), pairs, strict=False):
        same = {p.request.prompt for p in pairs if p.request.is_edit == before.request.is_edit}
        if len(same) == 1:
            assert isinstance(one, Unloadable)
        else:
            assert one.request.prompt in same - {before.request.prompt}
            assert (one.image_a, one.image_b) == (before.image_a, before.image_b)


@given(given=many())
def test_the_order_of_pairs_does_not_change_what_each_is_shown(given):
    assert set(map(repr, shuffled(given[::-1]))) == set(map(repr, shuffled(given)))


@given(pair=some_pairs())
def test_swapping_turns_images_and_not_the_label(pair):
    assert swapped(swapped(pair)) == pair
    assert (swapped(pair).image_a, swapped(pair).label) == (pair.image_b, pair.label)
    (dark,) = probed([pair], Probe.BLACK_IMAGE, black=lambda _: DARK)
    assert dark.image_a == dark.image_b == DARK
