"""The sampler's and the losses' mathematics, against closed forms and values worked out by hand."""

import math
from itertools import pairwise

import pytest

pytest.importorskip("torch", reason="the extra `diffusers` is not installed")
pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

import torch

from parrot.backends.diffusers.tune.losses import grpo_terms, nft_loss, step_kl, velocity_gap
from parrot.backends.diffusers.tune.sampling import Step, draw, log_probability, sde_step

SIGMAS = (1.0, 0.75, 0.5, 0.25, 0.0)


def toward(target):
    """The velocity whose ODE ends at the target: (x - target) / sigma."""
    return lambda x, s: (x - target) / s.reshape(-1, *[1] * (x.ndim - 1))


@pytest.mark.parametrize(("sigma", "after"), [(1.0, 0.8), (0.8, 0.5), (0.5, 0.1)])
def test_a_steps_mean_and_variance_are_the_closed_form(sigma, after):
    x, v, a = torch.tensor([[2.0]]), torch.tensor([[0.5]]), 0.7
    step = sde_step(v, x, sigma, after, noise=a, first=0.8)
    s2 = a * a * sigma / (1 - (0.8 if sigma == 1.0 else sigma))
    d = after - sigma
    # The SDE's drift, v + s^2 / (2 sigma) (x + (1 - sigma) v), times the step (Flow-GRPO Eq. 9).
    drift = 0.5 + s2 / (2 * sigma) * (2.0 + (1 - sigma) * 0.5)
    assert float(step.mean) == pytest.approx(2.0 + drift * d, rel=1e-6)
    assert step.deviation == pytest.approx(math.sqrt(s2 * -d), rel=1e-9)


def test_many_draws_of_a_step_have_its_mean_and_variance():
    noise = torch.zeros(40_000, 1)
    made = draw(
        lambda x, s: torch.full_like(x, 0.3),
        noise,
        SIGMAS,
        level=0.7,
        generator=torch.Generator().manual_seed(0),
    )
    said = sde_step(torch.full((1, 1), 0.3), torch.zeros(1, 1), 1.0, 0.75, noise=0.7, first=0.75)
    got = made.latents[1]
    assert float(got.mean()) == pytest.approx(float(said.mean), abs=4 * said.deviation / 200)
    assert float(got.std()) == pytest.approx(said.deviation, rel=0.02)


def test_a_log_probability_is_the_mean_log_density_over_elements():
    step = Step(torch.tensor([[0.0, 1.0]]), 2.0)
    found = log_probability(torch.tensor([[2.0, 1.0]]), step)
    normal = torch.distributions.Normal(step.mean, 2.0)
    assert torch.allclose(found, normal.log_prob(torch.tensor([[2.0, 1.0]])).mean(1))


def test_without_noise_drawing_is_the_odes_euler_walk_and_reaches_its_target():
    noise, target = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)), torch.ones(3)
    made = draw(toward(target), noise, SIGMAS)
    assert torch.allclose(made.latents[-1], target.expand(2, 3), atol=1e-6)
    assert made.noisy_steps == ()
    assert torch.allclose(made.latents[2], (noise + target) / 2, atol=1e-6)


def test_sde_samples_tend_to_the_odes_as_the_noise_goes_to_nought():
    noise = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))

    def velocity(x, s):
        return torch.tanh(x) + s[:, None]

    ode = draw(velocity, noise, SIGMAS).latents[-1]
    off = []
    for level in (0.7, 0.07, 0.007, 0.0007):
        made = draw(
            velocity, noise, SIGMAS, level=level, generator=torch.Generator().manual_seed(2)
        )
        off.append(float((made.latents[-1] - ode).abs().max()))
        assert made.noisy_steps == (0, 1, 2)  # all but the last
    assert all(later < 0.2 * earlier for earlier, later in pairwise(off))
    assert off[-1] < 0.01


def test_the_sde_keeps_the_flows_marginals():
    # Data N(0, 1) and noise N(0, 1): x has variance (1-s)^2 + s^2, and the velocity is known.
    sigmas = tuple(1 - k / 400 for k in range(401))

    def velocity(x, s):
        s = s[:, None]
        return x * (s - (1 - s)) / ((1 - s) ** 2 + s**2)

    noise = torch.randn(4_000, 1, generator=torch.Generator().manual_seed(3))
    made = draw(velocity, noise, sigmas, level=0.7, generator=torch.Generator().manual_seed(4))
    for k in (100, 200, 300, 400):
        s = sigmas[k]
        want = math.sqrt((1 - s) ** 2 + s**2)
        assert float(made.latents[k].std()) == pytest.approx(want, rel=0.06)


def test_the_grpo_loss_is_ppos():
    old = torch.zeros(4)
    new = torch.log(torch.tensor([1.5, 1.5, 0.5, 0.5])).requires_grad_()
    terms = grpo_terms(new, old, torch.tensor([1.0, -1.0, 1.0, -1.0]), clip=0.2)
    assert terms.loss.tolist() == pytest.approx([-1.2, 1.5, -0.5, 0.8])
    assert terms.ratio.tolist() == pytest.approx([1.5, 1.5, 0.5, 0.5])
    terms.loss.sum().backward()
    assert new.grad.tolist() == pytest.approx([0.0, 1.5, -0.5, 0.0])  # clipped ones learn nothing


def test_a_steps_kl_is_that_of_two_normals():
    one, other = Step(torch.tensor([[1.0, 3.0]]), 0.5), Step(torch.tensor([[0.0, 1.0]]), 0.5)
    exact = torch.distributions.kl_divergence(
        torch.distributions.Normal(one.mean, 0.5), torch.distributions.Normal(other.mean, 0.5)
    )
    assert torch.allclose(step_kl(one, other), exact.mean(1))
    assert velocity_gap(one.mean, other.mean).tolist() == [2.5]


def scalar_nft(v, *, r, adaptive, beta=0.5, bound=5.0):
    return nft_loss(
        v,
        torch.tensor([[1.0]]),
        clean=torch.tensor([[0.25]]),
        noised=torch.tensor([[1.0]]),
        sigmas=torch.tensor([0.5]),
        optimality=torch.tensor([r]),
        beta=beta,
        bound=bound,
        adaptive=adaptive,
    )


def test_nfts_loss_and_gradient_are_the_scalar_case_worked_by_hand():
    # old 1, new 2, beta 0.5: v+ = 1.5, v- = 0.5; x+ = 1 - 0.75 = 0.25, off 0; x- = 0.75, off 0.5.
    v = torch.tensor([[2.0]], requires_grad=True)
    loss = scalar_nft(v, r=0.75, adaptive=False)
    # (0.75 * 0 + 0.25 * 0.5^2 / 0.5^2) * 5 / 0.5 = 2.5
    assert float(loss.detach()) == pytest.approx(2.5)
    loss.sum().backward()
    # d/dv: 0.25 * 2 * 0.5 * (sigma beta = 0.25) / 0.25 * 10 = 2.5; the fitting half adds nothing.
    assert float(v.grad) == pytest.approx(2.5)
    w = torch.tensor([[3.0]], requires_grad=True)
    loss = scalar_nft(w, r=0.75, adaptive=True)
    # v+ = 2, x+ = 0, off -0.25, weight 0.25; v- = 0, x- = 1, off 0.75, weight 0.75.
    assert float(loss.detach()) == pytest.approx((0.75 * 0.25 + 0.25 * 0.75) * 10)
    loss.sum().backward()
    # Weights are held fixed: (0.75 * 2 * -0.25 * -0.25 / 0.25 + 0.25 * 2 * 0.75 * 0.25 / 0.75) * 10
    assert float(w.grad) == pytest.approx((0.375 + 0.125) * 10)


def test_nfts_plain_form_is_the_papers_velocity_loss_but_for_its_factor():
    g = torch.Generator().manual_seed(0)
    clean, noise, old, v = (torch.randn(3, 4, generator=g) for _ in range(4))
    s, r = torch.tensor([0.2, 0.5, 0.9]), torch.tensor([0.1, 0.5, 1.0])
    noised = (1 - s[:, None]) * clean + s[:, None] * noise
    found = nft_loss(
        v, old, clean=clean, noised=noised, sigmas=s, optimality=r, beta=0.7, bound=5.0,
        adaptive=False,
    )  # fmt: skip
    true = noise - clean
    good = ((0.3 * old + 0.7 * v - true) ** 2).mean(1)
    bad = ((1.7 * old - 0.7 * v - true) ** 2).mean(1)
    assert torch.allclose(found, (r * good + (1 - r) * bad) * 5.0 / 0.7, rtol=1e-4)


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_on_policy_an_even_reward_has_no_gradient_to_the_last_bit(adaptive, beta):
    v = torch.tensor([[1.0]], requires_grad=True)
    scalar_nft(v, r=0.5, adaptive=adaptive, beta=beta).sum().backward()
    assert float(v.grad) == 0.0
