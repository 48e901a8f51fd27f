"""Whether groups of drawings agree on where to go: NFT's gradient under the true utility, by edit.

    python tests/benchmarks/bench_tune_signal.py GENERATOR [REQUESTS] [LEVEL...]

For each kind of edit: true utility, its deviation inside groups, and the mean inner product of two
groups' gradients over their mean square (0: they have nothing in common, 1: they are one), with the
standard error of that mean. LEVEL: noise levels by place in a schedule of four, 0 the noisiest.
"""

import sys
from statistics import fmean, pstdev

import torch

from parrot.backends.diffusers.tune import Options, Recipe, load
from parrot.backends.diffusers.tune.drawing import generator_of, sheets_of
from parrot.backends.diffusers.tune.flows import flow_of
from parrot.backends.diffusers.tune.losses import nft_loss
from parrot.backends.diffusers.tune.policy import Policy
from parrot.backends.miniature.briefs import Op
from parrot.backends.miniature.tuned import WORDS, Truth, tuned_on
from parrot.backends.miniature.world import SIDE
from parrot.core.rewards.advantages import optimality

GROUP, BOUND, LEAST = 8, 5.0, 0.05


def gradient(flow, policy, sheet, worth, place, at):
    """Of one group's NFT loss on policy, with one noise for the group, as one vector."""
    clean = sheet.way.latents[-1]
    level = sheet.condition.sigmas[at]
    source = generator_of(0, "signal", place)
    noise = torch.randn((1, *clean.shape[1:]), generator=source).expand(clean.shape)
    noised, sigmas = (1.0 - level) * clean + level * noise, torch.full((len(clean),), level)
    velocity = flow.velocity(sheet.condition, noised, sigmas)
    middle, spread = fmean(worth), pstdev(worth)
    advantages = [(one - middle) / spread for one in worth]
    loss = nft_loss(
        velocity,
        velocity.detach(),
        clean=clean,
        noised=noised,
        sigmas=sigmas,
        optimality=torch.tensor(optimality(advantages, BOUND)),
        beta=1.0,
        bound=BOUND,
    )
    # At the beginning the other half of every adapter has no gradient.
    halves = [one for name, one in policy.weights.items() if "lora_B" in name]
    found = torch.autograd.grad(loss.sum(), halves, allow_unused=True)
    return torch.cat([one.flatten() for one in found if one is not None])


def agreement(gradients):
    """The mean of inner products over pairs of groups, its standard error, both over mean squares."""
    products = gradients @ gradients.T
    count, squares = len(gradients), products.diagonal().mean()
    apart = products[~torch.eye(count, dtype=torch.bool)]
    error = apart.std() / (count * (count - 1) / 2) ** 0.5
    return float(apart.mean() / squares), float(error / squares)


def told(name, gradients):
    value, error = agreement(torch.stack(gradients))
    print(f"  {name}: {len(gradients)} groups, agreement {value:+.4f} (error {error:.4f})")


def main(folder, requests="10", *levels):
    torch.set_num_threads(1)
    pipeline, _ = load(folder, Options(device="cpu"))
    policy = Policy(pipeline.transformer, rank=16, seed=0)
    flow = flow_of(pipeline, guidance=1.0, size=SIDE, words=WORDS)
    count, places = int(requests), [int(one) for one in levels] or [0]
    recipe = Recipe(
        group=GROUP, prompts=count, guidance=1.0, sampling=4, size=SIDE, words=WORDS, batch=GROUP
    )
    every = {at: [] for at in places}
    for op in Op:
        wishes = list(tuned_on(count, op))
        truth = Truth(wishes)
        sheets = sheets_of(flow, policy, [one.request for one in wishes], recipe, 0)
        worths = [truth(sheet.drawings) for sheet in sheets]
        mean = fmean(one for worth in worths for one in worth)
        print(
            f"{op}: true utility {mean:.3f}, deviation in a group {fmean(map(pstdev, worths)):.3f}"
        )
        apart = [
            (k, s, w)
            for k, (s, w) in enumerate(zip(sheets, worths, strict=True))
            if pstdev(w) > LEAST
        ]
        for at in places:
            found = [gradient(flow, policy, s, w, k, at) for k, s, w in apart]
            every[at] += found
            told(f"level {at}", found)
    for at, found in every.items():
        print("all kinds together")
        told(f"level {at}", found)


if __name__ == "__main__":
    main(*sys.argv[1:])
