"""What to do next: pure functions of a history. The runner draws and asks, a policy decides.

Every policy but `Paper` ends with the best draft by the critic's own reward, so none ends below the
first draft by that reward. `Paper` is the control: it does what the paper's text says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final

from attrs import evolve, field, frozen, validators

from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.refine.drafts import Decision, Draft, Draw, History, Stop, Try, Why
from parrot.core.refine.gates import PAPER_LEAST, Gate

RefinePolicy = Callable[[History], Decision]
"""A pure choice of what to do next; a plain function is one."""

_whole = validators.ge(0)
_least = validators.ge(1)


@frozen(slots=True)
class Paper:
    """The paper's rule: any dimension below 3.0 is drawn again once, and the second image stands.

    Nobody looks whether it is better, and the refined request is drawn however it reads, unless it
    is empty (paper 3.2, C.4). Without any score below the bound the first draft stands. A control.
    """

    gate: Gate = field(factory=lambda: Gate(PAPER_LEAST))

    def __call__(self, history: History, /) -> Decision:
        if not history.drafts:
            return Draw((Try(history.request, history.seed),))
        first, last = history.drafts[0], history.drafts[-1]
        if last.id:
            return Stop(_drawn(last, first), Why.REPLACED)
        applicable = history.rubric.applicable(history.request)
        if not (first.drawn and self.gate.below(first, history.rubric, applicable)):
            return Stop(_drawn(first), Why.GOOD if first.drawn else Why.NOTHING_DRAWN)
        text = first.rewrite.request.strip() if first.rewrite else ""
        if not text:
            return Stop(first.id, Why.NO_REQUEST)
        return Draw((Try(evolve(history.request, prompt=text), history.seed),))


def _drawn(*drafts: Draft) -> int | None:
    return next((draft.id for draft in drafts if draft.drawn), None)


@frozen(slots=True)
class KeepBest:
    """Draws, refines the best so far, and ends with the best of all.

    first: drafts of the request as it is, each with a seed of its own. rounds: after those. Each
    round draws `refined` drafts of the best draft's refined request and `fresh` ones of the request
    as it is, with new seeds. patience: rounds without a better draft after which to stop. gate:
    stops once the best draft passes. from_best: refined drafts begin from the best draft's image,
    not from the sources.
    """

    rounds: int = field(default=3, validator=_whole)
    first: int = field(default=1, validator=_least)
    refined: int = field(default=1, validator=_whole)
    fresh: int = field(default=0, validator=_whole)
    patience: int | None = field(default=None, validator=validators.optional(_least))
    gate: Gate | None = None
    from_best: bool = False

    def __attrs_post_init__(self) -> None:
        if self.rounds and not self.refined + self.fresh:
            raise ConfigError("a round draws nothing: give refined or fresh drafts")

    def __call__(self, history: History, /) -> Decision:
        missing = self.first - len(history.drafts)
        if missing > 0:
            seeds = range(history.seed + len(history.drafts), history.seed + self.first)
            return Draw(tuple(Try(history.request, seed) for seed in seeds))
        best = history.best
        reason = self._enough(history, best)
        if reason is not None:
            return Stop(best.id if best else None, reason)
        tries = tuple(self._tries(history))
        if tries:
            return Draw(tries)
        return Stop(best.id, Why.NO_REQUEST) if best else Stop(None, Why.NOTHING_DRAWN)

    def _enough(self, history: History, best: Draft | None) -> Why | None:
        if best is not None and self._passes(best, history):
            return Why.GOOD
        began = history.drafts[self.first - 1].round + 1
        if history.rounds - began >= self.rounds:
            return Why.ROUNDS if best else Why.NOTHING_DRAWN
        if self.patience is not None and history.rounds - began >= self.patience:
            before = history.until(history.rounds - self.patience).best
            if before is not None and best is not None and before.id == best.id:
                return Why.PATIENCE
        return None

    def _passes(self, best: Draft, history: History) -> bool:
        if best.total == 1.0:
            return True
        if self.gate is None:
            return False
        about = (best, history.rubric, history.rubric.applicable(history.request))
        return not (self.gate.unscored(*about) or self.gate.below(*about))

    def _tries(self, history: History) -> Iterator[Try]:
        made = {draft.made for draft in history.drafts}
        better = next((d for d in history.ranked if d.rewrite and not d.rewrite.fault), None)
        if better is not None and better.rewrite is not None:
            request = evolve(history.request, prompt=better.rewrite.request)
            yield from unmade(
                Try(request, history.seed, better.id if self.from_best else None),
                self.refined,
                made,
            )
        yield from unmade(Try(history.request, history.seed), self.fresh, made)


def unmade(like: Try, number: int, made: set[Try]) -> Iterator[Try]:
    """So many tries like this one, with the first seeds not in `made`, which takes them up."""
    seeds = (evolve(like, seed=seed) for seed in count(like.seed))
    for _ in range(number):
        fresh = next(one for one in seeds if one not in made)
        made.add(fresh)
        yield fresh


def best_of(n: int) -> KeepBest:
    """`n` drafts of the request as it is, the best of them wins: no refinement."""
    return KeepBest(rounds=0, first=n)


@frozen(slots=True)
class Bounded:
    """Another policy within bounds: nothing is begun that would go beyond one of them.

    drafts: exact. seconds, tokens, money: a draft is taken to cost as much as the dearest so far;
    one that turns out dearer still is paid. The first draft is always drawn.
    """

    policy: RefinePolicy
    drafts: int | None = field(default=None, validator=validators.optional(_least))
    seconds: float | None = field(default=None, validator=validators.optional(validators.gt(0)))
    tokens: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    money: float | None = field(default=None, validator=validators.optional(validators.gt(0)))

    def __call__(self, history: History, /) -> Decision:
        decision = self.policy(history)
        if isinstance(decision, Stop):
            return decision
        room, reason = self._room(history, len(decision.tries))
        if room:
            return Draw(decision.tries[:room])
        best = history.best
        return Stop(best.id if best else None, reason or Why.DRAFTS)

    def _room(self, history: History, wanted: int) -> tuple[int, Why | None]:
        """How many of the wanted drafts fit, and which bound says so."""
        room, reason = wanted, None
        spent, drafts = history.spent, history.drafts
        if self.drafts is not None and self.drafts - len(drafts) < room:
            room, reason = max(0, self.drafts - len(drafts)), Why.DRAFTS
        for why in (Why.SECONDS, Why.TOKENS, Why.MONEY):
            bound = getattr(self, why.value)
            if bound is None:
                continue
            dearest = max((getattr(d.spent, why.value) for d in drafts), default=None)
            left = bound - getattr(spent, why.value)
            fits = 1 if dearest is None else _times(dearest, left, room)
            if fits < room:
                room, reason = fits, why
        return room, reason


def _times(cost: float, left: float, most: int) -> int:
    if left <= 0:
        return 0
    return most if cost <= 0 else min(most, int(left / cost + 1e-9))


POLICIES: Final = ("keep-best", "paper", "patience", "best-of-n", "mix", "budget")
_ENDLESS: Final = 1000


def policy_named(
    name: str,
    *,
    rounds: int = 3,
    candidates: int = 1,
    seeds: int = 4,
    patience: int = 1,
    gate: Gate | None = None,
    from_best: bool = False,
    drafts: int | None = None,
    seconds: float | None = None,
    tokens: int | None = None,
    money: float | None = None,
) -> RefinePolicy:
    """A policy by its name; bounds hold for every one of them.

    keep-best: `rounds` of `candidates` refined drafts. patience: the same, until `patience` rounds
    brought nothing better. best-of-n: `seeds` drafts. mix: `seeds` drafts, then each round one
    refined and one fresh. budget: refines until a bound is reached. paper: the control. Raises
    UnknownNameError, and ConfigError for a budget without a bound and for a bound that is not above 0.
    """
    bounds = {"drafts": drafts, "seconds": seconds, "tokens": tokens, "money": money}
    bounded = _bounded(bounds)
    policy: RefinePolicy
    match name:
        case "paper":
            policy = Paper(gate or Gate(PAPER_LEAST))
        case "keep-best":
            policy = KeepBest(rounds, refined=candidates, gate=gate, from_best=from_best)
        case "patience":
            policy = KeepBest(rounds, 1, candidates, 0, patience, gate, from_best)
        case "best-of-n":
            policy = best_of(seeds)
        case "mix":
            policy = KeepBest(rounds, seeds, candidates, 1, None, gate, from_best)
        case "budget" if bounded:
            policy = KeepBest(_ENDLESS, refined=candidates, gate=gate, from_best=from_best)
        case "budget":
            raise ConfigError("the policy budget needs a bound: drafts, seconds, tokens or money")
        case _:
            raise UnknownNameError("policy", name, POLICIES)
    if not bounded:
        return policy
    return Bounded(policy, drafts, seconds, tokens, money)


def _bounded(bounds: Mapping[str, float | None]) -> bool:
    for name, value in bounds.items():
        if value is not None and not value > 0:
            raise ConfigError(f"a request's {name} are bounded by more than 0, not {value:g}")
    return any(value is not None for value in bounds.values())
