"""A rationale with scores, winners and winner words hidden, so that only its reasons speak."""

from __future__ import annotations

import re

from parrot.core.critiques import Comparison
from parrot.core.rubric import Rubric

HIDDEN = "[...]"

_WINNING = (
    r"winner|winners|wins?|winning|won|loses?|losing|loser|lost|better|worse|best|worst|superior"
    r"|inferior|prefer(?:red|able|ably|s|ence)?|favou?r(?:ed|s|able|ite)?|beats?|outperforms?"
    r"|outperformed|surpass(?:es|ed)?|exceeds?|outdoes|outshines?|excels?|stronger|weaker|tie|tied"
    r"|ties|draw|equal(?:ly)?|edges?\s+out|ahead|behind|trails?|leads?|advantage|edge\s+over"
    r"|comparable|on\s+par|top\s+choice|choice|verdict|overall"
)
_NUMBER = r"\d+(?:[.,]\d+)?"
_SCORE = (
    rf"\b(?:scor(?:e|es|ed|ing)|rat(?:e|es|ed|ing)|points?|marks?|grade[sd]?)\b"
    rf"(?:\W+(?:of|is|at|as|a|an|gets?|with)\b){{0,6}}\W*+{_NUMBER}"
    rf"|{_NUMBER}\s*(?:/|out\s+of)\s*{_NUMBER}|{_NUMBER}\s+(?:points?|marks?)\b"
    rf"|\b{_NUMBER}\s*(?:vs\.?|versus|against)\s*{_NUMBER}"
)
_MASK = re.compile(rf"{_SCORE}|\b(?:{_WINNING})\b", re.IGNORECASE)


def masked_text(text: str) -> str:
    """Text with every score and winner word replaced by `[...]`."""
    return _MASK.sub(HIDDEN, text)


def masked(comparison: Comparison, rubric: Rubric) -> str:
    """The justifications alone, masked, under their dimension's heading; no summary, no score."""
    headings = {d.key: d.heading for d in rubric.dimensions}
    return "\n\n".join(
        f"{headings.get(f.dimension, f.dimension)}:\n{masked_text(f.justification)}"
        for f in comparison.findings
    )
