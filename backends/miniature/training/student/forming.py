"""Lessons in the words and form of critiques, without any preference.

Statements are true of the images and in the words of this world's judges. Scores are not: each is
drawn blindly, and winner and summary follow the scores alone, so that whoever learns from these
lessons can write a judgement and has no idea which image people like.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Final

from attrs import frozen

from parrot.backends.miniature.briefs import Style
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.critiquing import detail
from parrot.backends.miniature.pairs import Split, in_split
from parrot.backends.miniature.phrases import ABSENT, ALIKE, ALL_WELL, AMISS, BETTER
from parrot.backends.miniature.requests import prompt_of
from parrot.backends.miniature.telling import Subject, analysis, sentences, told_of
from parrot.backends.miniature.training.student.checking import EXACT
from parrot.backends.miniature.training.student.lessons import (
    SAMPLING,
    SLOT,
    Lesson,
    lesson,
    request_of,
)
from parrot.backends.miniature.training.student.situations import Situation, situation
from parrot.backends.miniature.world import Drawing
from parrot.core.critiques import NA, Comparison, Critique, Finding, PairFinding, Refinement
from parrot.core.formats import MARKUP
from parrot.core.prompts.judging import Prompt
from parrot.core.rubric import Rubric, rubric_for
from parrot.core.values import Label, PreferencePair

PROMPT: Final = Prompt()
"""The prompt that students are asked with."""
EVEN: Final = 0.25  # of findings with the same score for both images
_ADVICE: Final = {
    "terse": "Say of which size each thing is and where.",
    "flawed": "Ask for a sharp and clean image.",
    "edit": "Say that all else should stay.",
    "": "Keep the request and ask for quality.",
}


@frozen(slots=True)
class _Form:
    rubric: Rubric
    applicable: frozenset[str]
    claims: tuple[Mapping[str, str], ...]


def _form(made: Situation, names: tuple[str, ...], chance: Chance) -> _Form:
    request = request_of(made.prompt, made.source)
    rubric = rubric_for(request)
    applicable = rubric.applicable(request)
    keys = tuple(key for key in rubric.keys if key in applicable)
    claims = []
    for name, drawing in zip(names, made.tries, strict=True):
        told = told_of(Subject(name, drawing, made.brief, made.source), keys, EXACT, chance)
        claims.append({key: sentences(told.claims[key]) for key in keys})
    return _Form(rubric, applicable, tuple(claims))


def _blind_score(rubric: Rubric, chance: Chance) -> float:
    low, high = round(10 * rubric.scale.low), round(10 * rubric.scale.high)
    return (low + chance.below(high - low + 1)) / 10


def compared(chance: Chance, split: Split) -> Situation:
    """The situation that a lesson of `comparison` is made of."""
    return situation(chance, edit=chance.hit(0.5), tries=2, split=split)


def comparison(chance: Chance, split: Split) -> Lesson:
    """Two images compared in the reply format of the student."""
    made = compared(chance, split)
    form = _form(made, ("Image A", "Image B"), chance)
    findings: list[PairFinding] = []
    for key in form.rubric.keys:
        if key not in form.applicable:
            findings.append(PairFinding(key, chance.pick(ABSENT), NA, NA, NA))
            continue
        a = b = _blind_score(form.rubric, chance)
        if not chance.hit(EVEN):
            b = _blind_score(form.rubric, chance)
        text = f"{form.claims[0][key]} {form.claims[1][key]}"
        findings.append(PairFinding(key, text, a, b, _ahead(a - b)))
    opening = analysis(made.brief, made.source, chance)
    value = Comparison(tuple(findings), opening, _summary(findings, chance))
    request = request_of(made.prompt, made.source)
    pair = PreferencePair("lesson", request, SLOT, SLOT, Label.TIE)
    ask = PROMPT.compare(pair, form.rubric, anchored=False, sampling=SAMPLING)
    return lesson("comparison", ask, MARKUP.write(value, form.rubric), made.source, *made.tries)


def _ahead(lead: float) -> Label:
    return Label.A if lead > 1e-6 else Label.B if lead < -1e-6 else Label.TIE


def _summary(findings: list[PairFinding], chance: Chance) -> str:
    leads = [
        f.score_a - f.score_b
        for f in findings
        if isinstance(f.score_a, float) and isinstance(f.score_b, float)
    ]
    best = _ahead(fmean(leads))
    return chance.pick(ALIKE if best is Label.TIE else BETTER).format(w=best.value)


def critique(chance: Chance, split: Split) -> Lesson:
    """One image judged, with and without a better request."""
    made = situation(chance, edit=chance.hit(0.5), split=split)
    form = _form(made, ("the image",), chance)
    findings: list[Finding] = []
    for key in form.rubric.keys:
        if key in form.applicable:
            score = _blind_score(form.rubric, chance)
            findings.append(Finding(key, form.claims[0][key], score))
        else:
            findings.append(Finding(key, chance.pick(ABSENT), NA))
    refine = chance.hit(0.7)
    refinement = _refinement(made, split, chance) if refine else None
    refine = refinement is not None
    summary = chance.pick((*ALL_WELL, *AMISS))
    opening = analysis(made.brief, made.source, chance)
    value = Critique(tuple(findings), opening, summary, refinement)
    ask = PROMPT.critique(
        request_of(made.prompt, made.source), SLOT, form.rubric, sampling=SAMPLING, refine=refine
    )
    return lesson("critique", ask, MARKUP.write(value, form.rubric), made.source, *made.tries)


def _refinement(made: Situation, split: Split, chance: Chance) -> Refinement | None:
    """The request in detail, in words of the same split; None where no such wording is found."""
    detailed = detail(made.brief, made.tries[0].scene, made.source, chance)
    for _ in range(8):
        prompt = prompt_of(detailed, chance)
        if in_split(split, prompt):
            return Refinement(_advice(made, made.tries[0], chance), prompt)
    return None


def _advice(made: Situation, drawing: Drawing, chance: Chance) -> str:
    said = [_ADVICE["terse"]] if made.brief.style is Style.TERSE else []
    said += [_ADVICE["flawed"]] if drawing.defect else []
    said += [_ADVICE["edit"]] if made.source and chance.hit(0.5) else []
    return " ".join(said) or _ADVICE[""]
