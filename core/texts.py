"""Requests compared as texts: normal form, character shingles, their likeness."""

from __future__ import annotations

import re
import unicodedata

SHINGLE = 4
_GAPS = re.compile(r"[\W_]+")


def normalised(text: str) -> str:
    """The text without case, punctuation and spare blanks: what two equal requests share."""
    return _GAPS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def shingles(text: str) -> frozenset[str]:
    """Runs of four characters of the normal form with a blank at each end; at least one."""
    padded = f" {normalised(text)} "
    return frozenset(padded[i : i + SHINGLE] for i in range(max(1, len(padded) - SHINGLE + 1)))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard likeness in [0, 1]: shared shingles over all."""
    return len(one & other) / len(one | other) if one or other else 1.0
