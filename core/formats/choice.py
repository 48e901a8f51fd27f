"""Free text that closes in a bracketed choice: `[[A>B]]`, `[[B>A]]`, `[[A=B=Good]]`, `[[A=B=Bad]]`."""

from __future__ import annotations

import re

from attrs import frozen

from parrot.core.critiques import Problem, ProblemCode, Reading
from parrot.core.values import Both, Label

_BRACKET = re.compile(r"\[\[([^\[\]\n]{0,60})\]\]")


@frozen(slots=True)
class Choice:
    """An overall choice; `both` where a tie says that both are good or bad."""

    label: Label
    both: Both | None = None


_CHOICES = {
    "A>B": Choice(Label.A),
    "B>A": Choice(Label.B),
    "A=B": Choice(Label.TIE),
    "A=B=GOOD": Choice(Label.TIE, Both.GOOD),
    "A=B=BAD": Choice(Label.TIE, Both.BAD),
}


def first_bracket(text: str) -> str | None:
    """What stands in the first double brackets, whatever it is: GenAI-Bench's own reader."""
    found = _BRACKET.search(text)
    return found[1] if found else None


def choice_named(name: str) -> Choice | None:
    """The choice that a bracket's content is, or None."""
    return _CHOICES.get("".join(name.split()).upper())


def read_choice(text: str) -> Reading[Choice | None]:
    """The last choice in the text; one that differs from an earlier one is told as a problem."""
    said = [c for c in map(choice_named, _BRACKET.findall(text)) if c is not None]
    if not said:
        code = ProblemCode.MISSING if text.strip() else ProblemCode.EMPTY
        return Reading(None, (Problem(code, "no choice in double brackets"),))
    if len(set(said)) > 1:
        return Reading(said[-1], (Problem(ProblemCode.CONFLICTING, "several choices differ"),))
    return Reading(said[-1])


def write_choice(choice: Choice) -> str:
    """The choice as it closes a reply."""
    return next(
        f"[[{name.title() if '=' in name else name}]]"
        for name, c in _CHOICES.items()
        if c == choice
    )
