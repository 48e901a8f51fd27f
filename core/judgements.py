"""What a model said of a pair, and the same beside what a human said of it.

Knows nothing of prompts, files or evaluation protocols. A judgement stands in the pair's own frame:
where the model saw B first, its winner and scores are already mirrored back.
"""

from __future__ import annotations

import hashlib
import math

from attrs import evolve, field, frozen, validators

from parrot.core.asks import Failed
from parrot.core.candidates import Order
from parrot.core.values import Both, Label, Request


def _finite(_: object, attribute: object, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{getattr(attribute, 'name', 'score')} must be finite, not {value!r}")


@frozen(slots=True)
class Judgement:
    """A model's winner for one pair, one order, one sample.

    winner: in the pair's frame; None where only scores or a raw answer are known, or none came.
    both: what a TIE says. score_a, score_b: scalars on any one scale, both or neither. answer: a
    `choice` reply as it was written, so in the frame that the model saw, which `order` names.
    failure: why there is no winner; never beside a winner or scores. request: pairs with one key
    are resampled together; empty where each pair is its own request. Raises ValueError for a
    judgement that says nothing or contradicts itself.
    """

    pair_id: str = field(validator=validators.min_len(1))
    winner: Label | None = None
    both: Both | None = None
    order: Order = Order.AB
    sample: int = field(default=0, validator=validators.ge(0))
    score_a: float | None = field(default=None, validator=_finite)
    score_b: float | None = field(default=None, validator=_finite)
    answer: str | None = field(default=None, repr=False)
    failure: Failed | None = None
    model: str = ""
    request: str = ""

    def __attrs_post_init__(self) -> None:
        if (self.score_a is None) != (self.score_b is None):
            raise ValueError("score_a and score_b go together")
        if self.both is not None and self.winner is not Label.TIE:
            raise ValueError("only a TIE says GOOD or BAD of both")
        says = self.winner is not None or self.score_a is not None
        if self.failure is not None and says:
            raise ValueError("a failure stands beside neither a winner nor scores")
        if not says and self.failure is None and self.answer is None:
            raise ValueError("a judgement needs a winner, scores, an answer or a failure")

    @property
    def gap(self) -> float | None:
        """Score A minus score B to eight digits, so that gaps of one size are equal; None where there
        are no scores.
        """
        if self.score_a is None or self.score_b is None:
            return None
        return round(self.score_a - self.score_b, 8)

    def mirrored(self) -> Judgement:
        """The same judgement of the mirrored pair; what the model saw stays, so `answer` does."""
        return evolve(
            self,
            winner=self.winner and self.winner.mirrored(),
            order=self.order.mirrored(),
            score_a=self.score_b,
            score_b=self.score_a,
        )


@frozen(slots=True)
class Judged:
    """A judgement and the human's label of the same pair.

    both: what a human TIE says. group, group_size: where the pair is one of several of a ranking
    of `group_size` images (2, 3 or 4 in EditReward-Bench, its K).
    """

    judgement: Judgement
    label: Label
    both: Both | None = field(default=None)
    group: str | None = None
    group_size: int | None = field(default=None, validator=validators.optional(validators.ge(2)))

    def __attrs_post_init__(self) -> None:
        if self.both is not None and self.label is not Label.TIE:
            said = f"both={self.both.value} needs the label TIE, not {self.label.value}"
            raise ValueError(said)

    @property
    def request(self) -> str:
        """The request's key, or the pair's id where none is known."""
        return self.judgement.request or self.judgement.pair_id

    def mirrored(self) -> Judged:
        """The same of the mirrored pair."""
        return evolve(self, judgement=self.judgement.mirrored(), label=self.label.mirrored())


def request_key(request: Request) -> str:
    """16 hex digits, equal for pairs that were drawn for one prompt and one set of sources."""
    prompt = hashlib.sha256(request.prompt.encode("utf-8", "surrogatepass")).hexdigest()
    parts = (prompt, *(source.sha256 for source in request.sources))
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
