"""What gatherers bring home about a candidate. All of it mirrors with its candidate."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from parrot.core.naming import mirrored_text
from parrot.core.values import Label


class Strength(StrEnum):
    """What a re-prediction of the label may look at."""

    TEXT = "text"  # the whole rationale, as in the paper
    MASKED = "masked"  # the rationale with scores, winners and winner words hidden
    SIGHTED = "sighted"  # the whole rationale and the images


@frozen(slots=True)
class Prediction:
    """A label predicted without the hint.

    probabilities: P(A), P(B), P(TIE), summing to 1, averaged over the orders asked; None where the
    model gives no log-probabilities. label: the most probable, else the one that every order named;
    None where the orders disagree.
    """

    label: Label | None
    probabilities: Mapping[Label, float] | None = field(default=None, hash=False)

    def mirrored(self) -> Prediction:
        odds = self.probabilities
        turned = None if odds is None else {k.mirrored(): v for k, v in odds.items()}
        return Prediction(self.label and self.label.mirrored(), turned)


@frozen(slots=True)
class Specificity:
    """The label predicted with the candidate's own rationale, and with another pair's."""

    own: Prediction
    foreign: Prediction

    def mirrored(self) -> Specificity:
        return Specificity(self.own.mirrored(), self.foreign.mirrored())


class Holds(StrEnum):
    """Whether a model that looks at one image finds a claim to be so."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


@frozen(slots=True)
class ClaimAnswer:
    """One claim of a rationale about one image, and what looking said."""

    side: Label
    dimension: str
    claim: str
    holds: Holds

    def mirrored(self) -> ClaimAnswer:
        return evolve(self, side=self.side.mirrored(), claim=mirrored_text(self.claim))


@frozen(slots=True)
class ClaimAnswers:
    """Every claim that could be taken from a rationale, answered."""

    answers: tuple[ClaimAnswer, ...]

    @property
    def refuted(self) -> tuple[ClaimAnswer, ...]:
        return tuple(a for a in self.answers if a.holds is Holds.NO)

    def mirrored(self) -> ClaimAnswers:
        return ClaimAnswers(tuple(a.mirrored() for a in self.answers))


@frozen(slots=True)
class Wishes:
    """The wishes of a request and whether a refined one keeps each.

    partial: only quoted text, numbers and negations were compared, since no model was asked.
    """

    kept: tuple[str, ...]
    lost: tuple[str, ...]
    partial: bool
