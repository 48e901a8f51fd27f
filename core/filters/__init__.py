"""Consistency filters: pure verdicts on candidates (paper 2.2, and where we go further)."""

from __future__ import annotations

from parrot.core.candidates import Filter, Select
from parrot.core.errors import UnknownNameError
from parrot.core.evidence import Strength
from parrot.core.filters.leaks import find_leak
from parrot.core.filters.projected import KeepsWishes, PreferredScoresHigher, alone
from parrot.core.filters.verdicts import (
    Grounded,
    MarginFitsStrength,
    Predictive,
    ScoresAgree,
    Specific,
    SwapConsistent,
    leak_free,
    well_formed,
)

FILTERS: dict[str, Filter] = {
    "well-formed": well_formed,
    "scores-agree": ScoresAgree(),
    "leak-free": leak_free,
    "margin-fits-strength": MarginFitsStrength(),
    "swap-consistent": SwapConsistent(),
    "predictive-text": Predictive(Strength.TEXT),
    "predictive-masked": Predictive(Strength.MASKED),
    "predictive-sighted": Predictive(Strength.SIGHTED),
    "specific": Specific(),
    "grounded": Grounded(),
}
"""Filters of comparisons, cheap ones first."""

POINTWISE_FILTERS: dict[str, Filter] = {
    "well-formed": well_formed,
    "leak-free": leak_free,
    "alone": alone,
    "preferred-scores-higher": PreferredScoresHigher(),
    "keeps-wishes": KeepsWishes(),
}
"""Filters of projected critiques."""


def needs_of(one: Filter | Select) -> tuple[str, ...]:
    """Names of the evidence that a filter or choice reads; a plain function needs none."""
    return tuple(getattr(one, "needs", ()))


def filter_named(name: str) -> Filter:
    """A shipped filter of comparisons by its name. Raises UnknownNameError."""
    if name not in FILTERS:
        raise UnknownNameError("filter", name, FILTERS)
    return FILTERS[name]


__all__ = [
    "FILTERS",
    "POINTWISE_FILTERS",
    "Grounded",
    "KeepsWishes",
    "MarginFitsStrength",
    "Predictive",
    "PreferredScoresHigher",
    "ScoresAgree",
    "Specific",
    "SwapConsistent",
    "alone",
    "filter_named",
    "find_leak",
    "leak_free",
    "needs_of",
    "well_formed",
]
