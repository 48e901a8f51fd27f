"""How the simulated teacher compares two drawings, and where it goes astray when told a label."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field, frozen

from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import PHYSICAL_QUALITY, Check, checks_of
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.human import TIE_BAND
from parrot.backends.miniature.perception import balance, worth
from parrot.backends.miniature.phrases import LEAKS, LEAKS_OF_TIES, flawed, thing
from parrot.backends.miniature.requests import listed, phrase
from parrot.backends.miniature.world import FLAWS, STRENGTHS, Defect, Drawing, Scene
from parrot.core.critiques import NA, Comparison, PairFinding
from parrot.core.rubric import Rubric
from parrot.core.values import Label

SIDES = (Label.A, Label.B)


@frozen(slots=True)
class Trace:
    """What a reply really holds: a leak, made-up claims by side, and whether it is garbled."""

    leaked: str | None = None
    invented: tuple[tuple[Label, str], ...] = field(default=())
    garbled: bool = False


@define(slots=True)
class Told:
    """A comparison in the making. scores: by side and dimension; claims: sentences likewise."""

    scores: dict[Label, dict[str, float]]
    claims: dict[Label, dict[str, list[str]]]
    invented: list[tuple[Label, str]]


def claims_about(
    name: str, brief: Brief | None, drawing: Drawing, source: Scene | None, keys: tuple[str, ...]
) -> dict[str, list[str]]:
    """Sentences about one drawing by dimension; `name` is what it is called."""
    said: dict[str, list[str]] = {key: [] for key in keys}
    scene = drawing.scene
    known = brief is not None and (brief.edit is None or source is not None)
    checks: list[Check] = checks_of(brief, drawing, source) if brief and known else []
    for check in checks:
        if check.dimension in said and check.want is not None and check.share < 1.0:
            missing = f"{name} lacks {_a(phrase(check.want))}"
            if check.aspect.value != "gone" and missing not in said[check.dimension]:
                said[check.dimension].append(missing)
    shown = [thing(item) for item in scene.items]
    seen = f"{name} shows {listed([_a(t) for t in shown])}" if shown else f"{name} looks empty"
    for key in keys:
        if key == PHYSICAL_QUALITY:
            said[key] = [f"{name} {flawed(drawing.defect)}"]
        elif not said[key]:
            said[key] = [seen]
    return said


def _a(words: str) -> str:
    return f"a {words}"


def compared(
    drawings: tuple[Drawing, Drawing],
    brief: Brief | None,
    source: Scene | None,
    rubric: Rubric,
    applicable: frozenset[str],
    label: Label | None,
    rates: ErrorRates,
    chance: Chance,
) -> tuple[Comparison, Trace]:
    """The comparison that a teacher of these rates writes, and the truth about it."""
    keys = tuple(k for k in rubric.keys if k in applicable)
    values = [worth(brief, d, applicable, source) for d in drawings]
    told = Told(
        {s: _scored(v, rates, chance) for s, v in zip(SIDES, values, strict=True)},
        {
            s: claims_about(f"Image {s}", brief, d, source, keys)
            for s, d in zip(SIDES, drawings, strict=True)
        },
        [],
    )
    if label is not None:
        _bend(told, label, balance(*values), drawings, rates, chance)
    leak = _leak(label, rates, chance)
    comparison = _written(told, rubric, applicable, leak, chance)
    return comparison, Trace(leak, tuple(told.invented), chance.hit(rates.garble))


def _scored(values: Mapping[str, float], rates: ErrorRates, chance: Chance) -> dict[str, float]:
    return {k: _score(1.0 + 3.0 * v + chance.gauss(rates.noise)) for k, v in values.items()}


def _score(value: float) -> float:
    return round(min(4.0, max(1.0, value)), 1)


def _bend(
    told: Told,
    label: Label,
    margin: float,
    drawings: tuple[Drawing, Drawing],
    rates: ErrorRates,
    chance: Chance,
) -> None:
    """What being told does: a made-up flaw, scores pushed, or nothing."""
    if label is Label.TIE:
        if abs(margin) >= TIE_BAND and not chance.hit(rates.ignore):
            mean = {k: (told.scores[Label.A][k] + v) / 2 for k, v in told.scores[Label.B].items()}
            for side in SIDES:
                told.scores[side] = {k: _score(v) for k, v in mean.items()}
        return
    agrees = margin > 0 if label is Label.A else margin < 0
    loser = label.mirrored()
    if agrees and chance.hit(rates.embellish):
        _invent(told, loser, drawings[SIDES.index(loser)], chance)
    elif not agrees and chance.hit(rates.ignore):
        return
    elif not agrees and chance.hit(rates.invent):
        _invent(told, loser, drawings[SIDES.index(loser)], chance)
    if not agrees or _mean(told, label) <= 0:
        _push(told, label)


def _invent(told: Told, side: Label, drawing: Drawing, chance: Chance) -> None:
    seen = drawing.defect.flaw if drawing.defect else None
    flaw = chance.pick([f for f in FLAWS if f is not seen])
    claim = f"Image {side} {flawed(Defect(flaw, chance.pick(STRENGTHS[1:])))}"
    told.claims[side][PHYSICAL_QUALITY] = [claim]
    told.invented.append((side, claim))
    told.scores[side][PHYSICAL_QUALITY] = _score(told.scores[side][PHYSICAL_QUALITY] - 1.5)


def _mean(told: Told, label: Label) -> float:
    gaps = [told.scores[label][k] - v for k, v in told.scores[label.mirrored()].items()]
    return sum(gaps) / len(gaps)


def _push(told: Told, label: Label) -> None:
    """Scores moved until the label's image comes out ahead."""
    loser = label.mirrored()
    for _ in range(12):
        if _mean(told, label) > 0.15:
            return
        told.scores[label] = {k: _score(v + 0.3) for k, v in told.scores[label].items()}
        told.scores[loser] = {k: _score(v - 0.3) for k, v in told.scores[loser].items()}


def _leak(label: Label | None, rates: ErrorRates, chance: Chance) -> str | None:
    if label is None or not chance.hit(rates.leak):
        return None
    if label is Label.TIE:
        return chance.pick(LEAKS_OF_TIES)
    return chance.pick(LEAKS).format(w=label.value)


def _winner(a: float, b: float) -> Label:
    return Label.A if a > b else Label.B if b > a else Label.TIE


def _written(
    told: Told, rubric: Rubric, applicable: frozenset[str], leak: str | None, chance: Chance
) -> Comparison:
    keys = [k for k in rubric.keys if k in applicable]
    at = chance.pick(keys)
    findings: list[PairFinding] = []
    for key in rubric.keys:
        if key not in applicable:
            findings.append(PairFinding(key, "The request asks for none.", NA, NA, NA))
            continue
        sentences = [*told.claims[Label.A][key], *told.claims[Label.B][key]]
        text = ". ".join(sentences) + "."
        if leak and key == at:
            text = f"{text} {leak}"
        a, b = told.scores[Label.A][key], told.scores[Label.B][key]
        findings.append(PairFinding(key, text, a, b, _winner(a, b)))
    total = sum(told.scores[Label.A].values()) - sum(told.scores[Label.B].values())
    best = _winner(total, 0.0)
    summary = "Both come out alike." if best is Label.TIE else f"Image {best} does better overall."
    return Comparison(tuple(findings), "The request names what should be seen.", summary)
