"""What each arm of `parrot study rewards` is tuned by, as a function of drawings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Final

from attrs import frozen

from parrot.backends.miniature.shipped import by_folder, folder_of
from parrot.backends.miniature.tuned import Truth
from parrot.cli.session import open_spec
from parrot.cli.study_files import told_of
from parrot.core.asks import Failed
from parrot.core.errors import ConfigError
from parrot.core.pipelines.reward_model import RewardModel
from parrot.core.rewards.advantages import deviation
from parrot.core.rewards.calling import Called
from parrot.core.rewards.values import Drawing, Outcome
from parrot.core.studies.tuning import Arm, without

Score = Callable[[Sequence[Drawing]], Sequence[Outcome]]
LEFT_OUT: Final = "image_faithfulness"
AT_ONCE: Final = 64
"""Critiques that a local student writes at once."""


@frozen(slots=True)
class Judges:
    """Who scores. student, scores: specs; head: a folder or a shipped name; None leaves that arm out."""

    student: str = "miniature:student"
    scores: str | None = None
    head: str | None = None

    @property
    def plan(self) -> dict[str, str | None]:
        """Who they are, weights included."""
        named = {"student": self.student, "scores": self.scores, "head": self.head}
        return {name: spec and told_of(spec) for name, spec in named.items()}

    def lacks(self, arm: Arm) -> bool:
        """Whether the arm has nobody to score for it."""
        return {Arm.SCORES_ONLY: self.scores, Arm.HEAD: self.head}.get(arm, "") is None


@contextmanager
def score_of(
    arm: Arm, judges: Judges, truth: Truth, untuned: Callable[[], Sequence[Drawing]]
) -> Iterator[Score]:
    """What scores for an arm. untuned: drawings of the untuned generator, which a head is scaled by.

    Raises ConfigError for an arm without a judge.
    """
    if judges.lacks(arm):
        raise ConfigError(f"nobody was named who scores for {arm}")
    if arm is Arm.TRUTH:
        yield Called(truth)
    elif arm is Arm.HEAD:
        yield Called(_Headed(judges.head or "", untuned))
    else:
        spec = (judges.scores or "") if arm is Arm.SCORES_ONLY else judges.student
        with RewardModel(lambda: open_spec(by_folder(spec), max_batch=AT_ONCE)) as model:
            yield _reduced(model) if arm is Arm.NO_SOURCE else model


def _reduced(model: RewardModel) -> Score:
    def score(drawings: Sequence[Drawing]) -> tuple[Outcome, ...]:
        return tuple(without(one, LEFT_OUT) for one in model(drawings))

    return score


class _Headed:
    """A head's numbers have no bounds: they are centred and scaled on the untuned generator's
    drawings, and the logistic function brings them into (0, 1) without changing their order.
    """

    def __init__(self, folder: str, untuned: Callable[[], Sequence[Drawing]]) -> None:
        from parrot.backends.torch.head import open_head

        self._head, self._untuned = open_head(folder_of(folder)), untuned
        self._scale: tuple[float, float] | None = None

    def __call__(self, drawings: Sequence[Drawing], /) -> list[float | None]:
        # At the first call: the generator that draws wants the score before it can be made.
        if self._scale is None:
            known = [n for n in self._head.numbers(self._untuned()) if not isinstance(n, Failed)]
            self._scale = (fmean(known), deviation(known) or 1.0)
        middle, spread = self._scale
        numbers = self._head.numbers(drawings)
        return [
            None if isinstance(n, Failed) else _logistic((n - middle) / spread) for n in numbers
        ]


def _logistic(number: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * number))
