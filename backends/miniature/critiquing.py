"""How the simulated teacher judges one image, and how it would put the request instead."""

from __future__ import annotations

from attrs import evolve

from parrot.backends.miniature.briefs import Brief, Edit, Style, Want, located, want_of
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import (
    IMAGE_FAITHFULNESS,
    PHYSICAL_QUALITY,
    matched,
)
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.phrases import ABSENT, ALL_WELL, AMISS, ANOTHER
from parrot.backends.miniature.requests import prompt_of
from parrot.backends.miniature.telling import Subject, Told, analysis, sentences, told_of
from parrot.backends.miniature.world import PLACES, SIZES, Scene, Shape
from parrot.core.critiques import NA, Critique, Finding, Refinement
from parrot.core.rubric import Rubric

TRUST = 0.3
"""How much the scores of an evaluation at hand weigh against what the teacher sees itself."""


def critiqued(
    subject: Subject,
    prompt: str,
    rubric: Rubric,
    applicable: frozenset[str],
    rates: ErrorRates,
    chance: Chance,
    *,
    said: dict[str, float] | None = None,
    refine: bool = True,
) -> tuple[Critique, str | None]:
    """The critique of one image, and the words in it that speak of another image, if any.

    prompt: the request's words. said: worth by heading in [0, 1], by an evaluation that was shown.
    """
    keys = tuple(k for k in rubric.keys if k in applicable)
    told = told_of(subject, keys, rates, chance)
    for d in rubric.dimensions:
        if said and d.heading in said and d.key in told.worth:
            told.worth[d.key] = (1 - TRUST) * told.worth[d.key] + TRUST * said[d.heading]
    stray = chance.pick(ANOTHER) if chance.hit(rates.contaminate) else None
    findings = _findings(told, rubric, applicable, stray, rates, chance)
    summary = chance.pick(ALL_WELL if min(told.worth.values(), default=1.0) > 0.9 else AMISS)
    refined = _refined(subject, prompt, told, rates, chance) if refine else None
    opening = analysis(subject.brief, subject.source, chance)
    return Critique(findings, opening, summary, refined), stray


def _findings(
    told: Told,
    rubric: Rubric,
    applicable: frozenset[str],
    stray: str | None,
    rates: ErrorRates,
    chance: Chance,
) -> tuple[Finding, ...]:
    at = chance.pick(list(told.worth)) if told.worth else ""
    scale, findings = rubric.scale, []
    for key in rubric.keys:
        if key not in applicable:
            findings.append(Finding(key, chance.pick(ABSENT), NA))
            continue
        text = sentences(told.claims[key])
        raw = scale.low + (scale.high - scale.low) * told.worth[key]
        raw += chance.gauss(rates.jitter) + chance.gauss(rates.noise)
        score = round(scale.clipped(raw), 1)
        findings.append(Finding(key, f"{text} {stray}" if stray and key == at else text, score))
    return tuple(findings)


def _refined(
    subject: Subject, prompt: str, told: Told, rates: ErrorRates, chance: Chance
) -> Refinement:
    """The request in detail: sizes and places for a drawing, the source's for an edit."""
    brief = subject.brief
    if brief is None:
        return Refinement("Say more plainly what should be seen.", prompt)
    dropped = len(brief.wants) > 1 and chance.hit(rates.lose)
    detailed = detail(brief, subject.drawing.scene, subject.source, chance)
    if dropped:
        detailed = evolve(detailed, wants=detailed.wants[:-1])
    return Refinement(_advice(brief, told), prompt_of(detailed, chance))


def _advice(brief: Brief, told: Told) -> str:
    advice = []
    if brief.style is Style.TERSE:
        advice.append("Say of which size each thing is and where.")
    if told.worth.get(PHYSICAL_QUALITY, 1.0) < 0.9:
        advice.append("Ask for a sharp and clean image.")
    if told.worth.get(IMAGE_FAITHFULNESS, 1.0) < 0.9:
        advice.append("Say that all else should stay.")
    return " ".join(advice) or "Keep the request and ask for quality."


def detail(brief: Brief, scene: Scene, source: Scene | None, chance: Chance) -> Brief:
    """The same wishes, said in detail; every wish of the brief is kept.

    What is open is filled with what the scene already has, else with what is free.
    """
    if brief.edit is not None:
        ground = brief.background
        if source and not brief.edit.background:
            ground = source.background
        edit = _detailed_edit(brief.edit, source)
        return evolve(brief, style=Style.DETAILED, background=ground, quality=True, edit=edit)
    taken = {w.place for w in brief.wants if w.place}
    wants: list[Want] = []
    for want, found in zip(brief.wants, matched(brief.wants, scene.items), strict=True):
        place = want.place
        if place is None:
            kept = found.place if found and found.place not in taken else None
            place = kept or next(p for p in PLACES if p not in taken)
            taken.add(place)
        size = want.size or (found.size if found else chance.pick(SIZES))
        sized = None if want.shape is Shape.LETTER else size
        wants.append(evolve(want, size=sized, place=place))
    return evolve(brief, style=Style.DETAILED, quality=True, wants=tuple(wants))


def _detailed_edit(edit: Edit, source: Scene | None) -> Edit:
    old = located(edit.target, source) if edit.target and source else None
    if old is None:
        return edit
    target = want_of(old, Style.DETAILED)
    recoloured = edit.new and edit.new.shape is old.shape and edit.new.letter == old.letter
    if edit.new and recoloured and edit.op.value == "recolour":
        return evolve(edit, target=target, new=evolve(target, colour=edit.new.colour))
    return evolve(edit, target=target)
