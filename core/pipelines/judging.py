"""Judging: a model's winner for each pair, without the label in the ask, in any order and sample.

A winner follows from scores, never from the word that closes a reply. What did not come, was cut or
lacks an applicable score is a judgement with a failure.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from attrs import evolve, field, frozen, validators

from parrot.core.asks import Ask, Failed, FailureKind, Reply, Sampling, Until, whole
from parrot.core.candidates import Order
from parrot.core.critiques import Comparison, Critique, Score, settled
from parrot.core.engine import Engine, Job
from parrot.core.errors import ConfigError
from parrot.core.expecting import weighed
from parrot.core.formats import Form
from parrot.core.judgements import Judged, Judgement, request_key
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import Rubric, Scale, rubric_for
from parrot.core.values import Image, Label, PreferencePair, Request, Unloadable


@frozen(slots=True)
class Judging:
    """How a model is asked. rubric: None chooses the shipped one that fits each request.

    orders: in which the images of a comparison are shown; a critique sees one image and has none.
    samples: judgements a pair and order. expected: judge by expected scores (`core.expecting`); the
    sampling must ask for alternatives. Raises ConfigError for a pointwise form in two orders.
    """

    prompt: Prompt = field(factory=Prompt)
    rubric: Rubric | None = None
    form: Form = Form.PAIRWISE
    orders: tuple[Order, ...] = field(default=(Order.AB,), validator=validators.min_len(1))
    samples: int = field(default=1, validator=validators.ge(1))
    sampling: Sampling = field(factory=Sampling)
    expected: bool = False

    def __attrs_post_init__(self) -> None:
        if self.form is Form.POINTWISE and self.orders != (Order.AB,):
            raise ConfigError("pointwise judging shows one image at a time: it has no orders")
        if self.expected and not self.sampling.top_logprobs:
            raise ConfigError("expected scores need a sampling with top_logprobs of at least 1")

    def rubric_of(self, pair: PreferencePair) -> Rubric:
        return self.rubric or rubric_for(pair.request)

    @property
    def places(self) -> tuple[tuple[Order, int], ...]:
        """Every order and sample: a judgement each."""
        return tuple((order, sample) for order in self.orders for sample in range(self.samples))


def judging_asks(pair: PreferencePair, how: Judging) -> tuple[Ask, ...]:
    """One ask a judgement; pointwise two, image A before image B."""
    return tuple(ask for place in how.places for ask in _asks(pair, how, *place))


def _asks(pair: PreferencePair, how: Judging, order: Order, sample: int) -> tuple[Ask, ...]:
    rubric, prompt, sampling = how.rubric_of(pair), how.prompt, how.sampling
    if how.form is Form.PAIRWISE:
        seen = pair if order is Order.AB else pair.mirrored()
        # To its end: the last dimension's winner stands behind its last score.
        return (prompt.compare(seen, rubric, anchored=False, sampling=sampling, sample=sample),)
    return tuple(
        scores_ask(prompt, pair.request, image, rubric, sampling=sampling, sample=sample)
        for image in (pair.image_a, pair.image_b)
    )


def scores_ask(
    prompt: Prompt,
    request: Request,
    image: Image,
    rubric: Rubric,
    *,
    sampling: Sampling,
    sample: int = 0,
) -> Ask:
    """Asks for a critique of one image, up to its last score.

    Students learn to critique with a better request to follow, which is asked for and not waited
    for.
    """
    ask = prompt.critique(request, image, rubric, sampling=sampling, sample=sample)
    return evolve(ask, until=Until.SCORES, last_score=rubric.dimensions[-1].heading)


def read_judged(
    pair: PreferencePair, replies: Sequence[Reply | Failed], how: Judging, model: str
) -> tuple[Judged, ...]:
    """A judgement an order and sample, in the pair's frame, beside the pair's label."""
    step = 1 if how.form is Form.PAIRWISE else 2
    return tuple(
        _judged(pair, replies[step * n : step * (n + 1)], how, order, sample, model)
        for n, (order, sample) in enumerate(how.places)
    )


def _judged(
    pair: PreferencePair,
    replies: Sequence[Reply | Failed],
    how: Judging,
    order: Order,
    sample: int,
    model: str,
) -> Judged:
    key = request_key(pair.request)
    found = _scores(pair, replies, how, order)
    if isinstance(found, Failed):
        one = Judgement(
            pair.id, order=order, sample=sample, failure=found, model=model, request=key
        )
    else:
        a, b = found
        one = Judgement(
            pair.id,
            Label.A if a > b else Label.B if b > a else Label.TIE,
            order=order,
            sample=sample,
            score_a=a,
            score_b=b,
            model=model,
            request=key,
        )
    return Judged(one, pair.label, pair.both)


def _scores(
    pair: PreferencePair, replies: Sequence[Reply | Failed], how: Judging, order: Order
) -> tuple[float, float] | Failed:
    """The mean score of A and of B over applicable dimensions."""
    rubric = how.rubric_of(pair)
    applicable = rubric.applicable(pair.request)
    means: list[float] = []
    for reply in replies:
        told = readable(reply, rubric.scale, expected=how.expected)
        if isinstance(told, Failed):
            return told
        body = how.prompt.format.read(told.text, rubric, how.form).value
        for scores in _sides(body, order):
            mean = mean_score(scores, applicable)
            if isinstance(mean, Failed):
                return mean
            means.append(mean)
    a, b = means
    return a, b


def readable(answer: Reply | Failed, scale: Scale, *, expected: bool) -> Reply | Failed:
    """A whole reply as scores are read from it, written or expected ones; or why none can be."""
    reply = whole(answer)
    if isinstance(reply, Failed) or not expected:
        return reply
    return weighed(reply, scale)


def _sides(body: Comparison | Critique, order: Order) -> Iterator[Mapping[str, Score]]:
    if isinstance(body, Critique):
        yield body.scores
        return
    seen = body if order is Order.AB else body.mirrored()
    yield {one.dimension: one.score_a for one in seen.findings}
    yield {one.dimension: one.score_b for one in seen.findings}


def mean_score(scores: Mapping[str, Score], applicable: Collection[str]) -> float | Failed:
    """The mean over applicable dimensions; Failed naming those that have no score or say N/A."""
    found = {key: scores.get(key) for key in sorted(applicable)}
    numbers = [score for score in found.values() if isinstance(score, float | int)]
    if len(numbers) < len(found):
        lacking = [k for k, score in found.items() if not isinstance(score, float | int)]
        return Failed(FailureKind.UNREADABLE, f"no score of {', '.join(lacking)}")
    if not numbers:
        return Failed(FailureKind.UNREADABLE, "no dimension of the rubric applies to the request")
    return settled(fmean(numbers))


async def judge(
    pairs: Iterable[PreferencePair | Unloadable], engine: Engine, how: Judging
) -> AsyncIterator[tuple[Judged, ...] | Unloadable]:
    """Each pair's judgements, in input order; a pair that cannot be loaded comes as it is."""
    jobs = (
        Job(pair, () if isinstance(pair, Unloadable) else judging_asks(pair, how)) for pair in pairs
    )
    async for pair, replies in engine.answered(jobs):
        if isinstance(pair, Unloadable):
            yield pair
        else:
            yield read_judged(pair, replies, how, engine.model_id)
