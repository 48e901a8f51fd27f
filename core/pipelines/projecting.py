"""Phase 2b: from kept comparisons to critiques of single images, filtered too (paper 2.1, C.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from attrs import evolve, field, frozen, validators

from parrot.core.asks import Ask, Failed, Reply, Sampling, whole
from parrot.core.candidates import Candidate, Filter, Gatherer, Provenance, Rationale
from parrot.core.critiques import Comparison, Critique
from parrot.core.engine import Engine, Job
from parrot.core.filters import POINTWISE_FILTERS
from parrot.core.formats import Form
from parrot.core.gatherers import CheckWishes
from parrot.core.outcomes import Fate, Lost, PairOutcome
from parrot.core.pipelines.filtering import Filtering, filtered
from parrot.core.prompts.judging import Prompt
from parrot.core.prompts.projecting import project as project_ask
from parrot.core.values import Label

SIDES = (Label.A, Label.B)


@frozen(slots=True)
class Projecting:
    """How kept comparisons become critiques. per_pair: comparisons of a pair that are projected."""

    prompt: Prompt = field(factory=Prompt)
    sampling: Sampling = field(factory=Sampling)
    per_pair: int = field(default=1, validator=validators.ge(1))
    filters: tuple[Filter, ...] = field(factory=lambda: tuple(POINTWISE_FILTERS.values()))
    ask_wishes: bool = True


def projection_asks(candidates: Sequence[Candidate], how: Projecting) -> tuple[Ask, ...]:
    """Two asks a comparison: image A, then image B, as its teacher saw them."""
    return tuple(
        project_ask(
            one.pair,
            one.rationale.body,
            side,
            one.rubric,
            prompt=how.prompt,
            sampling=how.sampling,
            sample=one.rationale.provenance.sample,
        )
        for one in candidates
        if isinstance(one.rationale.body, Comparison)
        for side in SIDES
    )


def read_projection(
    pair_outcome: PairOutcome,
    candidates: Sequence[Candidate],
    replies: Sequence[Reply | Failed],
    how: Projecting,
    teacher: str,
) -> PairOutcome:
    """The critiques in the replies, each with the other image's critique as evidence."""
    fates: list[Fate] = []
    lost: list[Lost] = []
    for index, one in enumerate(candidates):
        read = [
            _read(one, side, whole(reply), how, teacher)
            for side, reply in zip(SIDES, replies[2 * index : 2 * index + 2], strict=True)
        ]
        for (mine, other), side in zip((read, read[::-1]), SIDES, strict=True):
            source = one.rationale.provenance
            if isinstance(mine, Failed):
                lost.append(Lost(one.pair.id, mine, source.order, source.sample, side))
            else:
                value = other.rationale.body if isinstance(other, Candidate) else other
                fates.append(Fate(mine.with_evidence("other-side", value)))
    return PairOutcome(pair_outcome.pair, tuple(fates), tuple(lost))


def _read(
    one: Candidate, side: Label, reply: Reply | Failed, how: Projecting, teacher: str
) -> Candidate | Failed:
    if isinstance(reply, Failed):
        return reply
    read = how.prompt.format.read(reply.text, one.rubric, Form.POINTWISE)
    old = one.rationale.provenance
    source = Provenance(teacher, how.prompt.id, False, old.order, old.sample, reply.text)  # noqa: FBT003
    assert isinstance(read.value, Critique)
    rationale = Rationale(one.pair.id, read.value, source, read.problems, side=side)
    return evolve(one, rationale=rationale, evidence={})


async def project(
    outcomes: AsyncIterator[PairOutcome],
    engine: Engine,
    how: Projecting,
    *,
    verifier: Engine | None = None,
) -> AsyncIterator[PairOutcome]:
    """For each pair with kept comparisons, its filtered critiques, in input order.

    verifier: who lists wishes kept and lost; the projecting model itself where None.
    """
    wishes: Gatherer[Candidate, Any] = CheckWishes(ask_model=how.ask_wishes)
    filtering = Filtering(how.filters, {wishes.name: wishes})
    async for outcome in filtered(_projected(outcomes, engine, how), verifier or engine, filtering):
        yield outcome


async def _projected(
    outcomes: AsyncIterator[PairOutcome], engine: Engine, how: Projecting
) -> AsyncIterator[PairOutcome]:
    async def jobs() -> AsyncIterator[Job[tuple[PairOutcome, tuple[Candidate, ...]]]]:
        async for outcome in outcomes:
            chosen = outcome.kept[: how.per_pair]
            if chosen:
                yield Job((outcome, chosen), projection_asks(chosen, how))

    async for (outcome, chosen), replies in engine.answered(jobs()):
        yield read_projection(outcome, chosen, replies, how, engine.model_id)
