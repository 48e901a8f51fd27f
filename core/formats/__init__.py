"""Reply formats: how critiques and comparisons are written and read."""

from __future__ import annotations

from parrot.core.errors import UnknownNameError
from parrot.core.formats.choice import (
    Choice,
    choice_named,
    first_bracket,
    read_choice,
    write_choice,
)
from parrot.core.formats.detecting import format_of
from parrot.core.formats.form import Form, ReplyFormat
from parrot.core.formats.json_reply import JSON
from parrot.core.formats.markup import MARKUP, MARKUP_SCORE_FIRST

FORMATS: dict[str, ReplyFormat] = {f.name: f for f in (MARKUP, MARKUP_SCORE_FIRST, JSON)}


def format_named(name: str) -> ReplyFormat:
    """A reply format by its name. Raises UnknownNameError."""
    if name not in FORMATS:
        raise UnknownNameError("reply format", name, FORMATS)
    return FORMATS[name]


__all__ = [
    "FORMATS",
    "JSON",
    "MARKUP",
    "MARKUP_SCORE_FIRST",
    "Choice",
    "Form",
    "ReplyFormat",
    "choice_named",
    "first_bracket",
    "format_named",
    "format_of",
    "read_choice",
    "write_choice",
]
