"""Which format a reply is in, told by the reply itself."""

from __future__ import annotations

import re

from parrot.core.formats.form import Form, ReplyFormat
from parrot.core.formats.grammar import grammar_of
from parrot.core.formats.json_reply import JSON
from parrot.core.formats.markup import MARKUP
from parrot.core.formats.wrapping import normal_lines, without_thinking
from parrot.core.rubric import Rubric

_OPENS_OBJECT = re.compile(r"\s*(?:(?:```|~~~)[^\n]*\n\s*)?\{")


def format_of(text: str, rubric: Rubric, form: Form) -> ReplyFormat:
    """JSON where the content is an object, with or without prose before it; else MARKUP."""
    grammar = grammar_of(rubric, form)
    body = without_thinking(normal_lines(text), grammar.token)
    if body is None:
        return MARKUP
    if _OPENS_OBJECT.match(body):
        return JSON
    speaks_of_it = '"judgement"' in body or '"judgment"' in body
    headed = any(grammar.dimension(token.kind) >= 0 for token in grammar.tokens("\n" + body))
    return JSON if speaks_of_it and not headed else MARKUP
