"""The order of training examples: whole, drawn anew each epoch, alike lengths together."""

import pytest

pytest.importorskip("torch")

from hypothesis import given
from hypothesis import strategies as st

from parrot.backends.torch.ordering import Order, order

LENGTHS = st.lists(st.integers(0, 500), max_size=200)


@given(LENGTHS, st.integers(1, 20), st.integers(0, 9), st.integers(0, 9))
def test_every_example_comes_once_an_epoch(lengths, step, seed, epoch):
    drawn = order(lengths, step=step, seed=seed, epoch=epoch)
    assert sorted(drawn) == list(range(len(lengths)))
    assert drawn == order(lengths, step=step, seed=seed, epoch=epoch)


def test_epochs_and_seeds_are_drawn_apart():
    lengths = list(range(100))
    made = {tuple(order(lengths, step=4, seed=s, epoch=e)) for s in range(3) for e in range(3)}
    assert len(made) == 9


def test_a_step_learns_from_examples_of_about_one_length():
    lengths = [(n * 37) % 101 for n in range(320)]
    drawn = order(lengths, step=8, seed=0, epoch=0)
    steps = [drawn[k : k + 8] for k in range(0, 320, 8)]
    spans = [max(lengths[i] for i in s) - min(lengths[i] for i in s) for s in steps]
    assert sum(spans) / len(spans) < 25  # drawn blindly it is about 80
    assert [lengths[s[0]] for s in steps] != sorted(lengths[s[0]] for s in steps)


def test_a_sampler_goes_on_to_the_epoch_it_is_told():
    one = Order([3, 1, 2, 5, 4], step=2, seed=7)
    first = list(one)
    one.set_epoch(1)
    assert len(one) == 5
    assert list(one) == order([3, 1, 2, 5, 4], step=2, seed=7, epoch=1) != first
