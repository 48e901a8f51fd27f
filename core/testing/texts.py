"""Hypothesis strategies for texts: plain prose, and texts made to be mistaken for a reader's marks.

All are stripped, since reply formats carry texts up to surrounding whitespace.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

HOSTILE_PIECES = (
    "# User Request Analysis",
    "# User Request Analysis:",
    "# Detailed Judgement",
    "1. Text Faithfulness:",
    "2. Physical and Visual Quality:",
    "Text Rendering:",
    "**Text Rendering**: fine",
    "3. Text Rendering: N/A",
    "## Justification:",
    "## Score: 4",
    "**Score A:** 3.5/4",
    "## Score B：1",
    "## Winner: Image A",
    "Winner: B",
    "# Summary:",
    "# User Request Refinement:",
    "## Refinement Comments:",
    "## Refined Request: a cat",
    "[[A>B]]",
    "[[A=B=Good]]",
    "[3.5]",
    "[a cat on a mat]",
    "N/A",
    "N/A (0 words)",
    "```",
    "```json",
    "~~~",
    "<think>",
    "</think>",
    "{",
    '{"judgement": {}}',
    '"score": 4',
    "\\",
    "\\# Summary:",
    "\\\\r",
    "\\r",
    "\\n",
    "<image>",
    "{prompt}",
    "Image A",
    "score 3.5",
    "：",
    "---",
    "***",
    "> # Summary:",
    "猫がいる",
    "🦜",
)
"""What a reader could mistake for its own marks."""

_GLUE = ("\n", "\n", "\n", "\n\n", " ", " ", "", "\r\n", "\r", "\t", "\u2028", "\u2029", "\x85")
_PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t"),
    max_size=40,
)
_WORDS = (
    "the", "a", "cat", "dog", "sign", "reads", "stands", "left of", "two", "red", "hats", "blurred",
    "edges", "hand", "with six", "fingers", "image", "keeps", "source", "light", "is", "plausible",
    "but", "shadow", "falls", "wrong", "and", "letters", "are", "crisp",
)  # fmt: skip


def prose(*, max_words: int = 30) -> SearchStrategy[str]:
    """Plain sentences, as a judge writes them: no line begins with a mark of any format."""
    sentence = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=max_words).map(
        lambda words: " ".join(words).capitalize() + "."
    )
    return st.lists(sentence, min_size=1, max_size=4).map("\n".join)


@st.composite
def _glued(draw: st.DrawFn) -> str:
    piece = st.sampled_from(HOSTILE_PIECES) | _PLAIN
    out = [draw(piece)]
    for _ in range(draw(st.integers(0, 6))):
        out += [draw(st.sampled_from(_GLUE)), draw(piece)]
    return "".join(out).strip()


def texts() -> SearchStrategy[str]:
    """Stripped texts, many of them hostile to readers; never with a lone surrogate."""
    return _glued() | prose() | _PLAIN.map(str.strip)


def names() -> SearchStrategy[str]:
    """Short names without surrounding space, as ids and sources have them."""
    return st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=12)
