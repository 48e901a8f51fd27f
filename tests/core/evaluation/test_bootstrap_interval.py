"""The interval: seeded, blind to order, honest about clusters, and covering."""

from __future__ import annotations

import random
from math import comb, sqrt

import pytest

from parrot.core.evaluation import bootstrap, bootstrap_interval


def flips(n, p, rng):
    return [(float(rng.random() < p), 1) for _ in range(n)]


def test_the_seed_decides():
    tallies = flips(200, 0.6, random.Random(1))
    assert bootstrap_interval(tallies, seed=3) == bootstrap_interval(tallies, seed=3)
    assert bootstrap_interval(tallies, seed=3) != bootstrap_interval(tallies, seed=4)


def test_global_randomness_is_left_alone():
    random.seed(5)
    before = random.getstate()
    bootstrap_interval([(1.0, 1), (0.0, 1)], resamples=10)
    assert random.getstate() == before


def test_the_order_of_clusters_does_not_matter():
    tallies = flips(50, 0.6, random.Random(1))
    assert bootstrap_interval(tallies[::-1]) == bootstrap_interval(tallies)


def test_it_covers_about_as_often_as_it_says():
    rng = random.Random(7)
    truth = 0.7
    hits = 0
    for trial in range(300):
        low, high = bootstrap_interval(flips(120, truth, rng), seed=trial, resamples=300)
        hits += low <= truth <= high
    assert 0.91 <= hits / 300 <= 0.985


def test_it_is_as_wide_as_the_binomial_says():
    low, high = bootstrap_interval([(1.0, 1)] * 700 + [(0.0, 1)] * 300, seed=1)
    half = 1.96 * sqrt(0.7 * 0.3 / 1000)
    assert low == pytest.approx(0.7 - half, abs=0.004)
    assert high == pytest.approx(0.7 + half, abs=0.004)


def test_pairs_of_one_request_do_not_count_as_independent():
    apart = bootstrap_interval([(1.0, 1)] * 60 + [(0.0, 1)] * 40, seed=1)
    together = bootstrap_interval([(10.0, 10)] * 6 + [(0.0, 10)] * 4, seed=1)
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_clusters_of_unlike_size_are_weighed_by_it():
    low, high = bootstrap_interval([(0.0, 1), (99.0, 99)], seed=1, resamples=400)
    assert (low, high) == (0.0, 1.0)
    assert bootstrap_interval([(0.5, 1)] * 9) == (0.5, 0.5)


@pytest.mark.parametrize("tallies", [[], [(1.0, 1)], [(1.0, 1), (0.0, 0)], [(0.0, 0), (0.0, 0)]])
def test_fewer_than_two_clusters_have_no_interval(tallies):
    assert bootstrap_interval(tallies) is None


def test_resamples_without_a_count_are_no_zeros():
    low, _ = bootstrap_interval([(1.0, 1), (1.0, 1), *[(0.0, 0)] * 8], seed=2)
    assert low == 1.0


def test_the_short_way_through_kinds_gives_the_same_interval():
    tallies = [(1.0, 1)] * 3000 + [(0.0, 1)] * 1500 + [(1.0, 2)] * 500
    packed = sorted(bootstrap._packed(*one) for one in tallies)
    quick, slow = random.Random(1), random.Random(1)
    kinds = sorted({one: packed.count(one) for one in set(packed)}.items())
    drawn = sorted(
        bootstrap._ratio(bootstrap._multinomial(quick, len(packed), kinds)) for _ in range(800)
    )
    direct = sorted(bootstrap._ratio(sum(slow.choices(packed, k=len(packed)))) for _ in range(800))
    for at in (20, 200, 400, 600, 779):
        assert drawn[at] == pytest.approx(direct[at], abs=0.002)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (13, 0.5), (40, 0.05), (40, 0.97)])
def test_binomial_draws_have_the_binomial_distribution(n, p):
    rng = random.Random(11)
    draws = [bootstrap._binomial(rng, n, p) for _ in range(8000)]
    for hits in range(n + 1):
        expected = comb(n, hits) * p**hits * (1 - p) ** (n - hits)
        spread = sqrt(expected * (1 - expected) / 8000)
        assert draws.count(hits) / 8000 == pytest.approx(expected, abs=5 * spread + 1e-4)
