"""From kept rationales to training examples: the ask without the label, and the answer."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from parrot.core.asks import Ask, Sampling
from parrot.core.candidates import Candidate
from parrot.core.critiques import Comparison
from parrot.core.examples import Example
from parrot.core.prompts.judging import Prompt
from parrot.core.values import Label


def student_ask(candidate: Candidate, prompt: Prompt) -> Ask:
    """What a student will be asked about the candidate's pair or image: never with the label."""
    pair, body = candidate.pair, candidate.rationale.body
    if isinstance(body, Comparison):
        return prompt.compare(pair, candidate.rubric, anchored=False, sampling=Sampling())
    image = pair.image_b if candidate.rationale.side is Label.B else pair.image_a
    refine = body.refinement is not None
    return prompt.critique(
        pair.request, image, candidate.rubric, sampling=Sampling(), refine=refine
    )


def scores_only(candidate: Candidate) -> Candidate:
    """The candidate with its headings, scores and winners, and none of its words.

    A student of such candidates is asked as any other and learns to score without saying why. A
    refined request stays: it is asked for.
    """
    body: Any = candidate.rationale.body  # one of two classes, and `evolve` is typed for one
    bare = tuple(evolve(finding, justification="") for finding in body.findings)
    silent = evolve(body, findings=bare, analysis="", summary="")
    return evolve(candidate, rationale=evolve(candidate.rationale, body=silent))


def example_of(candidate: Candidate, prompt: Prompt, *, id: str) -> Example:  # noqa: A002
    """The training example that a kept candidate makes. Raises Unwritable (see formats)."""
    pair, rationale = candidate.pair, candidate.rationale
    pairwise = isinstance(rationale.body, Comparison)
    return Example(
        id=id,
        turns=student_ask(candidate, prompt).turns,
        answer=prompt.format.write(rationale.body, candidate.rubric),
        pair_id=pair.id,
        form="pairwise" if pairwise else "pointwise",
        order=rationale.provenance.order,
        label=pair.label if pairwise else None,
        teacher=rationale.provenance.teacher,
        source=pair.source,
        licence=pair.licence,
        may_train=pair.may_train,
    )
