"""A policy looked at: the same noise each time, and a KL that is zero at first and exact by step."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `diffusers` is not installed")
pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
pytest.importorskip("peft", reason="the extra `diffusers` is not installed")

import torch
from attrs import evolve

from parrot.backends.diffusers.tune import Recipe, Tuning
from parrot.backends.diffusers.tune.drawing import generator_of
from parrot.backends.diffusers.tune.measuring import SEED, drawn, path_kl
from parrot.core.rewards import Called
from parrot.core.values import Request

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)

pytestmark = pytest.mark.filterwarnings("ignore")
ASKED = (Request("a red circle"), Request("a blue square"))
SMALL = Recipe(
    group=2, prompts=2, guidance=1.0, sampling=3, size=16, words=8, rank=2, batch=2, device="cpu",
    noise=0.5,
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tuning(recipe=SMALL):
    return Tuning(tiny.flux(), "tiny", ASKED, Called(lambda some: [0.5] * len(some)), recipe)


def shaken(made, std=0.1):
    with torch.no_grad():
        for n, one in enumerate(made.policy.weights.values()):
            one.normal_(std=std, generator=torch.Generator().manual_seed(n))
    return made


def test_what_is_drawn_depends_on_the_weights_alone():
    one, other = tuning(), tuning(evolve(SMALL, seed=5, method="grpo"))
    first = drawn(one, ASKED, 2)
    assert [d.request for d in first] == [ASKED[0], ASKED[0], ASKED[1], ASKED[1]]
    assert len({d.image.sha256 for d in first}) == 4
    torch.manual_seed(3)
    assert drawn(other, ASKED, 2) == first
    assert drawn(shaken(one), ASKED, 2) != first
    assert all(weight.grad is None for weight in one.policy.weights.values())


def test_the_kl_is_that_of_normal_steps_summed_along_the_path():
    made = tuning(evolve(SMALL, sampling=2))
    assert path_kl(made, ASKED, 2) == 0.0
    shaken(made)
    found = path_kl(made, ASKED[:1], 2)
    # Two steps, of which the last has no noise: one normal at sigma 1, where every path begins.
    condition = made.flow.condition(ASKED[0], 2)
    source = generator_of(SEED, "measuring", 0)
    noise = torch.randn((2, *condition.shape), generator=source)
    with torch.no_grad():
        now = made.flow.velocity(condition, noise, torch.ones(2))
        with made.policy.frozen():
            then = made.flow.velocity(condition, noise, torch.ones(2))
    first = condition.sigmas[1]
    length, variance = 1.0 - first, 0.5**2 / (1.0 - first)
    # At sigma 1 the velocity's factor is 1: the means differ by the gap times the step.
    each = ((now - then) * length).pow(2).flatten(1).sum(1) / (2.0 * variance * length)
    assert found == pytest.approx(float(each.mean()), rel=1e-4)
    assert found > 0.0


def test_a_policy_that_went_further_is_further_away():
    found = [path_kl(shaken(tuning(), std), ASKED, 2) for std in (0.02, 0.05, 0.1)]
    assert found == sorted(found)
    assert found[0] > 0.0
