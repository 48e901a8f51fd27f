"""The dialects that want one number a drawing: Flow-Factory's JSON, and Edit-R1's pickle.

Neither has a word for absence, so an unscored drawing gets a stand-in (see `core.rewards.imputing`)
and the reply says which.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from parrot.adapters.server.bodies import (
    LooseFields,
    Pictures,
    decoded,
    drawing,
    equally_many,
    fields_of,
)
from parrot.adapters.server.refusing import Refusal, bad
from parrot.adapters.server.unpickling import plain_pickle
from parrot.core.errors import UnscoredError
from parrot.core.rewards.groups import group_key
from parrot.core.rewards.imputing import Imputed, Running, impute
from parrot.core.rewards.values import Drawing, Outcome, Reward


@define(slots=True, eq=False)
class StandIns:
    """The running mean of this server's rewards. Lives on the server's loop."""

    count: int = field(default=0, init=False)
    _running: Running = field(factory=Running, init=False)

    def numbers(self, drawings: Sequence[Drawing], outcomes: Sequence[Outcome]) -> Imputed:
        """A number a drawing. Raises Refusal (503) where nothing was ever scored."""
        totals = [one.total if isinstance(one, Reward) else None for one in outcomes]
        try:
            found, self._running = impute(totals, list(map(group_key, drawings)), self._running)
        except UnscoredError as error:
            raise Refusal(503, f"{error}: {_first(outcomes)}", retry_after=5) from None
        self.count += found.count
        return found


def _first(outcomes: Sequence[Outcome]) -> str:
    failed = next(one for one in outcomes if not isinstance(one, Reward))
    return f"{failed.failure.kind.value}: {failed.failure.detail}"[:200]


class _Compute(LooseFields):
    prompt: list[str]
    image: list[str] | None = None
    video: list[Any] | None = None
    condition_images: list[list[str]] | None = None
    condition_videos: list[Any] | None = None


def read_compute(body: Any, picture: Pictures) -> list[Drawing]:
    """Flow-Factory's columns: prompt, image, and condition_images for edits. Raises Refusal."""
    read = fields_of(body, _Compute)
    if read.image is None or read.video or read.condition_videos:
        raise bad("images are scored: `image` is needed, and videos are not taken")
    equally_many(prompt=read.prompt, image=read.image, condition_images=read.condition_images)
    sources = read.condition_images or [[]] * len(read.image)
    found = []
    for n, (prompt, image, given) in enumerate(zip(read.prompt, read.image, sources, strict=True)):
        place = f"image {n}"
        conditions = [decoded(one, f"{place}, condition") for one in given]
        found.append(drawing(prompt, decoded(image, place), conditions, place, picture))
    return found


def write_compute(found: Imputed) -> dict[str, Any]:
    """{"rewards": [number], "imputed": [bool]}; Flow-Factory's client reads the first."""
    return {"rewards": list(found.values), "imputed": list(found.marks)}


def read_edit_r1(data: bytes, picture: Pictures) -> list[Drawing]:
    """Edit-R1's pickle: images, prompts, and ref_images and metadatas where given. Raises Refusal."""
    body = plain_pickle(data)
    if not isinstance(body, Mapping):
        raise bad("the pickle is no dict")
    images, prompts = _column(body, "images", bytes), _column(body, "prompts", str)
    refs = _column(body, "ref_images", bytes) if body.get("ref_images") is not None else None
    equally_many(images=images, prompts=prompts, ref_images=refs)
    wanted = _requirements(body.get("metadatas"), len(prompts))
    # One object may stand at many places of a pickle: what is looked at is bounded, not only sent.
    if sum(len(one) for one in (*images, *(refs or ()), *prompts, *wanted)) > 2 * len(data):
        raise bad("the pickle says more than it has")
    return [
        drawing(
            f"{prompt}\n{wish}" if wish else prompt,
            image,
            [refs[n]] if refs is not None else [],
            f"image {n}",
            picture,
        )
        for n, (prompt, image, wish) in enumerate(zip(prompts, images, wanted, strict=True))
    ]


def _column(body: Mapping[Any, Any], name: str, kind: type[Any]) -> list[Any]:
    found = body.get(name)
    if not isinstance(found, list | tuple) or not all(isinstance(one, kind) for one in found):
        raise bad(f"the pickle needs {name!r}: a list of {kind.__name__}")
    return list(found)


def _requirements(given: Any, count: int) -> list[str]:
    if not isinstance(given, list | tuple) or len(given) != count:
        return [""] * count
    found = [one.get("requirement") if isinstance(one, Mapping) else None for one in given]
    return [one if isinstance(one, str) else "" for one in found]


def write_edit_r1(found: Imputed) -> bytes:
    """A pickle of {"scores": [number]}, as their client loads it."""
    return pickle.dumps({"scores": list(found.values)})
