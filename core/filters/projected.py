"""Filters of phase 2b: of critiques that were projected from a kept comparison."""

from __future__ import annotations

import re
from statistics import fmean
from typing import ClassVar

from attrs import field, frozen, validators

from parrot.core.candidates import Candidate, Drop, Keep, Undecided, Verdict
from parrot.core.critiques import Critique, settled
from parrot.core.evidence import Wishes
from parrot.core.filters.verdicts import _UNREAD, KEEP, evidence_of, texts_of
from parrot.core.values import Label

_OTHER = re.compile(
    r"\b(?:the|an|any)\s+other\s+(?:image|picture|one|candidate|version|result|option)\b"
    r"|\b(?:image|picture|candidate|option)\s+(?-i:[AB])\b"
    r"|\b(?:both|either|two)\s+(?:images|pictures|candidates|results|versions)\b"
    r"|\b(?:the|this|that|given|reference)\s+(?:reference\s+)?(?:comment|comments|evaluation|comparison|critique\s+above)\b"
    r"|\bcompared\s+(?:to|with)\s+(?:the\s+)?(?:other|another|alternative|second|first)"
    r"(?=\s+(?:image|picture|candidate|version|result|option|one)\b|\s*(?:[.,;:)]|$))"
    r"|\b(?:its|the)\s+(?:counterpart|competitor|alternative)\b"
    r"|\b(?:the\s+)?(?:preferred|losing|winning|rejected)\s+(?:image|picture|one|candidate)\b",
    re.IGNORECASE,
)


def alone(candidate: Candidate, /) -> Verdict:
    """The critique speaks of one image: no word of the other one or of the comparison."""
    for text in texts_of(candidate):
        found = _OTHER.search(text)
        if found:
            return Drop("speaks_of_another", found[0])
    return KEEP


def total(critique: Critique, applicable: frozenset[str]) -> float | None:
    """Mean score over applicable dimensions; None if any has none (paper Eq. 13, before scaling)."""
    scores = [critique.scores.get(key) for key in sorted(applicable)]
    numbers = [s for s in scores if isinstance(s, float | int)]
    return fmean(numbers) if numbers and len(numbers) == len(scores) else None


@frozen(slots=True)
class PreferredScoresHigher:
    """The preferred image's critique has the higher mean; for a TIE they lie within a tolerance."""

    name: ClassVar[str] = "preferred-scores-higher"
    needs: ClassVar[tuple[str, ...]] = ("other-side",)
    tie_tolerance: float = field(default=0.5, validator=validators.ge(0.0))

    def __call__(self, candidate: Candidate, /) -> Verdict:
        other = evidence_of(candidate, "other-side", Critique)
        body, side = candidate.rationale.body, candidate.rationale.side
        if isinstance(other, Undecided):
            return other
        if not isinstance(body, Critique) or side is None:
            return KEEP
        mine, theirs = (total(c, candidate.applicable) for c in (body, other))
        if mine is None or theirs is None:
            return _UNREAD
        gap = settled(mine - theirs if side is Label.A else theirs - mine)
        if candidate.pair.label is Label.TIE:
            near = abs(gap) <= self.tie_tolerance
            return KEEP if near else Drop("not_tied", f"A minus B {gap:+.2f} for a tie")
        right = gap > 0 if candidate.pair.label is Label.A else gap < 0
        return KEEP if right else Drop("preferred_not_higher", f"A minus B {gap:+.2f}")


@frozen(slots=True)
class KeepsWishes:
    """The refined request, where there is one, keeps every wish of the original."""

    name: ClassVar[str] = "keeps-wishes"
    needs: ClassVar[tuple[str, ...]] = ("wishes",)

    def __call__(self, candidate: Candidate, /) -> Verdict:
        body = candidate.rationale.body
        if not isinstance(body, Critique) or body.refinement is None:
            return KEEP
        if not body.refinement.request.strip():
            return Drop("empty_request", "the refined request is empty")
        found = evidence_of(candidate, "wishes", Wishes)
        if isinstance(found, Undecided):
            return found
        by = " (partial: no model was asked)" if found.partial else ""
        return Drop("lost", f"{found.lost[0]}{by}") if found.lost else Keep()
