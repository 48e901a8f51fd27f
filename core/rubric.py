"""What is judged: dimensions with headings and levels, a scale, and when each dimension applies.

A rubric is the single source for the names that prompts ask for, readers find and JSON schemas
demand. `TEXT_TO_IMAGE` and `IMAGE_EDIT` carry the headings and level names that the published
RationalRewards checkpoints know (paper App. D, Tables 7-10); the descriptions are our own.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from attrs import field, frozen, validators

from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.values import Request


@frozen(slots=True)
class Scale:
    """Scores run from `low` (worst) to `high` (best), both included.

    Raises ConfigError unless both are finite and the worst is below the best.
    """

    low: float = 1.0
    high: float = 4.0

    def __attrs_post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ConfigError(f"a scale runs from a worst score up to a best, not {self}")

    def holds(self, score: float) -> bool:
        return self.low <= score <= self.high

    def clipped(self, value: float) -> float:
        """The value, or the nearer end of the scale."""
        return min(self.high, max(self.low, value))

    def unit(self, score: float) -> float:
        """The score as a share of the scale, in [0, 1] (paper Eq. 13: (s - 1) / 3)."""
        return (score - self.low) / (self.high - self.low)


_TEXT_WORDS = re.compile(
    r"\b(?:text|word|words|letter|letters|caption|captioned|titled|labell?ed|lettering|font|slogan"
    r"|inscription|handwriting|handwritten|typography|logo|says|saying|reads|reading ['\"]|written"
    r"|spell|spelled|spelling|signage)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"\"[^\"]+\"|“[^”]+”|«[^»]+»|「[^」]+」|(?<!\w)'[^']+'(?!\w)|(?<!\w)‘[^’]+’(?!\w)"
)


_MARKS = frozenset("\"“«「'‘")


def always(_: Request, /) -> bool:
    """Applies to every request."""
    return True


def is_edit(request: Request, /) -> bool:
    """Applies where the request brings source images."""
    return request.is_edit


def asks_for_text(request: Request, /) -> bool:
    """Applies where the request asks for writing in the image: a quotation, or a word for text."""
    return _names_text(request.prompt)


@lru_cache(maxsize=1024)  # orders and samples of one pair ask it again
def _names_text(prompt: str) -> bool:
    quoted = not _MARKS.isdisjoint(prompt) and _QUOTED.search(prompt)
    return bool(quoted or _TEXT_WORDS.search(prompt))


Applies = Callable[[Request], bool]
APPLIES: dict[str, Applies] = {
    "always": always,
    "is-edit": is_edit,
    "asks-for-text": asks_for_text,
}


@frozen(slots=True)
class Level:
    """One step of a dimension: the score it stands for, its name, and what it looks like."""

    score: float
    name: str
    description: str


@frozen(slots=True)
class Dimension:
    """One thing that is judged.

    key: the name in code and files. heading: the words that replies carry. asks: what to look at.
    levels: best first. applies: which requests it is judged for; all others get N/A.
    """

    key: str = field(validator=validators.matches_re(r"[a-z][a-z0-9_]*"))
    heading: str = field(validator=validators.min_len(1))
    asks: str
    levels: tuple[Level, ...] = field()
    applies: Applies = always

    @property
    def optional(self) -> bool:
        """Whether a reply may say N/A."""
        return self.applies is not always


@frozen(slots=True, cache_hash=True)  # caches of prompts and readers are keyed by it
class Rubric:
    """Dimensions in the order replies carry them, on one scale. Keys and headings are unique, and
    every level lies on the scale: raises ConfigError.
    """

    name: str
    dimensions: tuple[Dimension, ...] = field(validator=validators.min_len(1))
    scale: Scale = Scale()

    def __attrs_post_init__(self) -> None:
        judged = self.dimensions
        for names in ([d.key for d in judged], [d.heading.casefold() for d in judged]):
            if len(set(names)) != len(names):
                raise ConfigError(f"rubric {self.name!r} has two dimensions of one name")
        for level in (level for one in judged for level in one.levels):
            if not self.scale.holds(level.score):
                off = f"level {level.name!r} at {level.score:g}, which is off its scale"
                raise ConfigError(f"rubric {self.name!r} has a {off}")

    def __getitem__(self, key: str) -> Dimension:
        for dimension in self.dimensions:
            if dimension.key == key:
                return dimension
        raise UnknownNameError("dimension", key, self.keys)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(d.key for d in self.dimensions)

    def applicable(self, request: Request) -> frozenset[str]:
        """The keys judged for this request; decided once and shared by a pair or group."""
        return frozenset(d.key for d in self.dimensions if d.applies(request))

    @property
    def digest(self) -> str:
        """16 hex digits that change with any change of meaning; of a predicate the name counts.

        Raises ConfigError for one that has no name of its own, such as a lambda, a partial or an object.
        """
        for one in self.dimensions:
            if "<lambda>" in getattr(one.applies, "__qualname__", "<lambda>"):
                raise ConfigError(f"rubric {self.name!r}: {one.key} has a predicate without a name")
        text = json.dumps(rubric_to_dict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _applies_name(applies: Applies) -> str:
    for name, known in APPLIES.items():
        if known is applies:
            return name
    return f"{applies.__module__}:{getattr(applies, '__qualname__', type(applies).__qualname__)}"


def rubric_to_dict(rubric: Rubric) -> dict[str, Any]:
    """The rubric as plain data, as its file form has it."""
    return {
        "name": rubric.name,
        "scale": {"low": rubric.scale.low, "high": rubric.scale.high},
        "dimensions": [
            {
                "key": d.key,
                "heading": d.heading,
                "asks": d.asks,
                "applies": _applies_name(d.applies),
                "levels": [
                    {"score": v.score, "name": v.name, "description": v.description}
                    for v in d.levels
                ],
            }
            for d in rubric.dimensions
        ],
    }


def rubric_from_dict(data: Mapping[str, Any]) -> Rubric:
    """A rubric from its file form. Raises ConfigError that names the field at fault."""
    try:
        scale = Scale(**{k: float(v) for k, v in dict(data.get("scale", {})).items()})
        dimensions = tuple(_dimension(entry) for entry in data["dimensions"])
        return Rubric(str(data["name"]), dimensions, scale)
    except KeyError as error:
        raise ConfigError(f"rubric file lacks the field {error.args[0]!r}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"rubric file: {error}") from None


def _dimension(entry: Mapping[str, Any]) -> Dimension:
    applies = str(entry.get("applies", "always"))
    if applies not in APPLIES:
        raise UnknownNameError("applies", applies, APPLIES)
    levels = tuple(
        Level(float(v["score"]), str(v["name"]), str(v.get("description", "")))
        for v in entry.get("levels", ())
    )
    return Dimension(
        str(entry["key"]),
        str(entry["heading"]),
        str(entry.get("asks", "")),
        levels,
        APPLIES[applies],
    )


def _levels(*steps: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(float(4 - i), name, text) for i, (name, text) in enumerate(steps))


_TEXT_FAITHFULNESS = Dimension(
    "text_faithfulness",
    "Text Faithfulness",
    "Does the image show what the request asks for: every object, number, attribute, place and action?",
    _levels(
        ("Full match", "everything asked for is there and as described"),
        ("Minor mismatch", "one small detail differs"),
        ("Some mismatch", "several details differ, or one that matters"),
        ("Major deviations", "the main subject or action is wrong or absent"),
    ),
)
_IMAGE_FAITHFULNESS = Dimension(
    "image_faithfulness",
    "Image Faithfulness",
    "Does the edited image keep everything of the source image that the request did not ask to change?",
    _levels(
        ("Uses input fully", "all that should stay has stayed"),
        ("Minor mismatch", "a small thing changed without need"),
        ("Partial mismatch", "a noticeable part changed without need"),
        ("Fails to use input", "little of the source is left"),
    ),
    is_edit,
)
_PHYSICAL_QUALITY = Dimension(
    "physical_quality",
    "Physical and Visual Quality",
    "Is the image sound: anatomy, light, perspective, texture, edges, free of blur, noise and stray marks?",
    _levels(
        ("No noticeable flaws", "sound even on a close look"),
        ("Minor flaws", "small flaws that a close look finds"),
        ("Some flaws", "flaws that one sees at once"),
        ("Severe flaws", "flaws that spoil the image"),
    ),
)
_TEXT_RENDERING = Dimension(
    "text_rendering",
    "Text Rendering",
    "Is the writing that the request asks for there, spelled right, whole and legible? "
    "Only where the request asks for writing; N/A otherwise.",
    _levels(
        ("Full match", "all of it right and legible"),
        ("Mostly match", "legible with a small slip"),
        ("Partial match", "partly wrong or hard to read"),
        ("Major deviations", "absent, wrong or illegible"),
    ),
    asks_for_text,
)

TEXT_TO_IMAGE = Rubric("t2i", (_TEXT_FAITHFULNESS, _PHYSICAL_QUALITY, _TEXT_RENDERING))
IMAGE_EDIT = Rubric(
    "edit", (_TEXT_FAITHFULNESS, _IMAGE_FAITHFULNESS, _PHYSICAL_QUALITY, _TEXT_RENDERING)
)
RUBRICS = {rubric.name: rubric for rubric in (TEXT_TO_IMAGE, IMAGE_EDIT)}


def rubric_for(request: Request) -> Rubric:
    """The shipped rubric for a request: `IMAGE_EDIT` where it has sources, else `TEXT_TO_IMAGE`."""
    return IMAGE_EDIT if request.is_edit else TEXT_TO_IMAGE
