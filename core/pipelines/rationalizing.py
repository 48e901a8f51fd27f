"""Phase 1: ask a teacher for comparisons of each pair, in both orders, and read what it wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from attrs import field, frozen, validators

from parrot.core.asks import Ask, Failed, FailureKind, Reply, Sampling, whole
from parrot.core.candidates import Candidate, Order, Provenance, Rationale
from parrot.core.critiques import Comparison
from parrot.core.engine import Engine, Job
from parrot.core.formats import Form
from parrot.core.outcomes import Fate, Lost, PairOutcome
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import Rubric, rubric_for
from parrot.core.values import PreferencePair, Unloadable

BOTH_ORDERS = (Order.AB, Order.BA)


@frozen(slots=True)
class Rationalizing:
    """How a teacher is asked. rubric: None chooses the shipped one that fits each request.

    samples: candidates a pair and order. orders: in which the images are shown (paper: unstated).
    """

    prompt: Prompt = field(factory=Prompt)
    rubric: Rubric | None = None
    anchored: bool = True
    samples: int = field(default=1, validator=validators.ge(1))
    orders: tuple[Order, ...] = field(default=BOTH_ORDERS, validator=validators.min_len(1))
    sampling: Sampling = field(factory=Sampling)

    def rubric_of(self, pair: PreferencePair) -> Rubric:
        return self.rubric or rubric_for(pair.request)

    def turns_of(self, pair: PreferencePair) -> Iterator[tuple[Order, int, PreferencePair]]:
        """Every order and sample, with the pair as the teacher sees it."""
        for order in self.orders:
            seen = pair if order is Order.AB else pair.mirrored()
            for sample in range(self.samples):
                yield order, sample, seen


def asks_for(pair: PreferencePair, how: Rationalizing) -> tuple[Ask, ...]:
    """One ask an order and sample."""
    rubric = how.rubric_of(pair)
    return tuple(
        how.prompt.compare(
            seen, rubric, anchored=how.anchored, sampling=how.sampling, sample=sample
        )
        for _, sample, seen in how.turns_of(pair)
    )


def read_outcome(
    pair: PreferencePair, replies: Sequence[Reply | Failed], how: Rationalizing, teacher: str
) -> PairOutcome:
    """The candidates in a pair's replies, each beside its sibling from the other order."""
    fates: list[Candidate] = []
    lost: list[Lost] = []
    rubric = how.rubric_of(pair)
    for (order, sample, seen), answer in zip(how.turns_of(pair), replies, strict=True):
        reply = whole(answer)
        if isinstance(reply, Failed):
            lost.append(Lost(pair.id, reply, order, sample))
            continue
        read = how.prompt.format.read(reply.text, rubric, Form.PAIRWISE)
        source = Provenance(teacher, how.prompt.id, how.anchored, order, sample, reply.text)
        rationale = Rationale(pair.id, read.value, source, read.problems)
        fates.append(Candidate(seen, rubric, rationale))
    siblings = with_siblings(tuple(fates), tuple(lost))
    return PairOutcome(pair, tuple(Fate(c) for c in siblings), tuple(lost))


def with_siblings(
    candidates: tuple[Candidate, ...], lost: tuple[Lost, ...] = ()
) -> tuple[Candidate, ...]:
    """Each candidate with the same sample of the other order, mirrored, as evidence `swapped`."""
    by_place: dict[tuple[Order, int], Comparison | Failed] = {}
    for one in candidates:
        source, body = one.rationale.provenance, one.rationale.body
        if isinstance(body, Comparison):
            by_place[source.order, source.sample] = body
    for gone in lost:
        if gone.order is not None and gone.sample is not None:
            by_place[gone.order, gone.sample] = gone.failure
    return tuple(_with_sibling(one, by_place) for one in candidates)


def _with_sibling(
    one: Candidate, by_place: dict[tuple[Order, int], Comparison | Failed]
) -> Candidate:
    source = one.rationale.provenance
    other = by_place.get((source.order.mirrored(), source.sample))
    if other is None:
        return one
    value = other.mirrored() if isinstance(other, Comparison) else other
    return one.with_evidence("swapped", value)


async def rationalize(
    pairs: Iterable[PreferencePair | Unloadable], engine: Engine, how: Rationalizing
) -> AsyncIterator[PairOutcome]:
    """Each pair with the teacher's rationales, in input order; no filter has judged them yet."""
    jobs = (
        Job(pair, () if isinstance(pair, Unloadable) else asks_for(pair, how)) for pair in pairs
    )
    async for pair, replies in engine.answered(jobs):
        if isinstance(pair, Unloadable):
            failure = Failed(FailureKind.IMAGE, pair.reason, 0)
            yield PairOutcome(pair, lost=(Lost(pair.id, failure),))
        else:
            yield read_outcome(pair, replies, how, engine.model_id)
