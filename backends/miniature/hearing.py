"""An ask taken apart as a reader of prompts would: its kind, request, images, outline and hint.

Everything comes from the ask's words and the places of its images. Text between marks is the
user's or another model's; no order, heading or hint is taken from it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from parrot.backends.miniature.telling import KNOWN
from parrot.core.asks import Ask
from parrot.core.formats import JSON, MARKUP, MARKUP_SCORE_FIRST, ReplyFormat
from parrot.core.prompts.checking import ONE_WORD, REFINED, STATEMENTS
from parrot.core.prompts.fences import RATIONALE, REQUEST, unfenced
from parrot.core.prompts.judging import HINT
from parrot.core.prompts.projecting import REFERENCE
from parrot.core.rubric import IMAGE_EDIT, Dimension, Rubric, Scale, always
from parrot.core.values import Image, Label, Request


class Kind(StrEnum):
    """What an ask wants to have."""

    COMPARISON = "comparison"
    CRITIQUE = "critique"
    PREDICTION = "prediction"
    CLAIMS = "claims"
    WISHES = "wishes"


@frozen(slots=True)
class Outline:
    """The form that a reply should have. refine: whether a refined request belongs to it."""

    rubric: Rubric
    format: ReplyFormat
    pairwise: bool
    refine: bool


@frozen(slots=True)
class Heard:
    """An ask taken apart. side: which image of the evaluation the judged one is, where it is said."""

    kind: Kind
    words: tuple[str, ...]
    prompt: str
    sources: tuple[Image, ...]
    shown: tuple[Image, ...]
    outline: Outline
    hint: Label | None
    side: Label | None
    absent: frozenset[str] | None = field(default=None)

    @property
    def applicable(self) -> frozenset[str]:
        """Which dimensions the request gives occasion for: as told, else as the words suggest."""
        if self.absent is not None:
            return frozenset(k for k in self.outline.rubric.keys if k not in self.absent)
        return self.outline.rubric.applicable(Request(self.prompt, self.sources))

    def told(self, title: str) -> str:
        """The text between marks under a title, empty where there is none."""
        return next((t for w in self.words if (t := unfenced(title, w)) is not None), "")


_HINT = re.compile(
    re.escape(HINT.partition(":")[2].strip() or HINT) + r"\s*(A|B|Tie)\b", re.IGNORECASE
)
_SIDE = re.compile(re.escape(REFERENCE) + r"([AB])\.")
_ABSENT = re.compile(r"^For this request, write N/A for: (.+)\.$", re.MULTILINE)
_LINE = re.compile(r"^\d{1,2}\. ([^:\n]{2,60}):[ \t]*$", re.MULTILINE)
_KEY = re.compile(r"\"([a-z][a-z0-9_]*)\": \{\s*\"justification\"")
_SCALE = re.compile(r"Scores run from (-?[\d.]+) \(worst\) to (-?[\d.]+) \(best\)")
_HEADINGS: Final = {d.heading: d for d in IMAGE_EDIT.dimensions}
_BY_KEY: Final = {d.key: d for d in IMAGE_EDIT.dimensions}


def heard(ask: Ask) -> Heard:
    """The ask taken apart."""
    words = tuple(p for t in ask.turns for p in t.parts if isinstance(p, str))
    own = tuple(w for w in words if "\n=====" not in w)
    kind = _kind(words)
    outline = outline_of(max(own, key=len, default=""))
    sources, shown = _images(ask)
    if kind is None:
        kind = Kind.COMPARISON if outline.pairwise else Kind.CRITIQUE
    hint = next((m for w in own if (m := _HINT.search(w))), None)
    side = next((m for w in own if (m := _SIDE.search(w))), None)
    return Heard(
        kind,
        words,
        _prompt(words),
        sources,
        shown,
        outline,
        Label(hint[1].upper()) if hint else None,
        Label(side[1]) if side else None,
        _absent(own, outline.rubric),
    )


def _kind(words: tuple[str, ...]) -> Kind | None:
    if words and words[-1] == ONE_WORD:
        return Kind.PREDICTION
    for word in words:
        if word.startswith(f"{STATEMENTS}\n"):
            return Kind.CLAIMS
        if word.startswith(f"{REFINED}\n"):
            return Kind.WISHES
    return None


def _prompt(words: tuple[str, ...]) -> str:
    return next((t for w in words if (t := unfenced(REQUEST, w)) is not None), "")


def _images(ask: Ask) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
    """Source images, and the images that are judged; the words before each tell which it is."""
    sources: list[Image] = []
    shown: list[Image] = []
    before = ""
    for turn in ask.turns:
        for part in turn.parts:
            if isinstance(part, str):
                before = part
            elif before.lstrip().lower().startswith("source"):
                sources.append(part)
            else:
                shown.append(part)
    return tuple(sources), tuple(shown)


def _absent(own: tuple[str, ...], rubric: Rubric) -> frozenset[str] | None:
    found = next((m for w in own if (m := _ABSENT.search(w))), None)
    if not found:
        return None
    named = set(found[1].split(", "))
    return frozenset(d.key for d in rubric.dimensions if d.heading in named)


@lru_cache(maxsize=64)
def outline_of(guideline: str) -> Outline:
    """The form that a guideline asks for: its headings or keys, their order, its scale."""
    in_json = tuple(dict.fromkeys(_KEY.findall(guideline)))
    headings = () if in_json else tuple(dict.fromkeys(_LINE.findall(guideline)))
    dimensions = tuple(_BY_KEY.get(k) or _own(k, k) for k in in_json) or tuple(
        _HEADINGS.get(h) or _own(h, _slug(h)) for h in headings
    )
    scale = _SCALE.search(guideline)
    rubric = Rubric(
        "heard",
        dimensions or IMAGE_EDIT.dimensions,
        Scale(float(scale[1]), float(scale[2])) if scale else Scale(),
    )
    score, reason = guideline.find("## Score"), guideline.find("## Justification")
    markup = MARKUP_SCORE_FIRST if -1 < score < reason else MARKUP
    return Outline(
        rubric,
        JSON if in_json else markup,
        pairwise="Score A" in guideline or '"score_a"' in guideline,
        refine="Refined Request" in guideline or '"refinement"' in guideline,
    )


def _own(heading: str, key: str) -> Dimension:
    """A dimension of a user's own rubric; its key is ours to choose, replies carry its heading."""
    return Dimension(key, heading, "", (), always)


def _slug(heading: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")
    return slug if slug[:1].isalpha() and slug not in KNOWN else f"own_{slug}"


__all__ = ["RATIONALE", "STATEMENTS", "Heard", "Kind", "Outline", "heard", "outline_of"]
