"""Phase 2b: from a kept comparison to a critique of one of its images (paper 2.1, App. B.2, C.3)."""

from __future__ import annotations

from attrs import evolve

from parrot.core.asks import Ask, Sampling, Turn
from parrot.core.critiques import Comparison
from parrot.core.errors import Unwritable
from parrot.core.formats import JSON, MARKUP
from parrot.core.prompts.fences import RATIONALE, fenced
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import Rubric
from parrot.core.values import Label, PreferencePair

REFERENCE = "In the evaluation above, the image you judge is called Image "
_RULES = (
    "Someone compared this image with another one. Their evaluation follows for your orientation "
    "only. Judge this one image on the absolute scale, from what you see. Do not mention the "
    "evaluation, another image, or any comparison: your reader sees this image alone."
)


def project(
    pair: PreferencePair,
    comparison: Comparison,
    side: Label,
    rubric: Rubric,
    *,
    prompt: Prompt,
    sampling: Sampling,
    sample: int = 0,
) -> Ask:
    """Asks for a critique of image `side` (A or B) with the comparison at hand."""
    image = pair.image_a if side is Label.A else pair.image_b
    ask = prompt.critique(pair.request, image, rubric, sampling=sampling, sample=sample)
    evaluation = fenced(RATIONALE, _told(comparison, rubric))
    *before, user = ask.turns
    extended = Turn("user", (*user.parts, _RULES, evaluation, f"{REFERENCE}{side.value}."))
    return evolve(ask, turns=(*before, extended))


def _told(comparison: Comparison, rubric: Rubric) -> str:
    try:
        return MARKUP.write(comparison, rubric)
    except Unwritable:  # it was read from JSON, whose headings markup cannot always tell apart
        return JSON.write(comparison, rubric)
