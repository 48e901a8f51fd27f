"""Deliberately wrong filters: what the filters' conformance suite must catch.

Each says in one line what it does wrong; all else about it is right.
"""

from __future__ import annotations

import hashlib
from random import Random

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Candidate, Drop, Filter, Keep, Undecided, Verdict
from parrot.core.values import Label


def takes_sides(candidate: Candidate) -> Verdict:
    """Keeps what people preferred only where that is A."""
    return Keep() if candidate.pair.label is Label.A else Drop("not_a")


def tosses_a_coin(_: Candidate) -> Verdict:
    """Decides by chance."""
    return Keep() if _COIN.random() < 0.5 else Drop("tails")


_COIN = Random(1)


def leaves_its_mark(candidate: Candidate) -> Verdict:
    """Writes into the evidence."""
    candidate.evidence["seen"] = True  # type: ignore[index]
    return Keep()


def raises_to_say_no(candidate: Candidate) -> Verdict:
    """Raises where it should drop."""
    if candidate.rationale.problems:
        raise ValueError("has problems")
    return Keep()


def says_yes_or_no(candidate: Candidate) -> Verdict:
    """Gives a bool."""
    return not candidate.rationale.problems  # type: ignore[return-value]


def drops_in_silence(candidate: Candidate) -> Verdict:
    """Drops without a reason."""
    return Drop("") if candidate.rationale.problems else Keep()


def never_twice(candidate: Candidate) -> Verdict:
    """Drops what it has met before: the order of candidates decides."""
    digest = hashlib.sha256(repr(candidate).encode("utf-8", "replace")).digest()
    met = digest in _MET
    _MET.add(digest)
    return Undecided(Failed(FailureKind.REJECTED, "met before")) if met else Keep()


_MET: set[bytes] = set()

FILTERS: tuple[Filter, ...] = (
    takes_sides,
    tosses_a_coin,
    leaves_its_mark,
    raises_to_say_no,
    says_yes_or_no,
    drops_in_silence,
    never_twice,
)
