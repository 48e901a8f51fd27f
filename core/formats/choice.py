"""Free text that closes in a bracketed choice: `[[A>B]]`, `[[B>A]]`, `[[A=B=Good]]`, `[[A=B=Bad]]`."""

from __future__ import annotations

import re

from attrs import frozen

from parrot.core.critiques import Problem, ProblemCode, Reading
from parrot.core.formats.wrapping import normal_lines, without_thinking
from parrot.core.values import Both, Label

_BRACKET = re.compile(r"\[\[([^\[\]\n]{0,60})\]\]")
_NEVER = re.compile(r"(?!)")


@frozen(slots=True)
class Choice:
    """An overall choice; `both` where a tie says that both are good or bad."""

    label: Label
    both: Both | None = None

    def __attrs_post_init__(self) -> None:
        if self.both is not None and self.label is not Label.TIE:
            raise ValueError(f"both={self.both.value} needs the label TIE, not {self.label.value}")

    def mirrored(self) -> Choice:
        """The same choice after A and B change places."""
        return Choice(self.label.mirrored(), self.both)


_WRITTEN = {
    Choice(Label.A): "A>B",
    Choice(Label.B): "B>A",
    Choice(Label.TIE): "A=B",
    Choice(Label.TIE, Both.GOOD): "A=B=Good",
    Choice(Label.TIE, Both.BAD): "A=B=Bad",
}
_NAMED = {text.upper(): choice for choice, text in _WRITTEN.items()}


def first_bracket(text: str) -> str | None:
    """What stands in the first double brackets, whatever it is: GenAI-Bench's own reader."""
    start = text.find("[[")
    end = text.find("]]", start + 2) if start >= 0 else -1
    return text[start + 2 : end] if end >= 0 else None


def choice_named(name: str) -> Choice | None:
    """The choice that a bracket's content is, or None."""
    return _NAMED.get("".join(name.split()).upper())


def read_choice(text: str) -> Reading[Choice | None]:
    """The last choice after any thinking; a problem where an earlier one differs from it."""
    body = without_thinking(normal_lines(text), _NEVER)
    if body is None:
        return Reading(None, (Problem(ProblemCode.UNCLOSED, "the thinking never ends"),))
    said = [c for c in map(choice_named, _BRACKET.findall(body)) if c is not None]
    if not said:
        code = ProblemCode.MISSING if body.strip() else ProblemCode.EMPTY
        return Reading(None, (Problem(code, "no choice in double brackets"),))
    if len(set(said)) > 1:
        return Reading(said[-1], (Problem(ProblemCode.CONFLICTING, "several choices differ"),))
    return Reading(said[-1])


def write_choice(choice: Choice) -> str:
    """The choice as it closes a reply."""
    return f"[[{_WRITTEN[choice]}]]"
