"""Phase 2's filters: each a pure function of a candidate, alike on its mirror image.

Evidence that a filter needs is named by `needs`; where it is absent or failed the verdict is
Undecided. What stays is what every filter keeps, so their order changes reasons, never the result.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from attrs import field, frozen, validators

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Candidate, Drop, Keep, Undecided, Verdict
from parrot.core.critiques import NA, Comparison, Critique, PairFinding, settled
from parrot.core.evidence import ClaimAnswers, Prediction, Specificity, Strength
from parrot.core.filters.leaks import find_leak
from parrot.core.values import Label

KEEP = Keep()
T = TypeVar("T")


def evidence_of(candidate: Candidate, name: str, kind: type[T]) -> T | Undecided:
    """The evidence of that name, or why there is none."""
    found = candidate.evidence.get(name)
    if isinstance(found, kind):
        return found
    if isinstance(found, Failed):
        return Undecided(found)
    return Undecided(Failed(FailureKind.NOT_ASKED, f"no evidence {name!r} was gathered", 0))


def texts_of(candidate: Candidate) -> tuple[str, ...]:
    """What a rationale says in words: what a student would learn to write."""
    body, raw = candidate.rationale.body, candidate.rationale.provenance.raw
    said = (body.analysis, *(f.justification for f in body.findings), body.summary)
    if isinstance(body, Critique) and body.refinement:
        said = (*said, body.refinement.comments, body.refinement.request)
    return tuple(t for t in said if t) or ((raw,) if raw else ())


def _scored(finding: object) -> bool:
    if isinstance(finding, PairFinding):
        return finding.score_a is not NA and finding.score_b is not NA
    return getattr(finding, "score", NA) is not NA


def well_formed(candidate: Candidate, /) -> Verdict:
    """Every applicable dimension was read whole, with reasons and scores.

    A reply that carries only a closing choice is well-formed when that choice could be read. Trouble
    in a dimension that does not apply is no matter; a critic's N/A where it applies is missing.
    """
    rationale, applicable = candidate.rationale, candidate.applicable
    for problem in rationale.problems:
        if problem.dimension is None or problem.dimension in applicable:
            return Drop(problem.code.value, problem.detail)
    if not rationale.body.findings and rationale.choice is not None:
        return KEEP
    found = {f.dimension: f for f in rationale.body.findings}
    for key in sorted(applicable):
        if key not in found or not _scored(found[key]):
            return Drop("missing", f"no score for {key}")
        if not found[key].justification.strip():
            return Drop("no_reason", f"no justification for {key}")
    return KEEP


def leak_free(candidate: Candidate, /) -> Verdict:
    """No sentence speaks of the hint or the label."""
    for text in texts_of(candidate):
        found = find_leak(text)
        if found:
            return Drop("leak", found)
    return KEEP


def _sign(number: float) -> Label:
    return Label.A if number > 0 else Label.B if number < 0 else Label.TIE


_UNREAD = Undecided(Failed(FailureKind.UNREADABLE, "an applicable dimension has no score", 0))


@frozen(slots=True)
class ScoresAgree:
    """The scores say what the label says (paper 2.2 asks a model for this; here it is arithmetic).

    The mean of A minus B over applicable dimensions has the label's sign and exceeds `min_margin`;
    for a TIE it lies within `tie_tolerance`. A dimension with a label of its own may be tied, never
    opposite. A closing choice, where that is all there is, must be the label.
    """

    name: ClassVar[str] = "scores-agree"
    needs: ClassVar[tuple[str, ...]] = ()
    min_margin: float = field(default=0.0, validator=validators.ge(0.0))
    tie_tolerance: float = field(default=0.25, validator=validators.ge(0.0))

    def __call__(self, candidate: Candidate, /) -> Verdict:
        body, label = candidate.rationale.body, candidate.pair.label
        if not isinstance(body, Comparison):
            return KEEP
        if not body.findings and candidate.rationale.choice is not None:
            said = candidate.rationale.choice
            return KEEP if said is label else Drop("opposite_choice", f"{said} against {label}")
        margin = body.margin(candidate.applicable)
        if margin is None:
            return _UNREAD
        if label is Label.TIE:
            if abs(margin) > self.tie_tolerance:
                return Drop("not_tied", f"mean margin {margin:+.2f} for a tie")
        elif _sign(margin) is not label:
            return Drop("opposite" if margin else "tied", f"mean margin {margin:+.2f} for {label}")
        elif abs(margin) <= self.min_margin:
            return Drop("margin_too_small", f"mean margin {margin:+.2f}")
        return self._by_dimension(candidate, body)

    def _by_dimension(self, candidate: Candidate, body: Comparison) -> Verdict:
        labels = candidate.pair.dimension_labels
        for finding in body.findings:
            label = labels.get(finding.dimension)
            if label is None or finding.dimension not in candidate.applicable:
                continue
            gap = _gap(finding)
            if gap is None:
                return _UNREAD
            if label is Label.TIE:
                if abs(gap) > self.tie_tolerance:
                    return Drop("dimension_not_tied", f"{finding.dimension}: {gap:+.2f}")
            elif _sign(gap) is label.mirrored():
                return Drop("dimension_opposite", f"{finding.dimension}: {gap:+.2f} for {label}")
        return KEEP


def _gap(finding: PairFinding) -> float | None:
    if isinstance(finding.score_a, float | int) and isinstance(finding.score_b, float | int):
        return settled(finding.score_a - finding.score_b)
    return None


@frozen(slots=True)
class Predictive:
    """The label is predicted again without the hint (paper Eq. 2).

    strength: what the predictor may see. min_probability: with log-probabilities, also demand at
    least this probability of the label, in [0, 1].
    """

    strength: Strength = Strength.TEXT
    min_probability: float = field(default=0.0, validator=[validators.ge(0.0), validators.le(1.0)])

    @property
    def name(self) -> str:
        return f"predictive-{self.strength.value}"

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.strength.value,)

    def __call__(self, candidate: Candidate, /) -> Verdict:
        found = evidence_of(candidate, self.strength.value, Prediction)
        if isinstance(found, Undecided):
            return found
        label = candidate.pair.label
        if found.label is not label:
            said = found.label or "one thing in one order and another in the other"
            return Drop("mispredicted", f"predicted {said}, label {label}")
        if self.min_probability and found.probabilities is None:
            return Undecided(Failed(FailureKind.NOT_ASKED, "the model gives no probabilities", 0))
        odds = 1.0 if found.probabilities is None else found.probabilities.get(label, 0.0)
        if odds < self.min_probability:
            return Drop("improbable", f"P({label}) = {odds:.2f}")
        return KEEP


@frozen(slots=True)
class SwapConsistent:
    """The same sample in the other order, mirrored, names the same winner overall and per dimension.

    ties_differ: whether a tie on one side and a winner on the other count as different.
    """

    name: ClassVar[str] = "swap-consistent"
    needs: ClassVar[tuple[str, ...]] = ("swapped",)
    ties_differ: bool = True

    def __call__(self, candidate: Candidate, /) -> Verdict:
        other = evidence_of(candidate, "swapped", Comparison)
        body = candidate.rationale.body
        if isinstance(other, Undecided):
            return other
        if not isinstance(body, Comparison):
            return KEEP
        own_margin, other_margin = (c.margin(candidate.applicable) for c in (body, other))
        if own_margin is None or other_margin is None:
            return _UNREAD
        if self._differ(_sign(own_margin), _sign(other_margin)):
            return Drop("overall_flips", f"{own_margin:+.2f} and, swapped, {other_margin:+.2f}")
        swapped = {f.dimension: f.winner for f in other.findings}
        for one in body.findings:
            if one.dimension in candidate.applicable and self._differ(
                one.winner, swapped.get(one.dimension, one.winner)
            ):
                return Drop("dimension_flips", one.dimension)
        return KEEP

    def _differ(self, one: object, other: object) -> bool:
        if one is other:
            return False
        return self.ties_differ or (one is not Label.TIE and other is not Label.TIE)


@frozen(slots=True)
class Specific:
    """Re-prediction with this rationale beats that with another pair's.

    With probabilities P(label) must be higher by more than `min_gain`; without, the other pair's
    rationale must lead astray - where it does not, nothing can be told.
    """

    name: ClassVar[str] = "specific"
    needs: ClassVar[tuple[str, ...]] = ("specific",)
    min_gain: float = field(default=0.0, validator=[validators.ge(0.0), validators.le(1.0)])

    def __call__(self, candidate: Candidate, /) -> Verdict:
        found = evidence_of(candidate, "specific", Specificity)
        if isinstance(found, Undecided):
            return found
        label, own, foreign = candidate.pair.label, found.own, found.foreign
        if own.probabilities is not None and foreign.probabilities is not None:
            gain = own.probabilities.get(label, 0.0) - foreign.probabilities.get(label, 0.0)
            return KEEP if gain > self.min_gain else Drop("no_gain", f"gain {gain:+.2f}")
        if own.label is not label:
            return Drop("mispredicted", f"predicted {own.label}, label {label}")
        if foreign.label is label:
            return Undecided(Failed(FailureKind.NOT_ASKED, "needs log-probabilities to tell", 0))
        return KEEP


@frozen(slots=True)
class MarginFitsStrength:
    """A strong preference shows in the scores and a slight one does not tower; unknown ones pass.

    strong, slight: bounds on the pair's strength in [0, 1]. at_least, at_most: bounds on the size
    of the mean margin, in score points, for strong and for slight preferences.
    """

    name: ClassVar[str] = "margin-fits-strength"
    needs: ClassVar[tuple[str, ...]] = ()
    strong: float = 0.8
    at_least: float = 0.25
    slight: float = 0.2
    at_most: float = 2.0

    def __call__(self, candidate: Candidate, /) -> Verdict:
        strength, body = candidate.pair.strength, candidate.rationale.body
        if strength is None or candidate.pair.label is Label.TIE:
            return KEEP
        if not isinstance(body, Comparison) or not body.findings:
            return KEEP
        margin = body.margin(candidate.applicable)
        if margin is None:
            return _UNREAD
        if strength >= self.strong and abs(margin) < self.at_least:
            return Drop("too_slight", f"margin {margin:+.2f}, strength {strength:.2f}")
        if strength <= self.slight and abs(margin) > self.at_most:
            return Drop("too_strong", f"margin {margin:+.2f}, strength {strength:.2f}")
        return KEEP


@frozen(slots=True)
class Grounded:
    """Each claim was asked again of the image alone, and at most `max_refuted` are not so.

    Reasons of which none says which image it is about were not looked at, and do not pass.
    """

    name: ClassVar[str] = "grounded"
    needs: ClassVar[tuple[str, ...]] = ("grounded",)
    max_refuted: int = field(default=0, validator=validators.ge(0))

    def __call__(self, candidate: Candidate, /) -> Verdict:
        found = evidence_of(candidate, "grounded", ClaimAnswers)
        if isinstance(found, Undecided):
            return found
        body = candidate.rationale.body
        reasons = [f.justification.strip() for f in body.findings]
        if isinstance(body, Comparison) and any(reasons) and not found.answers:
            return Drop("no_claims", "no reason says which image it is about")
        refuted = found.refuted
        if len(refuted) <= self.max_refuted:
            return KEEP
        first = refuted[0]
        return Drop("refuted", f"{first.dimension}, image {first.side}: {first.claim}")
