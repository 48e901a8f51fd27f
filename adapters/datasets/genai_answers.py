"""Recorded judge answers on GenAI-Bench: what a judge wrote and what the human voted. No images.

Fields of a line: idx, prompt (generation) or source_prompt, target_prompt, instruct_prompt
(edition), response, model_vote, human_vote, judge, task. Left is A. Reads the file; what a response
says is read by the `choice` reply format, elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

from parrot.adapters.datasets.cells import has, text
from parrot.adapters.datasets.genai_votes import LICENCE, SOURCE, vote_of
from parrot.adapters.datasets.rows import Row, placed_rows
from parrot.adapters.datasets.unique import UniqueIds
from parrot.core.errors import RecordError
from parrot.core.values import Both, Image, Label, PreferencePair, Request


@frozen(slots=True)
class RecordedAnswer:
    """One answer of one judge to one pair.

    id: the pair's, `task/idx`, the same for every judge. prompt: what was asked of the generator
    (of an edit, the instruction). response: the judge's whole answer. label, both: the human's.
    model_vote: the choice as the official reader took it, None where it found none.
    """

    id: str
    task: str
    judge: str
    prompt: str
    response: str = field(repr=False)
    label: Label = field()
    both: Both | None = None
    model_vote: str | None = None

    @property
    def is_edit(self) -> bool:
        return self.task == "image_edition"

    def as_pair(self) -> PreferencePair:
        """The pair without its pictures: each image is a digest of its name over empty bytes.

        Opening one raises ImageError, so only what never looks may use it.
        """
        sources = (self._absent("source"),) if self.is_edit else ()
        return PreferencePair(
            self.id,
            Request(self.prompt, sources),
            self._absent("A"),
            self._absent("B"),
            self.label,
            both=self.both,
            source=SOURCE,
            licence=LICENCE,
        )

    def _absent(self, name: str) -> Image:
        digest = hashlib.sha256(f"absent {self.id} {name}".encode()).hexdigest()
        return Image(digest, "application/octet-stream", b"")


def read_answers(path: str | Path) -> Iterator[RecordedAnswer]:
    """The answers of a file in its order, one at a time.

    Raises RecordError for a line that is broken, lacks a field or repeats a pair and judge, and for
    a file without answers.
    """
    count = 0
    with UniqueIds() as seen:
        for place, row in placed_rows(path):
            try:
                answer = _answer(row)
                before = seen.add(f"{answer.id} {answer.judge}", f"{place.file}:{place.line}")
                if before:
                    message = f"{answer.id!r} of {answer.judge!r} was already at {before}"
                    raise RecordError(message, field="idx")
            except RecordError as error:
                raise error.at(file=place.file, line=place.line) from None
            yield answer
            count += 1
    if not count:
        raise RecordError("has no answers", file=str(path))


def _answer(row: Row) -> RecordedAnswer:
    task = text(row, "task")
    label, both = vote_of(row, "human_vote")
    return RecordedAnswer(
        f"{task}/{text(row, 'idx')}",
        task,
        text(row, "judge"),
        text(row, "instruct_prompt" if task == "image_edition" else "prompt"),
        text(row, "response"),
        label,
        both,
        text(row, "model_vote") if has(row, "model_vote") else None,
    )
