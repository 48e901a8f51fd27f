"""What a run of refinement has made so far, and what may be decided about it. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from attrs import field, frozen, validators

from parrot.core.asks import Failed
from parrot.core.critiques import Critique
from parrot.core.rewards.values import Outcome, Reward
from parrot.core.rubric import Rubric
from parrot.core.values import Image, Request


@frozen(slots=True)
class Try:
    """One drawing to be made. start: id of the draft to begin from; None begins from the sources."""

    request: Request
    seed: int = field(validator=validators.ge(0))
    start: int | None = None


@frozen(slots=True)
class Spent:
    """What drawing and critique have cost. tokens: prompt and completion together."""

    drafts: int = 0
    seconds: float = 0.0
    tokens: int = 0
    money: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.drafts + other.drafts,
            self.seconds + other.seconds,
            self.tokens + other.tokens,
            self.money + other.money,
        )


class Fault(StrEnum):
    """Why a refined request is not drawn."""

    EMPTY = "empty"
    UNCHANGED = "unchanged"
    TOO_LONG = "too_long"
    CRITIQUE = "critique"  # it is the critique, or holds a part of it
    LOST = "lost"  # it lacks a wish of the original
    UNCHECKED = "unchecked"  # the model that was to check it gave no answer


@frozen(slots=True)
class Rewrite:
    """A critic's better request. partial: quotations, numbers and negations alone were compared."""

    request: str
    fault: Fault | None = None
    detail: str = ""
    partial: bool = True


@frozen(slots=True)
class Draft:
    """One drawing with what its critic said. id counts from 0 within a run, so do rounds.

    image: why there is none where the drawing failed; its outcome is then Unscored.
    """

    id: int
    round: int
    made: Try
    image: Image | Failed
    outcome: Outcome
    rewrite: Rewrite | None = None
    spent: Spent = Spent(drafts=1)

    @property
    def drawn(self) -> bool:
        return isinstance(self.image, Image)

    @property
    def total(self) -> float | None:
        """The reward in [0, 1]; None where the critic gave none."""
        return self.outcome.total if isinstance(self.outcome, Reward) else None

    @property
    def critique(self) -> Critique | None:
        return self.outcome.critiques[0] if self.outcome.critiques else None


@frozen(slots=True)
class History:
    """All drafts of one request, by id. seed: the first draft's."""

    request: Request
    rubric: Rubric
    seed: int = 0
    drafts: tuple[Draft, ...] = field(default=())

    @property
    def rounds(self) -> int:
        return self.drafts[-1].round + 1 if self.drafts else 0

    @property
    def spent(self) -> Spent:
        return sum((draft.spent for draft in self.drafts), Spent())

    @property
    def ranked(self) -> tuple[Draft, ...]:
        """Drafts with an image, best first: by reward, the earlier of equals; then the unscored."""
        drawn = (draft for draft in self.drafts if draft.drawn)
        return tuple(sorted(drawn, key=_standing))

    @property
    def best(self) -> Draft | None:
        """The draft that would win now; an unscored one only where none is scored."""
        return next(iter(self.ranked), None)

    def until(self, round_: int) -> History:
        """The history as it was before that round."""
        earlier = tuple(draft for draft in self.drafts if draft.round < round_)
        return History(self.request, self.rubric, self.seed, earlier)


def _standing(draft: Draft) -> tuple[bool, float, int]:
    total = draft.total
    return total is None, -(total or 0.0), draft.id


class Why(StrEnum):
    """Why a run of refinement ended."""

    ROUNDS = "rounds"
    PATIENCE = "patience"
    GOOD = "good_enough"  # no gated dimension is below its bound, or nothing is left to gain
    NO_REQUEST = "no_request"  # no refined request that may be drawn
    NOTHING_DRAWN = "nothing_drawn"
    REPLACED = "replaced"  # the last draft stands whatever its reward: the paper's rule
    DRAFTS = "drafts"
    SECONDS = "seconds"
    TOKENS = "tokens"
    MONEY = "money"


@frozen(slots=True)
class Draw:
    """Draw these next, as one round."""

    tries: tuple[Try, ...] = field(validator=validators.min_len(1))


@frozen(slots=True)
class Stop:
    """The run ends. draft: the id of the one that wins, None where nothing was drawn."""

    draft: int | None
    reason: Why


Decision = Draw | Stop


@frozen(slots=True)
class Trace:
    """A whole run: its history and every decision in order, the last of which is a Stop."""

    history: History
    decisions: tuple[Decision, ...]

    @property
    def stop(self) -> Stop:
        last = self.decisions[-1]
        assert isinstance(last, Stop)
        return last

    @property
    def winner(self) -> Draft | None:
        """The draft that the run ends with, None where nothing was drawn."""
        won = self.stop.draft
        return None if won is None else self.history.drafts[won]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know beside the winner, in words: failures, faults, a missing score."""
        return tuple(_notes(self))


def _notes(trace: Trace) -> Iterator[str]:
    for draft in trace.history.drafts:
        failure = getattr(draft.outcome, "failure", None)
        if isinstance(draft.image, Failed):
            yield f"draft {draft.id} was not drawn: {draft.image.kind.value}: {draft.image.detail}"
        elif failure is not None:
            yield f"draft {draft.id} has no score: {failure.kind.value}: {failure.detail}"
        if draft.rewrite and draft.rewrite.fault:
            yield f"the refined request of draft {draft.id} was set aside: {_fault(draft.rewrite)}"
    winner = trace.winner
    if winner is not None and winner.total is None:
        yield f"draft {winner.id} wins without a score: no draft has one"


def _fault(rewrite: Rewrite) -> str:
    assert rewrite.fault is not None
    return rewrite.fault.value + (f" ({rewrite.detail})" if rewrite.detail else "")
