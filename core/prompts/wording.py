"""The words of prompts that are the same for every pair. Ours; a user may load others from a file.

Texts here are joined, never filled in: there are no placeholders.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from attrs import asdict, fields, frozen

from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.rubric import Rubric


@frozen(slots=True, cache_hash=True)  # caches of prompts are keyed by it
class Wording:
    """Fixed texts of the judging prompts. Each stands as it is; headings come from the format."""

    role: str
    pairwise: str
    pointwise: str
    anchored: str
    method: str
    form: str
    refinement: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:8]


OURS = Wording(
    role=(
        "You are a careful judge of images made by image generators. You look before you speak, "
        "you name what you see, and you give a score only after its reasons."
    ),
    pairwise=(
        "You get a request and two images made for it, Image A and Image B (for an edit, the source "
        "image comes first). Compare them on each dimension below. Say of each image by name what "
        "it shows, score both, and name the winner of the dimension, or a tie."
    ),
    pointwise=(
        "You get a request and one image made for it (for an edit, the source image comes first). "
        "Judge the image on each dimension below by what can be seen in it."
    ),
    anchored=(
        "The last line of this message says which image people preferred. Find what in the images "
        "explains it. Let your scores follow from what you see, and let the image that people "
        "preferred come out ahead overall where you can see why; where you see no difference, give "
        "equal scores. Never claim a flaw that is not there. Write as a judge who was told nothing: "
        "no word about the preference, the people, or having known the outcome."
    ),
    method=(
        "For each dimension first choose the level that fits best, then move up or down by tenths "
        "for what you found. Scores may be decimals. Write N/A for a dimension that the request "
        "gives no occasion for."
    ),
    form="Write your answer in exactly this form, with these headings:",
    refinement=(
        "After the summary, say what in the request should be put differently so that the next "
        "image comes out better, then write the whole request anew. Keep every wish of the "
        "original; add only what makes it clearer."
    ),
)


def wording_from_dict(data: Mapping[str, Any]) -> Wording:
    """A wording from a file's fields; absent ones are ours. Raises ConfigError on unknown ones."""
    names = [f.name for f in fields(Wording)]
    for name, text in data.items():
        if name not in names:
            raise UnknownNameError("wording field", name, names)
        if not isinstance(text, str):
            raise ConfigError(f"wording field {name!r} must be a text")
    return Wording(**{**asdict(OURS), **data})


def rubric_text(rubric: Rubric) -> str:
    """The rubric as prompts show it: the scale, then each dimension with its levels, best first."""
    lines = [f"Scores run from {rubric.scale.low:g} (worst) to {rubric.scale.high:g} (best)."]
    for number, dimension in enumerate(rubric.dimensions, start=1):
        lines += ["", f"{number}. {dimension.heading}: {dimension.asks}"]
        lines += [f"   {v.score:g} - {v.name}: {v.description}" for v in dimension.levels]
    return "\n".join(lines)
