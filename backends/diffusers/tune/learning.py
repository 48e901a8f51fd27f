"""A step's second half: gradients of what was drawn and scored. One update is one optimizer step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import torch
from attrs import define, field, frozen

from parrot.backends.diffusers.tune.drawing import Sheet, generator_of
from parrot.backends.diffusers.tune.flows import Condition, Flow
from parrot.backends.diffusers.tune.losses import grpo_terms, nft_loss, step_kl, velocity_gap
from parrot.backends.diffusers.tune.policy import Policy
from parrot.backends.diffusers.tune.recipe import Method, Recipe
from parrot.backends.diffusers.tune.sampling import Trajectory, log_probability
from parrot.core.rewards.advantages import Advantages, optimality


@frozen(slots=True, eq=False)
class Part:
    """Members of one sheet that an update learns from. rows: which; advantages: (rows,)."""

    sheet: Sheet
    rows: torch.Tensor
    advantages: torch.Tensor


@define(slots=True)
class Figures:
    """Sums over members and levels; `mean` is what the log shows."""

    sums: dict[str, float] = field(factory=dict)
    counts: dict[str, int] = field(factory=dict)
    off: float = 0.0
    """The largest |ratio - 1|."""

    def add(self, **values: torch.Tensor) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach().sum())
            self.counts[name] = self.counts.get(name, 0) + len(value)

    @property
    def mean(self) -> Mapping[str, float]:
        return {name: value / self.counts[name] for name, value in self.sums.items()}


def parts_of(sheets: Sequence[Sheet], advantages: Advantages) -> list[Part]:
    """The members that have an advantage, sheet by sheet; a sheet without any has no part."""
    out: list[Part] = []
    at = 0
    for sheet in sheets:
        own = advantages[at : at + len(sheet.pictures)]
        at += len(sheet.pictures)
        rows = [n for n, one in enumerate(own) if one is not None]
        if rows:
            device = sheet.way.latents[0].device
            values = [one for one in own if one is not None]
            out.append(
                Part(
                    sheet,
                    torch.tensor(rows, device=device),
                    torch.tensor(values, dtype=torch.float32, device=device),
                )
            )
    return out


def learn(
    flow: Flow,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    parts: Sequence[Part],
    recipe: Recipe,
    step: int,
) -> Mapping[str, float]:
    """All updates of a step over its parts, in a drawn order; returns means for the log."""
    figures, norms = Figures(), []
    order = torch.randperm(len(parts), generator=generator_of(recipe.seed, "order", step)).tolist()
    updates = min(recipe.updates, len(parts))
    for update in range(updates):
        mine = [parts[k] for k in order[update::updates]]
        whole = sum(len(part.rows) for part in mine)
        for place, part in enumerate(mine):
            source = generator_of(recipe.seed, "levels", step, update, place)
            terms = _nft if recipe.method is Method.NFT else _grpo
            for loss, levels in terms(flow, policy, part, recipe, source, figures):
                (loss.sum() / (whole * levels)).backward()
        norm = torch.nn.utils.clip_grad_norm_(list(policy.weights.values()), recipe.gradient)
        norms.append(float(norm))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    found = {**figures.mean, "gradient": sum(norms) / len(norms)}
    return {**found, "ratio_off": figures.off} if recipe.method is Method.GRPO else found


def _nft(
    flow: Flow,
    policy: Policy,
    part: Part,
    recipe: Recipe,
    generator: torch.Generator,
    figures: Figures,
) -> Iterator[tuple[torch.Tensor, int]]:
    """Losses (rows,) at noise levels of the schedule, each member at its own, and how many."""
    condition = part.sheet.condition
    clean = part.sheet.way.latents[-1][part.rows]
    worth = optimality(part.advantages.tolist(), recipe.bound)
    r = torch.tensor([one for one in worth if one is not None], device=clean.device)
    known = torch.tensor(condition.sigmas[:-1])
    levels = min(recipe.levels or len(known) - 1, len(known))
    order = _order(len(clean), len(known), recipe, generator)[:, :levels]
    for k in range(levels):
        at = known[order[:, k]].to(clean.device)
        kinds = 1 if recipe.shared_noise else len(clean)
        noise = torch.randn((kinds, *clean.shape[1:]), generator=generator).to(clean.device)
        share = at.reshape(-1, *[1] * (clean.ndim - 1))
        noised = (1.0 - share) * clean + share * noise
        old = None if policy.on_policy else _by(policy.sampling(), flow, condition, noised, at)
        reference = _by(policy.frozen(), flow, condition, noised, at) if recipe.kl_weight else None
        velocity = flow.velocity(condition, noised, at)
        if old is None:
            old = velocity.detach()
        loss = nft_loss(
            velocity,
            old,
            clean=clean,
            noised=noised,
            sigmas=at,
            optimality=r,
            beta=recipe.beta,
            bound=recipe.bound,
        )
        figures.add(loss=loss, away=velocity_gap(velocity, old))
        if reference is not None:
            gap = velocity_gap(velocity, reference)
            figures.add(kl=gap)
            loss = loss + recipe.kl_weight * gap
        yield loss, levels


def _order(members: int, known: int, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """(members, known): the noise levels, by place in the schedule, in the order to be learned at."""
    drawn = torch.rand(1 if recipe.shared_noise else members, known, generator=generator).argsort(1)
    order = torch.arange(known)[None] if recipe.noisiest else drawn
    return order.expand(members, known)


def _by(
    policy: AbstractContextManager[None],
    flow: Flow,
    condition: Condition,
    noised: torch.Tensor,
    at: torch.Tensor,
) -> torch.Tensor:
    """The velocity of another policy than the one in training."""
    with policy:
        return flow.velocity(condition, noised, at)


def _grpo(
    flow: Flow,
    policy: Policy,
    part: Part,
    recipe: Recipe,
    generator: torch.Generator,
    figures: Figures,
) -> Iterator[tuple[torch.Tensor, int]]:
    """Losses (rows,) at steps of the drawing that had noise, and how many."""
    condition, way = part.sheet.condition, part.sheet.way
    steps = torch.tensor(way.noisy_steps)
    levels = min(recipe.levels or len(steps), len(steps))
    for k in steps[torch.randperm(len(steps), generator=generator)[:levels]].tolist():
        mine = _of_rows(way, k, part.rows)
        here, after, old = mine.latents[k], mine.latents[k + 1], mine.log_probabilities[k]
        at = torch.full((len(here),), way.sigmas[k], device=here.device)
        with policy.frozen():
            reference = flow.velocity(condition, here, at)
        velocity = flow.velocity(condition, here, at)
        now = mine.step(velocity, k)
        assert old is not None
        terms = grpo_terms(log_probability(after, now), old, part.advantages, clip=recipe.clip)
        kl = step_kl(now, mine.step(reference, k))
        outside = ((terms.ratio - 1.0).abs() > recipe.clip).float()
        figures.add(loss=terms.loss, kl=kl, gap=velocity_gap(velocity, reference), clipped=outside)
        figures.off = max(figures.off, float((terms.ratio - 1.0).detach().abs().max()))
        yield terms.loss + recipe.kl_weight * kl, levels


def _of_rows(way: Trajectory, k: int, rows: torch.Tensor) -> Trajectory:
    """The way of some members, as far as step k needs it."""
    latents = tuple(one[rows] if n in {k, k + 1} else one for n, one in enumerate(way.latents))
    said = tuple(
        one[rows] if n == k and one is not None else one
        for n, one in enumerate(way.log_probabilities)
    )
    return Trajectory(way.sigmas, way.noise, latents, said)
