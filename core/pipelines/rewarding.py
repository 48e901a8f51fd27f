"""What is asked for a batch of drawings, and the rewards in the replies. Pure.

Pointwise: a critique a drawing and sample, stopped when its last score is out. Pairwise: win rates
among the drawings of one request.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, field, frozen, validators

from parrot.core.asks import Ask, Failed, Reply, Sampling
from parrot.core.errors import ConfigError
from parrot.core.expecting import TOP
from parrot.core.formats import Form
from parrot.core.pipelines.judging import readable, scores_ask
from parrot.core.prompts.judging import Prompt
from parrot.core.rewards.aggregates import Aggregate, mean
from parrot.core.rewards.groups import group_key
from parrot.core.rewards.imputing import TOTAL
from parrot.core.rewards.reading import averaged, reward_of
from parrot.core.rewards.values import Drawing, Outcome, Unscored
from parrot.core.rewards.win_rates import Meeting, Result, meetings, result_of, win_rates
from parrot.core.rubric import Rubric, rubric_for
from parrot.core.values import Label, PreferencePair


@frozen(slots=True)
class Rewarding:
    """How drawings are scored. rubric: None chooses the shipped one that fits each request.

    samples: critiques a drawing, whose rewards are averaged. form: PAIRWISE makes the reward a win
    rate among the drawings of one request in the batch; `aggregate` and `samples` then rest.
    rivals: how many siblings each meets (see `meetings`). critiques_whole: critiques go to their
    end, with a better request, which costs tokens and moves no score. expected: rewards from expected
    scores (`core.expecting`), which part drawings that are given equal scores; the critic must give
    log-probabilities.
    """

    rubric: Rubric | None = None
    aggregate: Aggregate = mean
    prompt: Prompt = field(factory=Prompt)
    samples: int = field(default=1, validator=validators.ge(1))
    sampling: Sampling | None = None
    form: Form = Form.POINTWISE
    rivals: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    both_orders: bool = False
    critiques_whole: bool = False
    expected: bool = False

    def __attrs_post_init__(self) -> None:
        if self.rubric is not None and TOTAL in self.rubric.keys:
            raise ConfigError(f"{TOTAL!r} is the sum of a reward and names no dimension")

    def rubric_of(self, drawing: Drawing) -> Rubric:
        return self.rubric or rubric_for(drawing.request)

    @property
    def how_to_sample(self) -> Sampling:
        """The given sampling; else greedy for one sample and temperature 0.7 for several."""
        given = self.sampling or Sampling(temperature=0.0 if self.samples == 1 else 0.7)
        wanting = self.expected and not given.top_logprobs
        return evolve(given, top_logprobs=TOP) if wanting else given

    def asks(self, drawings: Sequence[Drawing]) -> tuple[Ask, ...]:
        """All asks of a batch, in the order in which `read` wants the replies."""
        if self.form is Form.PAIRWISE:
            return tuple(self._comparison(drawings, met) for met in self._meetings(drawings))
        return tuple(
            self._critique(drawing, sample)
            for drawing in drawings
            for sample in range(self.samples)
        )

    def read(
        self, drawings: Sequence[Drawing], replies: Sequence[Reply | Failed]
    ) -> tuple[Outcome, ...]:
        """One outcome a drawing, in order. Raises ConfigError for an aggregate out of [0, 1]."""
        if self.form is Form.PAIRWISE:
            met = self._meetings(drawings)
            results = [self._result(drawings, *one) for one in zip(met, replies, strict=True)]
            return win_rates(len(drawings), met, results)
        n = self.samples
        return tuple(
            averaged([self._outcome(drawing, reply) for reply in replies[n * i : n * (i + 1)]])
            for i, drawing in enumerate(drawings)
        )

    def _critique(self, drawing: Drawing, sample: int) -> Ask:
        rubric, sampling = self.rubric_of(drawing), self.how_to_sample
        request, image = drawing.request, drawing.image
        if self.critiques_whole:
            return self.prompt.critique(request, image, rubric, sampling=sampling, sample=sample)
        return scores_ask(self.prompt, request, image, rubric, sampling=sampling, sample=sample)

    def _outcome(self, drawing: Drawing, answer: Reply | Failed) -> Outcome:
        rubric = self.rubric_of(drawing)
        reply = readable(answer, rubric.scale, expected=self.expected)
        if isinstance(reply, Failed):
            return Unscored(reply)
        critique = self.prompt.format.read(reply.text, rubric, Form.POINTWISE).value
        return reward_of(critique, rubric, drawing.request, self.aggregate)

    def _meetings(self, drawings: Sequence[Drawing]) -> tuple[Meeting, ...]:
        keys = [group_key(drawing) for drawing in drawings]
        return meetings(keys, rivals=self.rivals, both_orders=self.both_orders)

    def _comparison(self, drawings: Sequence[Drawing], met: Meeting) -> Ask:
        a, b = drawings[met.a], drawings[met.b]
        # The label is never shown: the ask is not anchored.
        pair = PreferencePair("", a.request, a.image, b.image, Label.TIE)
        sampling = self.how_to_sample
        return self.prompt.compare(pair, self.rubric_of(a), anchored=False, sampling=sampling)

    def _result(
        self, drawings: Sequence[Drawing], met: Meeting, answer: Reply | Failed
    ) -> Result | Failed:
        drawing = drawings[met.a]
        rubric = self.rubric_of(drawing)
        reply = readable(answer, rubric.scale, expected=self.expected)
        if isinstance(reply, Failed):
            return reply
        body = self.prompt.format.read(reply.text, rubric, Form.PAIRWISE).value
        return result_of(body, rubric, drawing.request)
