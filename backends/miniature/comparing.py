"""How the simulated teacher compares two drawings, and where it goes astray when told a label."""

from __future__ import annotations

from attrs import define, field, frozen

from parrot.backends.miniature.briefs import Want
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.checks import PHYSICAL_QUALITY, TEXT_FAITHFULNESS
from parrot.backends.miniature.claims import lacks, sound_or_flawed
from parrot.backends.miniature.errors import ErrorRates
from parrot.backends.miniature.human import TIE_BAND, WEIGHTS
from parrot.backends.miniature.phrases import (
    ABSENT,
    ALIKE,
    BETTER,
    LEAKS,
    LEAKS_OF_TIES,
    VAGUE,
)
from parrot.backends.miniature.telling import Subject, Told, analysis, sentences, told_of
from parrot.backends.miniature.world import FLAWS, HARM, STRENGTHS, Defect
from parrot.core.critiques import NA, Comparison, PairFinding
from parrot.core.rubric import Rubric, Scale
from parrot.core.values import Label

SIDES = (Label.A, Label.B)
_AHEAD = 0.08
"""The least mean lead, as a share of the scale, that a told teacher gives the label's image."""

_VISIBLE = 0.04
"""The least mean lead that survives the rounding of scores."""


@frozen(slots=True)
class Trace:
    """What a reply really holds, told out of band by the simulation.

    leaked: the words that give the hint away. invented: made-up claims by side. ignored: the label
    contradicted what was seen, and was not followed. bent: scores were moved for the label's sake.
    garbled: the reply cannot be read whole. strayed: words of a critique that tell of another image.
    """

    leaked: str | None = None
    invented: tuple[tuple[Label, str], ...] = field(default=())
    ignored: bool = False
    bent: bool = False
    garbled: bool = False
    strayed: str | None = None


@define(slots=True)
class Bench:
    """A comparison in the making."""

    subjects: dict[Label, Subject]
    told: dict[Label, Told]
    scale: Scale
    chance: Chance
    invented: list[tuple[Label, str]] = field(factory=list)
    ignored: bool = False
    bent: bool = False
    remark: str = ""

    def margin(self) -> float:
        """How much better A seems overall, as a share of the scale."""
        a, b = self.told[Label.A].worth, self.told[Label.B].worth
        weights = {k: WEIGHTS.get(k, 1.0) for k in a}
        return sum(w * (a[k] - b[k]) for k, w in weights.items()) / sum(weights.values())

    def lead(self, side: Label) -> float:
        """The plain mean over dimensions of how far a side is ahead."""
        mine, other = self.told[side].worth, self.told[side.mirrored()].worth
        return sum(mine[k] - other[k] for k in mine) / len(mine)


def compared(
    subjects: tuple[Subject, Subject],
    rubric: Rubric,
    applicable: frozenset[str],
    label: Label | None,
    rates: ErrorRates,
    chance: Chance,
) -> tuple[Comparison, Trace]:
    """The comparison that a teacher of these rates writes, and the truth about it."""
    keys = tuple(k for k in rubric.keys if k in applicable)
    by_side = dict(zip(SIDES, subjects, strict=True))
    told = {side: told_of(one, keys, rates, chance) for side, one in by_side.items()}
    bench = Bench(by_side, told, rubric.scale, chance)  # pyright: ignore[reportArgumentType]
    if label is Label.TIE:
        _level(bench, rates)
    elif label is not None:
        _follow(bench, label, rates)
    leak = _leak(label, rates, chance)
    comparison = _written(bench, rubric, applicable, leak, rates)
    return comparison, Trace(leak, tuple(bench.invented), bench.ignored, bench.bent)


def _level(bench: Bench, rates: ErrorRates) -> None:
    """Told of a tie, a teacher that sees a winner evens the scores out."""
    tied = abs(bench.margin()) < TIE_BAND
    if tied and abs(bench.lead(Label.A)) < TIE_BAND:
        return
    if not tied and bench.chance.hit(rates.ignore):
        bench.ignored = True
        return
    a, b = bench.told[Label.A].worth, bench.told[Label.B].worth
    for key in a:
        a[key] = b[key] = (a[key] + b[key]) / 2
    bench.bent = True


def _follow(bench: Bench, label: Label, rates: ErrorRates) -> None:
    """Told of a winner: a made-up flaw of the other image, scores bent, or nothing."""
    loser, chance = label.mirrored(), bench.chance
    margin = bench.margin() if label is Label.A else -bench.margin()
    if margin >= TIE_BAND:
        if chance.hit(rates.embellish):
            _invent(bench, loser)
        if bench.lead(label) < _VISIBLE:
            # Weighed by what matters it is ahead, by the plain mean of the scores it is not.
            _bend(bench, label)
        return
    if chance.hit(rates.ignore):
        bench.ignored = True
        return
    if chance.hit(rates.invent):
        _invent(bench, loser)
    if bench.lead(label) < _AHEAD:
        _bend(bench, label)


def _invent(bench: Bench, side: Label) -> None:
    """A flaw that is not seen: of the image's soundness, or a thing that is there called absent."""
    told, subject, chance = bench.told[side], bench.subjects[side], bench.chance
    items = subject.drawing.scene.items
    there = [w for w in _wants(subject) if any(w.fits(item) for item in items)]
    if there and TEXT_FAITHFULNESS in told.worth and chance.hit(0.4):
        claim, harm = lacks(subject.name, chance.pick(there), chance), 0.4
        key = TEXT_FAITHFULNESS
    else:
        seen = subject.drawing.defect.flaw if subject.drawing.defect else None
        defect = Defect(
            chance.pick([f for f in FLAWS if f is not seen]), chance.pick(STRENGTHS[1:])
        )
        claim, harm = sound_or_flawed(subject.name, defect, chance), HARM[defect.strength]
        key = PHYSICAL_QUALITY if PHYSICAL_QUALITY in told.worth else next(iter(told.worth))
    told.claims[key] = [claim]
    told.worth[key] = max(0.0, told.worth[key] - harm)
    bench.invented.append((side, claim))


def _wants(subject: Subject) -> tuple[Want, ...]:
    brief = subject.brief
    if brief is None:
        return ()
    new = brief.edit.new if brief.edit else None
    return (*brief.wants, new) if new else brief.wants


def _bend(bench: Bench, label: Label) -> None:
    """Worth moved, a little at a time, until the label's image is ahead; with a vague remark."""
    winner, loser = bench.told[label].worth, bench.told[label.mirrored()].worth
    for _ in range(20):
        if bench.lead(label) >= _AHEAD:
            break
        for key in winner:
            winner[key] = min(1.0, winner[key] + 0.1)
            loser[key] = max(0.0, loser[key] - 0.1)
    bench.bent = True
    bench.remark = bench.chance.pick(VAGUE).format(w=label.value)


def _leak(label: Label | None, rates: ErrorRates, chance: Chance) -> str | None:
    if label is None or not chance.hit(rates.leak):
        return None
    if label is Label.TIE:
        return chance.pick(LEAKS_OF_TIES)
    return chance.pick(LEAKS).format(w=label.value)


def _winner(a: float, b: float) -> Label:
    return Label.A if a > b else Label.B if b > a else Label.TIE


def _scores(bench: Bench, key: str, rates: ErrorRates) -> tuple[float, float]:
    """Both images' scores; equal worth stays equal but for the noise of each."""
    chance, scale = bench.chance, bench.scale
    shared = chance.gauss(rates.jitter)
    noise = [chance.gauss(rates.noise) if chance.hit(0.5) else 0.0 for _ in SIDES]
    span = scale.high - scale.low
    a, b = (
        round(scale.clipped(scale.low + span * worth + shared + one), 1)
        for worth, one in zip((bench.told[s].worth[key] for s in SIDES), noise, strict=True)
    )
    return a, b


def _written(
    bench: Bench, rubric: Rubric, applicable: frozenset[str], leak: str | None, rates: ErrorRates
) -> Comparison:
    chance = bench.chance
    at = chance.pick([*bench.told[Label.A].worth, "analysis", "summary"])
    findings: list[PairFinding] = []
    for key in rubric.keys:
        if key not in applicable:
            findings.append(PairFinding(key, chance.pick(ABSENT), NA, NA, NA))
            continue
        text = sentences([*bench.told[Label.A].claims[key], *bench.told[Label.B].claims[key]])
        a, b = _scores(bench, key, rates)
        said = f"{text} {leak}" if leak and key == at else text
        findings.append(PairFinding(key, said, a, b, _winner(a, b)))
    subject = bench.subjects[Label.A]
    opening, summary = analysis(subject.brief, subject.source, chance), _summary(bench, findings)
    if leak and at == "analysis":
        opening = f"{opening} {leak}"
    if leak and at == "summary":
        summary = f"{summary} {leak}"
    return Comparison(tuple(findings), opening, summary)


def _summary(bench: Bench, findings: list[PairFinding]) -> str:
    lead = sum(
        f.score_a - f.score_b
        for f in findings
        if isinstance(f.score_a, float) and isinstance(f.score_b, float)
    )
    best = _winner(round(lead, 6), 0.0)
    words = bench.chance.pick(ALIKE if best is Label.TIE else BETTER).format(w=best.value)
    return f"{words} {bench.remark}".strip()
