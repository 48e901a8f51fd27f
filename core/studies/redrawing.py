"""What refinement is held against: arms that draw as often without a critic's words, as policies.

A study draws every arm's drafts once; which of them each way of choosing would have ended with is
read off the drafts afterwards, so that all of them are compared on the same drawings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from attrs import asdict, evolve, field, frozen, validators

from parrot.core.errors import ConfigError, RecordError
from parrot.core.refine.drafts import Decision, Draw, History, Stop, Try, Why
from parrot.core.refine.policies import Paper, RefinePolicy, unmade

SCHEMA: Final = 1


class Arm(StrEnum):
    """How the drafts after the first come about; of REFINED and LAST_REFINED by the critic's words."""

    NEW_SEED = "new-seed"  # the request as it is, with other seeds
    SUFFIX = "suffix"  # the request with words that ask for quality alone
    BLIND = "blind"  # the critic's better request when it is shown no drawing
    REFINED = "refined"  # the better request of the best draft so far
    LAST_REFINED = "last-refined"  # that of the last draft, whether it is better or not
    PAPER = "paper"  # one round where a score is below 3, and the second draft stands


class Pick(StrEnum):
    """Which draft is taken."""

    FIRST = "first"
    LAST = "last"
    KEEP_BEST = "keep-best"  # the best by the critic's reward
    ORACLE = "oracle"  # the best by the truth, which no policy sees: an upper bound


@frozen(slots=True)
class Reworded:
    """The request as it is once, then other words for it with new seeds, whatever comes of it."""

    words: str
    rounds: int = field(validator=validators.ge(0))

    def __call__(self, history: History, /) -> Decision:
        if not history.drafts:
            return Draw((Try(history.request, history.seed),))
        if history.rounds > self.rounds:
            return Stop(history.best.id if history.best else None, Why.ROUNDS)
        request = evolve(history.request, prompt=self.words)
        made = {draft.made for draft in history.drafts}
        return Draw(tuple(unmade(Try(request, history.seed), 1, made)))


@frozen(slots=True)
class Refined:
    """Refines a draft in every round, however good it is: the best so far, or the last, better or not.

    A policy for use stops at a draft without a fault; here that would leave other arms more drafts.
    """

    rounds: int = field(validator=validators.ge(0))
    last: bool = False

    def __call__(self, history: History, /) -> Decision:
        if not history.drafts:
            return Draw((Try(history.request, history.seed),))
        best = history.best
        of = history.drafts[-1] if self.last else best
        if history.rounds > self.rounds:
            return Stop(best.id if best else None, Why.ROUNDS)
        if of is None or of.rewrite is None or of.rewrite.fault:
            return Stop(best.id if best else None, Why.NO_REQUEST)
        request = evolve(history.request, prompt=of.rewrite.request)
        made = {draft.made for draft in history.drafts}
        return Draw(tuple(unmade(Try(request, history.seed), 1, made)))


def policy_of(arm: Arm, *, prompt: str, suffix: str, blind: str, rounds: int) -> RefinePolicy:
    """An arm's policy for one request. suffix: put behind it; blind: the critic's words for it."""
    if arm is Arm.PAPER:
        return Paper()
    if arm in (Arm.REFINED, Arm.LAST_REFINED):
        return Refined(rounds, last=arm is Arm.LAST_REFINED)
    words = {Arm.NEW_SEED: prompt, Arm.SUFFIX: prompt + suffix, Arm.BLIND: blind}
    return Reworded(words[arm], rounds)


@frozen(slots=True)
class Run:
    """One request under one arm and seed, a value a draft.

    rewards: the critic's, None where it gave none; truths: true utilities, in [0, 1]; unread: drafts
    that the reader could make nothing of, whose truth is 0; winner: the draft that the policy ended
    with; tokens: the critic's.
    """

    request: str
    rewards: tuple[float | None, ...]
    truths: tuple[float, ...] = field(validator=validators.min_len(1))
    winner: int | None = None
    unread: int = 0
    tokens: int = 0

    def picked(self, pick: Pick, rounds: int) -> int:
        """The draft that this way of choosing has after so many rounds."""
        drafts = range(min(rounds + 1, len(self.truths)))
        if pick is Pick.FIRST:
            return 0
        if pick is Pick.ORACLE:
            return max(drafts, key=lambda k: (self.truths[k], -k))
        if pick is Pick.LAST:
            return drafts[-1]
        return min(drafts, key=lambda k: (self.rewards[k] is None, -(self.rewards[k] or 0.0), k))


@frozen(slots=True)
class Drawn:
    """All requests of one arm and seed: one line of a study's results."""

    arm: Arm = field(converter=Arm)
    seed: int
    runs: tuple[Run, ...] = field(repr=False)
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return cell_id(self.arm, self.seed)


def cell_id(arm: Arm, seed: int) -> str:
    """The name of one line of results."""
    return f"{arm}-seed{seed}"


def drawn_to_record(drawn: Drawn) -> dict[str, Any]:
    """The line as plain data."""
    return {"schema": SCHEMA, "id": drawn.id, **asdict(drawn)}


def drawn_from_record(record: Mapping[str, Any]) -> Drawn:
    """The inverse. Raises RecordError naming the field."""
    try:
        runs = tuple(_run(one) for one in record["runs"])
        return Drawn(record["arm"], int(record["seed"]), runs, float(record["seconds"]))
    except KeyError as error:
        raise RecordError("is absent", field=str(error.args[0])) from None
    except (TypeError, ValueError) as error:
        raise RecordError(str(error)) from None


def _run(record: Mapping[str, Any]) -> Run:
    return Run(
        str(record["request"]),
        tuple(None if one is None else float(one) for one in record["rewards"]),
        tuple(float(one) for one in record["truths"]),
        record["winner"],
        int(record["unread"]),
        int(record["tokens"]),
    )


def by_arm(results: Sequence[Drawn]) -> dict[Arm, list[Drawn]]:
    """Results in the order of the arms, and of the seeds within one."""
    return {
        arm: sorted((one for one in results if one.arm is arm), key=lambda one: one.seed)
        for arm in Arm
        if any(one.arm is arm for one in results)
    }


def matched(better: Sequence[Drawn], than: Sequence[Drawn]) -> Iterator[tuple[Drawn, Drawn]]:
    """Results of two arms seed by seed. Raises ConfigError where their requests differ."""
    others = {one.seed: one for one in than}
    for one in better:
        other = others.get(one.seed)
        if other is None:
            continue
        if [r.request for r in one.runs] != [r.request for r in other.runs]:
            raise ConfigError(f"{one.id} and {other.id} drew other requests")
        yield one, other
