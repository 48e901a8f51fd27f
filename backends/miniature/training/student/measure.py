"""How good a base is, by what it writes on images and requests of the test split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from statistics import fmean
from typing import Any, Final

import torch
from tokenizers import Tokenizer

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.claims import holds
from parrot.backends.miniature.pairs import Split
from parrot.backends.miniature.training.student import checking, forming, seeing
from parrot.backends.miniature.training.student.batches import Encoded, encoded, prompted
from parrot.backends.miniature.training.student.lessons import SPECIALS, STOP, Lesson
from parrot.core.critiques import Comparison, Critique
from parrot.core.formats import MARKUP, Form
from parrot.core.gatherers import claims_of
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE
from parrot.core.values import Label

SPLIT: Final[Split] = "test"
LONGEST: Final = 290
"""Tokens an answer may take; the longest in the lessons have fewer than 270."""
_BATCH: Final = 64
Figures = dict[str, float]
Writer = Callable[[Sequence[Lesson]], list[str]]


class Greedy:
    """Writes the likeliest answers."""

    def __init__(self, model: Any, tokenizer: Tokenizer, device: torch.device) -> None:
        self._model, self._tokenizer, self._device = model, tokenizer, device

    def __call__(self, lessons: Sequence[Lesson]) -> list[str]:
        ready = encoded(self._tokenizer, lessons)
        order = sorted(range(len(ready)), key=lambda i: ready[i].length)
        out: dict[int, str] = {}
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            out |= zip(some, self._written([ready[i] for i in some]), strict=True)
        return [out[i] for i in range(len(ready))]

    def _written(self, batch: list[Encoded]) -> Iterator[str]:
        fed = {k: v.to(self._device) for k, v in prompted(batch).items()}
        with torch.inference_mode():
            made = self._model.generate(**fed, max_new_tokens=LONGEST, do_sample=False)
        stop = SPECIALS.index(STOP)
        for row in made[:, fed["input_ids"].shape[1] :].tolist():
            ended = stop in row
            text = self._tokenizer.decode(row[: row.index(stop)] if ended else row)
            # An answer that never ends is marked, so that it equals no right one.
            yield text if ended else f"{text}\n{STOP} absent"


def measured(write: Writer, count: int, *, seed: int = 0) -> Figures:
    """All figures over `count` lessons of each kind, of the test split."""
    figures: Figures = {}
    for part in (_exact, _questions, _statements, _demands, _forms):
        figures |= part(write, count, seed)
    return {name: round(value, 4) for name, value in figures.items()}


def _lessons(make: Callable[[Chance, Split], Lesson], count: int, seed: int) -> list[Lesson]:
    return [make(Chance("student measure", seed, i), SPLIT) for i in range(count)]


def _exact(write: Writer, count: int, seed: int) -> Figures:
    figures: Figures = {}
    for make in (seeing.caption, seeing.places, seeing.both_places):
        lessons = _lessons(make, count, seed)
        said = write(lessons)
        same = [text == one.answer for text, one in zip(said, lessons, strict=True)]
        figures[f"{lessons[0].kind} exact"] = fmean(same)
    return figures


def _by_line(text: str) -> dict[str, str]:
    """What follows the first colon of each line, by what stands before it."""
    parts = (line.partition(":") for line in text.splitlines())
    return {head.strip(): tail.strip() for head, _, tail in parts}


def _shares(name: str, right: Mapping[str, list[bool]]) -> Figures:
    return {f"{name} {kind}": fmean(held) for kind, held in sorted(right.items())}


def _questions(write: Writer, count: int, seed: int) -> Figures:
    lessons = _lessons(seeing.questions, count, seed)
    right: dict[str, list[bool]] = defaultdict(list)
    for text, one in zip(write(lessons), lessons, strict=True):
        said = [*text.splitlines(), *[""] * seeing.QUESTIONS]
        for wanted, line in zip(one.answer.splitlines(), said, strict=False):
            right[_kind_of(wanted)].append(line == wanted)
    return {"questions": fmean(chain.from_iterable(right.values()))} | _shares("question", right)


def _kind_of(question: str) -> str:
    openings = {
        "What is at": "what",
        "Is there": "is there",
        "Where is": "where",
        "How many": "how many",
        "Which colour": "colour",
        "How large": "size",
        "Which background": "background",
        "How sound": "flaw",
    }
    return next(kind for start, kind in openings.items() if question.startswith(start))


def _statements(write: Writer, count: int, seed: int) -> Figures:
    lessons = _lessons(checking.statements, count, seed)
    right: dict[str, list[bool]] = {"yes": [], "no": []}
    for text, one in zip(write(lessons), lessons, strict=True):
        said = _by_line(text)
        for number, truth in _by_line(one.answer).items():
            right[truth].append(said.get(number) == truth)
    balanced = (fmean(right["yes"]) + fmean(right["no"])) / 2
    return {"statements balanced": balanced} | _shares("statement", right)


def _demands(write: Writer, count: int, seed: int) -> Figures:
    """A mismatch counts as found where its line does not read as one of a met demand."""
    lessons = _lessons(checking.demands, count, seed)
    found: dict[str, list[bool]] = defaultdict(list)
    exact: list[bool] = []
    for i, (text, one) in enumerate(zip(write(lessons), lessons, strict=True)):
        made = checking.demanded(Chance("student measure", seed, i), SPLIT)
        said, wanted = _by_line(text), _by_line(one.answer)
        for kind, what, _ in checking.gone_through(made, made.tries[0]):
            line = said.get(what, "")
            exact.append(line == wanted[what])
            met = checking.is_met(what, line)
            found[kind].append(met if kind == "none" else bool(line) and not met)
    wrong = [kind for kind in found if kind != "none"]
    missed = fmean(fmean(found[kind]) for kind in wrong) if wrong else 0.0
    balanced = (fmean(found["none"]) + missed) / 2
    return {"demands exact": fmean(exact), "demands balanced": balanced} | _shares("demand", found)


def _forms(write: Writer, count: int, seed: int) -> Figures:
    """How many judgements can be read whole, and how many of their claims are true."""
    compared = _lessons(forming.comparison, count, seed)
    critiqued = _lessons(forming.critique, count, seed)
    whole: dict[str, list[bool]] = {"comparison": [], "critique": []}
    true: list[bool] = []
    for i, text in enumerate(write(compared)):
        made = forming.compared(Chance("student measure", seed, i), SPLIT)
        rubric = IMAGE_EDIT if made.source else TEXT_TO_IMAGE
        reading = MARKUP.read(text, rubric, Form.PAIRWISE)
        whole["comparison"].append(not reading.problems and STOP not in text)
        true += _truths(reading.value, dict(zip((Label.A, Label.B), made.tries, strict=True)))
    for text, one in zip(write(critiqued), critiqued, strict=True):
        rubric = IMAGE_EDIT if "Source image:" in one.ask else TEXT_TO_IMAGE
        critique = MARKUP.read(text, rubric, Form.POINTWISE)
        whole["critique"].append(not critique.problems and STOP not in text)
    claims = {"claims true": fmean(true) if true else 0.0}
    return {f"{name} whole": fmean(held) for name, held in whole.items()} | claims


def _truths(value: Comparison | Critique, shown: Mapping[Label, Any]) -> Iterator[bool]:
    if isinstance(value, Comparison):
        for claim in claims_of(value):
            so = holds(claim.text, shown[claim.side])
            if so is not None:
                yield so
