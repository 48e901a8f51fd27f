"""Recorded judge answers on GenAI-Bench: what a judge wrote and what the human voted. No images.

Fields of a line: idx, prompt (generation) or source_prompt, target_prompt, instruct_prompt
(edition), response, model_vote, human_vote, judge, task. Left is A. Reads the file; what a response
says is read by the `choice` reply format, elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import field, frozen

from parrot.adapters.datasets.rows import Row, numbered_rows
from parrot.core.errors import RecordError
from parrot.core.values import Both, Image, Label, PreferencePair, Request

SOURCE = "TIGER-Lab/GenAI-Bench"
LICENCE = "MIT"
VOTES: dict[str, tuple[Label, Both | None]] = {
    "leftvote": (Label.A, None),
    "rightvote": (Label.B, None),
    "tievote": (Label.TIE, Both.GOOD),
    "bothbad_vote": (Label.TIE, Both.BAD),
}


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


def vote_of(value: Any) -> tuple[Label, Both | None]:
    """Label and kind of tie that a GenAI-Bench vote stands for. Raises RecordError for another."""
    found = VOTES.get(value) if isinstance(value, str) else None
    if found is None:
        raise RecordError(f"must be one of {', '.join(VOTES)}, not {value!r}")
    return found


def read_answers(path: str | Path) -> Iterator[RecordedAnswer]:
    """The answers of a file in its order, one at a time.

    Raises RecordError for a line that is broken, lacks a field or repeats a pair and judge, and for
    a file without answers.
    """
    file = Path(path)
    seen: set[tuple[str, str]] = set()
    for number, row in numbered_rows(file):
        try:
            answer = _answer(row)
        except RecordError as error:
            raise error.at(file=str(file), line=number) from None
        if (answer.id, answer.judge) in seen:
            message = f"{answer.id!r} of {answer.judge!r} is there twice"
            raise RecordError(message, file=str(file), line=number, field="idx")
        seen.add((answer.id, answer.judge))
        yield answer
    if not seen:
        raise RecordError("has no answers", file=str(file))


def _answer(row: Row) -> RecordedAnswer:
    task = _text(row, "task")
    vote = row.get("human_vote")
    try:
        label, both = vote_of(vote)
    except RecordError as error:
        raise RecordError(error.message, field="human_vote") from None
    if not isinstance(row.get("idx"), int | str):
        raise RecordError("is missing", field="idx")
    return RecordedAnswer(
        f"{task}/{row['idx']}",
        task,
        _text(row, "judge"),
        _text(row, "instruct_prompt" if task == "image_edition" else "prompt"),
        _text(row, "response"),
        label,
        both,
        row.get("model_vote"),
    )


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if value is None:
        raise RecordError("is missing", field=name)
    if not isinstance(value, str):
        raise RecordError(f"must be text, not {value!r}", field=name)
    return value
