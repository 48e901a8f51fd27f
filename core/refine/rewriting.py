"""Whether a refined request may be drawn: read, looked over, and held against the original."""

from __future__ import annotations

from typing import Final

from parrot.core.critiques import Critique
from parrot.core.evidence import Wishes
from parrot.core.refine.drafts import Fault, Rewrite
from parrot.core.texts import normalised

MOST_WORDS: Final = 300
_FEW: Final = 6  # words of a sentence that may stand in a request by chance
_MARKS: Final = ("# detailed judgement", "## score", "## justification", '"justification"')


def rewrite_of(
    critiques: tuple[Critique, ...], original: str, *, most_words: int = MOST_WORDS
) -> Rewrite | None:
    """The first refined request in the critiques, with its fault; None where none gives one.

    Wishes are not looked at yet (see `checked`). most_words: or twice the original, if that is
    more.
    """
    for critique in critiques:
        if critique.refinement is not None:
            text = critique.refinement.request.strip()
            fault, detail = _fault(text, critique, original, most_words)
            return Rewrite(text, fault, detail)
    return None


def _fault(
    text: str, critique: Critique, original: str, most_words: int
) -> tuple[Fault | None, str]:
    words = len(text.split())
    if not normalised(text):
        return Fault.EMPTY, ""
    if normalised(text) == normalised(original):
        return Fault.UNCHANGED, ""
    if words > max(most_words, 2 * len(original.split())):
        return Fault.TOO_LONG, f"{words} words"
    if repeats(text, critique):
        return Fault.CRITIQUE, ""
    return None, ""


def repeats(text: str, critique: Critique) -> bool:
    """Whether a text is the critique itself, or holds one of its passages."""
    if any(mark in text.casefold() for mark in _MARKS):
        return True
    held = f" {normalised(text)} "
    said = [critique.analysis, critique.summary, *(f.justification for f in critique.findings)]
    if critique.refinement is not None:
        said.append(critique.refinement.comments)
    passages = (normalised(passage) for passage in said)
    return any(f" {p} " in held for p in passages if len(p.split()) >= _FEW)


def checked(rewrite: Rewrite, wishes: Wishes | None) -> Rewrite:
    """The rewrite after its wishes were compared; None: a model was asked and gave no answer."""
    if rewrite.fault is not None:
        return rewrite
    if wishes is None:
        return Rewrite(rewrite.request, Fault.UNCHECKED, "no answer on its wishes", partial=True)
    if wishes.lost:
        return Rewrite(rewrite.request, Fault.LOST, wishes.lost[0], wishes.partial)
    return Rewrite(rewrite.request, partial=wishes.partial)
