"""From outcomes of a step's drawings to what each is learned with. Pure, and without torch.

A drawing is learned from if its group passed the filter and it has a reward; the rest is None here
and has no part in the loss.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence

from attrs import frozen

from parrot.backends.diffusers.tune.recipe import Credit, Recipe
from parrot.core.candidates import Drop, Keep
from parrot.core.rewards.advantages import Advantages, clipped, gdpo, grpo, ranked
from parrot.core.rewards.groups import judged_groups
from parrot.core.rewards.values import Outcome, Reward


@frozen(slots=True)
class Credits:
    """advantages: one a drawing, clipped; None is not learned from. groups: how many, by verdict."""

    advantages: Advantages
    groups: Mapping[str, int]

    @property
    def learned(self) -> int:
        """How many drawings are learned from."""
        return sum(one is not None for one in self.advantages)


def credits_of(outcomes: Sequence[Outcome], groups: Sequence[Hashable], recipe: Recipe) -> Credits:
    """Advantages over the groups that stayed; groups that went have no part in any deviation.

    The official scripts key groups by prompt text alone and test the deviation of the whole batch
    where the paper tests the group's, which switches that filter off (`GroupFilter`); a failure is
    0.0 there and normalised with the rest.
    """
    said = _verdicts(outcomes, groups, recipe)
    places = [
        n
        for n, (one, key) in enumerate(zip(outcomes, groups, strict=True))
        if said[key] == "kept" and isinstance(one, Reward)
    ]
    some, keys = [outcomes[n] for n in places], [groups[n] for n in places]
    if recipe.credit is Credit.GDPO:
        found = gdpo(some, keys, weights=recipe.weights)
    elif recipe.credit is Credit.GRPO:
        found = grpo(some, keys)
    else:
        found = ranked(some, keys)
    advantages: list[float | None] = [None] * len(outcomes)
    for n, value in zip(places, clipped(found, recipe.bound), strict=True):
        advantages[n] = value
    counts: dict[str, int] = {}
    for verdict in said.values():
        counts[verdict] = counts.get(verdict, 0) + 1
    return Credits(tuple(advantages), counts)


def _verdicts(
    outcomes: Sequence[Outcome], groups: Sequence[Hashable], recipe: Recipe
) -> dict[Hashable, str]:
    if recipe.keeps is None:
        return dict.fromkeys(groups, "kept")
    found = judged_groups(outcomes, groups, recipe.keeps)
    return {key: _word(one) for key, one in found.items()}


def _word(verdict: object) -> str:
    if isinstance(verdict, Keep):
        return "kept"
    return verdict.reason if isinstance(verdict, Drop) else "unscored"


def chosen(count: int, wanted: int, *, seed: int, step: int) -> tuple[int, ...]:
    """Which of `count` requests a step draws: all come in turn, shuffled anew each time round."""
    out: list[int] = []
    for place in range(step * wanted, (step + 1) * wanted):
        round_, at = divmod(place, count)
        order = list(range(count))
        random.Random(f"parrot-tune/{seed}/{round_}").shuffle(order)
        out.append(order[at])
    return tuple(out)
