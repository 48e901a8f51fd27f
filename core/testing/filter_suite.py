"""The conformance suite of filters: pure, total, and the same on mirrored candidates."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from parrot.core.candidates import Candidate, Drop, Filter, Keep, Undecided, Verdict, filter_name
from parrot.core.testing.expecting import UNHURRIED, expect, phases
from parrot.core.testing.strategies import candidates as any_candidates


def check_filter(
    filter_: Filter,
    *,
    candidates: SearchStrategy[Candidate] | None = None,
    max_examples: int = 100,
    shrink: bool = True,
) -> None:
    """Asserts what every filter must do.

    It returns a verdict and raises nothing, decides alike when asked again and when A and B change
    places, and leaves the candidate as it was. candidates: such as carry the evidence that the
    filter reads; without it any candidate is tried. shrink: whether a failing candidate is made small
    before it is told, which takes long.
    """
    name = filter_name(filter_)

    @settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=phases(shrink=shrink),
        suppress_health_check=UNHURRIED,
    )
    @given(any_candidates() if candidates is None else candidates)
    def check(candidate: Candidate) -> None:
        before = deepcopy(candidate)
        verdict = _verdict(filter_, candidate, name)
        expect(_same(candidate, before), f"{name} changes its candidate")
        expect(_verdict(filter_, candidate, name) == verdict, f"{name} does not decide alike twice")
        equal = _verdict(filter_, before, name)
        expect(equal == verdict, f"{name} decides differently on an equal candidate")
        mirrored = _verdict(filter_, candidate.mirrored(), name)
        said = f"{verdict!r} becomes {mirrored!r} when A and B change places"
        expect(type(mirrored) is type(verdict), f"{name} takes sides: {said}")

    check()


def _verdict(filter_: Filter, candidate: Candidate, name: str) -> Verdict:
    try:
        verdict = filter_(candidate)
    except Exception as error:  # whatever it raises is what the suite is looking for
        raise AssertionError(f"{name} raises {error!r} where it must give a verdict") from error
    expect(isinstance(verdict, Keep | Drop | Undecided), f"{name} gives {verdict!r}, no verdict")
    if isinstance(verdict, Drop):
        expect(verdict.reason, f"{name} drops without a reason")
    return verdict


def _same(one: Candidate, other: Candidate) -> bool:
    # Mappings are not hashed or compared by every value, so they are looked into by themselves.
    return one == other and dict(one.evidence) == dict(other.evidence)
