"""Which texts are single tokens of the student: this world's words, headings, and prompt passages.

A tiny model spends most of its time on fixed text, so each paragraph of the shipped judging prompts
is one token. Any other text is spelled in words where they are known, and in bytes where not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import frozen

from parrot.backends.miniature import phrases
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.pairs import Split
from parrot.backends.miniature.training.student import checking, forming, seeing
from parrot.backends.miniature.training.student.lessons import (
    SAMPLING,
    SLOT,
    SPECIALS,
    Lesson,
    request_of,
)
from parrot.backends.miniature.world import LETTERS, Background, Scene
from parrot.core.prompts.checking import check_claims
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE, Rubric
from parrot.core.values import Label, PreferencePair, Request

PIECES: Final = r"\.\d(?!\d)| ?\d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\n+|\s+(?!\S)|\s+"
"""How text is cut before words are looked up: a score such as " 3.4" becomes " 3" and ".4"."""
RUBRICS: Final = (TEXT_TO_IMAGE, IMAGE_EDIT)
_SAMPLE: Final = 1200  # lessons of each kind that words are gathered from
_FIXED: Final = (
    seeing.DESCRIBE,
    seeing.LIST,
    seeing.LIST_BOTH,
    seeing.ANSWER,
    checking.GO_THROUGH,
    "Request:\n=====\n",
    "\n=====\n",
    "Statements:\n=====\n",
    "For this request, write N/A for: Text Rendering.",
)
_HEADINGS: Final = (
    "# User Request Analysis\n",
    "\n# Detailed Judgement",
    "\n## Justification:",
    "\n## Score:",
    "\n## Score A:",
    "\n## Score B:",
    "\n## Winner:",
    "\n# Summary:",
    "\n\n# User Request Refinement:",
    "\n## Refinement Comments:",
    "\n## Refined Request:",
)
LESSONS: Final[tuple[Callable[[Chance, Split], Lesson], ...]] = (
    seeing.caption,
    seeing.places,
    seeing.both_places,
    seeing.questions,
    checking.statements,
    checking.demands,
    forming.comparison,
    forming.critique,
)


@frozen(slots=True)
class Vocabulary:
    """Ids in order: the special tokens, 256 bytes, the words, then the passages."""

    words: tuple[str, ...]
    passages: tuple[str, ...]

    def __len__(self) -> int:
        return len(SPECIALS) + 256 + len(self.words) + len(self.passages)


def passages() -> tuple[str, ...]:
    """Texts that are one token wherever they stand, longest first."""
    found = [*_FIXED, *_HEADINGS, *_numbered_headings(), *_openings()]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (-len(one), one)))


def _numbered_headings() -> Iterator[str]:
    for rubric in RUBRICS:
        for number, dimension in enumerate(rubric.dimensions, start=1):
            yield f"\n{number}. {dimension.heading}:"


def _openings() -> Iterator[str]:
    """The paragraphs of every system text that a student is asked with."""
    for rubric, source in zip(RUBRICS, (None, Scene((), Background.WHITE)), strict=True):
        for text in _systems(rubric, request_of("", source)):
            *parts, last = text.split("\n\n")
            yield from (f"{part}\n\n" for part in parts)
            yield last
    ask = check_claims(request_of("", None), SLOT, (), sampling=SAMPLING)
    yield str(ask.turns[0].parts[0])
    yield str(ask.turns[1].parts[-1])


def _systems(rubric: Rubric, request: Request) -> Iterator[str]:
    prompt = forming.PROMPT
    pair = PreferencePair("passages", request, SLOT, SLOT, Label.TIE)
    yield str(prompt.compare(pair, rubric, anchored=False, sampling=SAMPLING).turns[0].parts[0])
    for refine in (True, False):
        ask = prompt.critique(request, SLOT, rubric, sampling=SAMPLING, refine=refine)
        yield str(ask.turns[0].parts[0])


def texts() -> Iterator[str]:
    """Texts whose words are worth a token each: lessons, phrases, letters and numbers."""
    for make in LESSONS:
        for index in range(_SAMPLE):
            one = make(Chance("student vocabulary", index), "train")
            yield from (one.ask, one.answer)
    for bank in (
        phrases.LEAKS,
        phrases.LEAKS_OF_TIES,
        phrases.VAGUE,
        phrases.OPENINGS,
        phrases.BETTER,
        phrases.ALIKE,
        phrases.ANOTHER,
        phrases.ABSENT,
        phrases.ALL_WELL,
        phrases.AMISS,
    ):
        for line in bank:
            yield from (line.format(w=w) for w in "AB")
    yield " circles squares triangles crosses"
    yield " second third fourth fifth five unsure"
    yield " ".join(LETTERS)
    yield "".join(f" {n} .{n}{n}\n.{n}" for n in range(10))


def gathered(cut: Callable[[str], Iterable[str]]) -> Vocabulary:
    """The vocabulary of these texts. cut: the pieces of a text that no passage covers."""
    words = {piece for text in texts() for piece in cut(text) if len(piece.encode()) > 1}
    return Vocabulary(tuple(sorted(words)), passages())
