"""Sanity probes: what a model sees is changed and the label stays, so that a sound judge must fail.

A judge that agrees with people as often as before looks at something else than it should. Pure; what
needs pixels is handed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from attrs import evolve

from parrot.core.errors import ImageError
from parrot.core.values import Image, PreferencePair, Request, Unloadable

Loaded = PreferencePair | Unloadable


class Probe(StrEnum):
    """What is changed."""

    BLACK_IMAGE = "black-image"  # both images are black: a judge can only guess
    SHUFFLED_REQUEST = "shuffled-request"  # another pair's request: only quality is left to judge
    SWAPPED_ORDER = "swapped-order"  # each image in the other's place: agreement must turn round


def probed(
    pairs: Iterable[Loaded], probe: Probe, *, black: Callable[[Image], Image]
) -> Iterable[Loaded]:
    """The pairs as the probe shows them, in their order, with the labels that they had.

    black: a black image of the same size; where it raises ImageError the pair is Unloadable.
    Shuffled requests need all pairs at once; the other probes take them one at a time.
    """
    if probe is Probe.SHUFFLED_REQUEST:
        return shuffled(tuple(pairs))
    change: Callable[[PreferencePair], Loaded]
    change = swapped if probe is Probe.SWAPPED_ORDER else _blackened(black)
    return (one if isinstance(one, Unloadable) else change(one) for one in pairs)


def swapped(pair: PreferencePair) -> PreferencePair:
    """Each image in the other's place; unlike `mirrored`, the label stays where it was."""
    return evolve(pair, image_a=pair.image_b, image_b=pair.image_a)


def _blackened(black: Callable[[Image], Image]) -> Callable[[PreferencePair], Loaded]:
    def blackened(pair: PreferencePair) -> Loaded:
        try:
            return evolve(pair, image_a=black(pair.image_a), image_b=black(pair.image_b))
        except ImageError as error:
            return Unloadable(pair.id, str(error))

    return blackened


def shuffled(pairs: Sequence[Loaded]) -> tuple[Loaded, ...]:
    """Each pair with another pair's prompt; its images and sources stay.

    The prompt is that of the next pair of the same task with another request, round a circle in an
    order that follows from the ids alone. A pair of a task with one request is Unloadable.
    """
    circle: dict[bool, list[PreferencePair]] = {True: [], False: []}
    for one in pairs:
        if isinstance(one, PreferencePair):
            circle[one.request.is_edit].append(one)
    given: dict[str, str] = {}
    for same in circle.values():
        given |= _next_prompts(sorted(same, key=lambda one: _place(one.id)))
    return tuple(_with_prompt(one, given) for one in pairs)


def _place(pair_id: str) -> bytes:
    return hashlib.sha256(pair_id.encode("utf-8", "surrogatepass")).digest()


def _next_prompts(circle: Sequence[PreferencePair]) -> dict[str, str]:
    """Another prompt for each pair, walking backwards twice round so that each knows its next."""
    found: dict[str, str] = {}
    ahead: str | None = None  # the prompt of the pair behind
    other: str | None = None  # the nearest prompt behind that is not that one
    for one in (*reversed(circle), *reversed(circle)):
        mine = one.request.prompt
        nearest = ahead if ahead != mine else other
        if nearest is not None:
            found[one.id] = nearest
        if mine != ahead:
            ahead, other = mine, ahead
    return found


def _with_prompt(one: Loaded, given: dict[str, str]) -> Loaded:
    if isinstance(one, Unloadable):
        return one
    if one.id not in given:
        return Unloadable(one.id, "no other request of its task is there to show in its place")
    return evolve(one, request=Request(given[one.id], one.request.sources))
