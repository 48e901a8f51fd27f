"""`POST /score`: this library's own form, with rewards per dimension and an error an item.

And UniRL's, which has the same path and is told by its field `requests`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from parrot.adapters.server.bodies import (
    Fields,
    LooseFields,
    Pictures,
    decoded,
    drawing,
    fields_of,
)
from parrot.adapters.server.refusing import bad
from parrot.core.records.bodies import body_to_record
from parrot.core.rewards.values import Drawing, Outcome, Reward, Unscored

NAME = "parrot"
"""The reward's name among those that a UniRL service offers."""


class _Item(Fields):
    prompt: str
    image: str
    sources: list[str] = Field(default_factory=list, max_length=16)


class _Native(Fields):
    items: list[_Item] = Field(min_length=1)
    critiques: bool = False


class _Turn(LooseFields):
    text: str
    image_b64: str | None = None
    video_b64: str | None = None
    video_path: str | None = None


class _Asked(LooseFields):
    history: list[_Turn] = Field(min_length=1, max_length=16)
    required_rewards: list[str]


class _UniRL(LooseFields):
    requests: list[_Asked]


def is_unirl(body: Any) -> bool:
    """Whether a body of `/score` speaks UniRL."""
    return isinstance(body, dict) and "requests" in body


def read_native(body: Any, picture: Pictures) -> tuple[list[Drawing], bool]:
    """The drawings, and whether critiques are wanted. Raises Refusal."""
    read = fields_of(body, _Native)
    found = []
    for n, item in enumerate(read.items):
        place = f"items.{n}"
        sources = [decoded(one, f"{place}.sources") for one in item.sources]
        image = decoded(item.image, f"{place}.image")
        found.append(drawing(item.prompt, image, sources, place, picture))
    return found, read.critiques


def write_native(outcomes: Sequence[Outcome], model: str, *, critiques: bool) -> dict[str, Any]:
    """{"model", "results": [{"total", "dimensions", "error", "critiques"?}]}; no NaN, ever."""
    return {"model": model, "results": [_result(one, critiques=critiques) for one in outcomes]}


def _result(outcome: Outcome, *, critiques: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "total": outcome.total if isinstance(outcome, Reward) else None,
        "dimensions": dict(outcome.dimensions),
        "error": None if isinstance(outcome, Reward) else _error(outcome),
    }
    if critiques:
        told["critiques"] = [body_to_record(one) for one in outcome.critiques]
    return told


def _error(outcome: Unscored) -> dict[str, str]:
    return {"kind": outcome.failure.kind.value, "detail": outcome.failure.detail}


def read_unirl(body: Any, picture: Pictures) -> list[Drawing]:
    """One drawing a request: its last turn's image; images of earlier turns are its sources.

    Raises Refusal, also for video, a path of any kind, and a reward that is not offered.
    """
    return [
        _of_history(one, f"requests.{n}", picture)
        for n, one in enumerate(fields_of(body, _UniRL).requests)
    ]


def _of_history(asked: _Asked, place: str, picture: Pictures) -> Drawing:
    unknown = [name for name in asked.required_rewards if name != NAME]
    if unknown:
        raise bad(f"{place}: unknown reward {unknown[0][:80]!r}; available: {NAME}")
    images = []
    for turn in asked.history:
        if turn.video_b64 is not None or turn.video_path is not None:
            raise bad(f"{place}: only inline images are scored, no video")
        if turn.image_b64 is not None:
            images.append(decoded(turn.image_b64, place))
    if asked.history[-1].image_b64 is None:
        raise bad(f"{place}: the last turn has no image")
    *sources, image = images
    # For an edit their history repeats the instruction, source first.
    prompt = next((turn.text for turn in asked.history if turn.text), "")
    return drawing(prompt, image, sources, place, picture)


def write_unirl(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """{"results": [{name: {metric: number}}], "errors": [{name: reason}]}: absent where unscored."""
    results = [
        {NAME: {"total": one.total, **one.dimensions}} if isinstance(one, Reward) else {}
        for one in outcomes
    ]
    errors = [
        {NAME: f"{one.failure.kind.value}: {one.failure.detail}"}
        if isinstance(one, Unscored)
        else {}
        for one in outcomes
    ]
    return {"results": results, "errors": errors}
