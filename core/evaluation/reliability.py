"""Whether a confidence means what it says: reliability bins, and the expected calibration error.

A confidence is a claim in [0, 1] of being right: the share of votes, or the logistic of a score gap
whose slope was fitted on a development split.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from attrs import asdict, field, frozen, validators

from parrot.core.errors import ProtocolError
from parrot.core.evaluation.voting import Vote
from parrot.core.judgements import Judged
from parrot.core.values import Label

_share = validators.and_(validators.ge(0.0), validators.le(1.0))
_STEEPEST = 1e3  # a split that the gap's sign tells apart wholly would have no end


@frozen(slots=True)
class Claim:
    """How sure a judge was of its winner, in [0, 1], and whether it was right."""

    confidence: float = field(validator=_share)
    right: bool


@frozen(slots=True)
class Bin:
    """Claims with a confidence from `low` to `high`: how many, how sure and how often right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@frozen(slots=True)
class Reliability:
    """bins: those that hold a claim, lowest first. ece: in [0, 1]. n: claims in all."""

    bins: tuple[Bin, ...]
    ece: float
    n: int


def reliability(claims: Iterable[Claim], *, bins: int = 10) -> Reliability | None:
    """Claims in bins of equal width; the ECE is the mean gap between confidence and accuracy,
    weighted by the claims of a bin (Guo et al. 2017, eq. 3). None for no claims."""
    held: dict[int, list[Claim]] = {}
    for claim in claims:
        held.setdefault(min(int(claim.confidence * bins), bins - 1), []).append(claim)
    if not held:
        return None
    found = tuple(_bin(at, held[at], bins) for at in sorted(held))
    n = sum(one.n for one in found)
    ece = math.fsum(one.n * abs(one.accuracy - one.confidence) for one in found) / n
    return Reliability(found, ece, n)


def _bin(at: int, claims: Sequence[Claim], bins: int) -> Bin:
    sure, right = fmean(one.confidence for one in claims), fmean(one.right for one in claims)
    return Bin(at / bins, (at + 1) / bins, len(claims), sure, right)


def reliability_to_dict(found: Reliability | None) -> dict[str, Any] | None:
    """The bins and the error as plain data for JSON, shares to six decimals."""
    if found is None:
        return None
    bins = [{k: round(v, 6) for k, v in asdict(one).items()} for one in found.bins]
    return {"ece": round(found.ece, 6), "n": found.n, "bins": bins}


def vote_claims(votes: Iterable[Vote]) -> tuple[Claim, ...]:
    """The share of votes as confidence, where human and judge both name a winner."""
    return tuple(
        Claim(vote.share, vote.judged.judgement.winner is vote.judged.label)
        for vote in votes
        if _decided(vote.judged.label) and _decided(vote.judged.judgement.winner)
    )


def gap_claims(rows: Iterable[Judged], slope: float) -> tuple[Claim, ...]:
    """The logistic of the score gap as confidence, where the human names a winner and scores differ.

    slope: per unit of score, at least 0 (`fit_slope`).
    """
    return tuple(
        Claim(_logistic(slope * abs(gap)), (gap > 0) == (label is Label.A))
        for gap, label in _gaps(rows)
        if gap
    )


def fit_slope(dev: Iterable[Judged]) -> float:
    """The slope >= 0 under which the development labels are likeliest, by bisection.

    P(A is preferred) = 1 / (1 + exp(-slope * gap)), without a constant, so that mirroring a pair
    mirrors its probability. Raises ProtocolError where no row has a human winner and unequal scores.
    """
    gaps = [gap if label is Label.A else -gap for gap, label in _gaps(dev) if gap]
    if not gaps:
        raise ProtocolError(
            "a confidence from scores is fitted on a development split, and the one given has no "
            "pair with a human winner and unequal scores"
        )
    low, high = 0.0, _STEEPEST / max(abs(gap) for gap in gaps)
    for _ in range(80):
        middle = (low + high) / 2
        rises = math.fsum(gap * _logistic(-middle * gap) for gap in gaps) > 0
        low, high = (middle, high) if rises else (low, middle)
    return low


def _gaps(rows: Iterable[Judged]) -> Iterable[tuple[float, Label]]:
    for row in rows:
        gap = row.judgement.gap
        if gap is not None and _decided(row.label):
            yield gap, row.label


def _decided(label: Label | None) -> bool:
    return label in (Label.A, Label.B)


def _logistic(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))
