"""Splits: nothing shared between parts, whatever the order, and shares kept where groups allow."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.errors import ConfigError
from parrot.core.splitting import groups_of, keys_of, parse_shares, parts_of
from parrot.core.values import Image, Label, PreferencePair, Request

keys = st.binary(min_size=1, max_size=1)
items = st.lists(st.lists(keys, min_size=1, max_size=4), max_size=40)
SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}


def connected(items):
    """The plainest form: merge sets until none meet."""
    sets = []
    for n, found in enumerate(items):
        whole = ({n}, set(found))
        for other in [s for s in sets if s[1] & whole[1]]:
            sets.remove(other)
            whole = (whole[0] | other[0], whole[1] | other[1])
        sets.append(whole)
    return {frozenset(members) for members, _ in sets}


@given(items)
def test_groups_are_what_chains_of_shared_keys_connect(items):
    groups = groups_of(items)
    assert {frozenset(g.members) for g in groups} == connected(items)
    for group in groups:
        assert group.key == min(k for n in group.members for k in items[n])


@given(items, st.integers(0, 99), st.randoms(use_true_random=False))
def test_parts_share_no_key_and_do_not_depend_on_order(items, seed, rng):
    parts = parts_of(groups_of(items), SHARES, seed=seed)
    assert set(parts) == set(range(len(items)))
    where = {}
    for n, found in enumerate(items):
        for key in found:
            assert where.setdefault(key, parts[n]) == parts[n]
    order = list(range(len(items)))
    rng.shuffle(order)
    again = parts_of(groups_of([items[n] for n in order]), SHARES, seed=seed)
    assert {n: again[place] for place, n in enumerate(order)} == parts


def test_shares_are_kept_and_seeds_differ():
    rng = random.Random(5)
    items = [[f"{rng.randrange(700)}".encode()] for _ in range(2000)]
    parts = [parts_of(groups_of(items), SHARES, seed=seed) for seed in (0, 0, 1)]
    for name, share in SHARES.items():
        assert abs(list(parts[0].values()).count(name) / 2000 - share) < 0.01
    assert parts[0] == parts[1] != parts[2]


def test_an_item_without_keys_belongs_nowhere():
    assert parts_of(groups_of([[b"a"], []]), {"all": 1.0}, seed=0) == {0: "all"}


def image(name):
    return Image(f"{name:064x}", "image/png", b"")


def pair(prompt, a, b, *sources):
    request = Request(prompt, tuple(map(image, sources)))
    return PreferencePair("p", request, image(a), image(b), Label.A)


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (pair("A cat!", 3, 4), True),  # the same request but for case and marks
        (pair("a dog", 3, 1), True),  # an image
        (pair("a dog", 3, 4, 2), True),  # an image as a source
        (pair("a dog", 3, 4), False),
        (pair("a cat", 3, 4, 5), False),  # the same words about another source
    ],
)
def test_what_ties_pairs_together(other, together):
    first = pair("a cat", 1, 2)
    assert bool(set(keys_of(first)) & set(keys_of(other))) is together


def test_shares_in_words():
    assert parse_shares("train=0.9, test=0.1") == {"train": 0.9, "test": 0.1}


@pytest.mark.parametrize(
    "text", ["train", "train=0.9", "a=0.5,a=0.5", "a=1,b=0", "a=1,../b=0.1", "a=nan", "=1", "a=x"]
)
def test_shares_that_make_no_split_are_refused(text):
    with pytest.raises(ConfigError):
        parse_shares(text)
