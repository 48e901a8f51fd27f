"""The fields of one dimension's section, where some are repeated, quoted, or run into each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from parrot.core.critiques import NA, ProblemCode
from parrot.core.formats.escaping import unescaped
from parrot.core.formats.grammar import JUSTIFICATION, WINNER, Grammar, Token, regions
from parrot.core.formats.sections import Raw, Section
from parrot.core.formats.values import Unread, content_lines, read_winner

_MARK = re.compile(r"\n[^\w\n]*(?:#|\*\*|__|[0-9①-⑳]|(?:[ivx]{1,4}|[a-h])[.):])", re.IGNORECASE)
_OTHER_HEADING = re.compile(r"[ \t]*(?:#{1,6}[ \t]+\S|\**[0-9]{1,2}[.)][^\n]*:[ \t*]*$)")
_TITLE = re.compile(r"[ \t]*(?:#{1,6}[ \t]+\S.*|(\*\*|__).+\1[ \t:]*|.*[:：][ \t*_]*)")
_SAYS_NOTHING = (ProblemCode.MISSING, ProblemCode.NOT_A_SCORE, ProblemCode.NO_WINNER)


class Found(NamedTuple):
    """A dimension's heading, the field headings under it, and where the section ends."""

    heading: Token
    fields: tuple[Token, ...]
    end: int


def is_marked(text: str, token: Token) -> bool:
    """Whether hashes, bold or a number stand before the heading's words."""
    return _MARK.match(text, token.start, token.end) is not None


def section_of(
    text: str, found: Found, grammar: Grammar, *, opener: str, before: Section | None
) -> Section:
    """The section's raw fields.

    opener: the kind of field that begins sections in this reply. before: the section before it;
    where that lacks a value, unnamed text and values here may be its own and are not taken.
    """
    fields = _preferred(text, _own(text, found, grammar))
    fields, conflicts = _single(text, fields, found.end, grammar, last=opener == JUSTIFICATION)
    under = _by_kind(text, fields, found.end)
    values = tuple(conflicts.get(kind, under.get(kind)) for kind in grammar.values)
    number = grammar.dimension(found.heading.kind)
    if not fields and not conflicts:
        return _unnamed(text, found, number, grammar)
    reason: str | None = None
    if JUSTIFICATION in under:
        reason, values = _with_inline(under[JUSTIFICATION], values, grammar)
    elif fields and (before is None or None not in before.values):
        reason = _unnamed_reason(text[found.heading.end : fields[0].start], under, fields)
    if reason is None and _is_outstanding(text, found, values, opener, before):
        reason = ""
    return Section(number, None if reason is None else unescaped(reason, grammar), values)


def _unnamed(text: str, found: Found, number: int, grammar: Grammar) -> Section:
    region = text[found.heading.end : found.end]
    if content_lines(region)[:1] and grammar.score(region) is NA:
        return Section(number, unescaped(region, grammar), ("N/A",) * len(grammar.values))
    reason = unescaped(region, grammar) or None
    return Section(number, reason, (None,) * len(grammar.values))


def _unnamed_reason(lead: str, under: dict[str, str], fields: Sequence[Token]) -> str | None:
    if lead.strip():
        return lead
    _, _, rest = under[fields[-1].kind].strip().partition("\n")
    return rest if rest.strip() else None


def _by_kind(text: str, fields: Sequence[Token], end: int) -> dict[str, str]:
    kinds = [token.kind for token in fields]
    return dict(zip(kinds, regions(text, fields, end), strict=True))


def _is_outstanding(
    text: str, found: Found, values: tuple[Raw, ...], opener: str, before: Section | None
) -> bool:
    """Whether the reply was stopped behind its last score, where justifications follow scores."""
    at_end = found.end == len(text) and opener != JUSTIFICATION and None not in values
    return at_end and (before is None or before.justification is not None)


def _own(text: str, found: Found, grammar: Grammar) -> tuple[Token, ...]:
    """The fields up to where another, unknown section begins without a heading of ours."""
    seen: set[str] = set()
    for index, token in enumerate(found.fields):
        if token.kind in seen and seen.issuperset((JUSTIFICATION, *grammar.values)):
            opens = found.fields[0].kind == token.kind
            if opens and (token.kind == JUSTIFICATION or _under_other(text, token)):
                return found.fields[:index]
        seen.add(token.kind)
    return found.fields


def _under_other(text: str, token: Token) -> bool:
    line = text[: token.start].rstrip().rpartition("\n")[2]
    return _OTHER_HEADING.match(line) is not None


def _preferred(text: str, fields: Sequence[Token]) -> list[Token]:
    """Marked headings where there are any of the kind, and only the first justification."""
    marked = {token.kind for token in fields if is_marked(text, token)}
    kept = [t for t in fields if t.kind not in marked or is_marked(text, t)]
    first = next((t for t in kept if t.kind == JUSTIFICATION), None)
    return [t for t in kept if t.kind != JUSTIFICATION or t is first]


def _single(
    text: str, fields: list[Token], end: int, grammar: Grammar, *, last: bool
) -> tuple[list[Token], dict[str, Raw]]:
    """At most one token a kind; a conflict where several differ and none can be told the real."""
    said = regions(text, fields, end)
    drop: set[int] = set()
    conflicts: dict[str, Raw] = {}
    for kind in grammar.values:
        at = [i for i, token in enumerate(fields) if token.kind == kind]
        if len(at) < 2:
            continue
        chosen = _chosen(kind, [(i, said[i]) for i in at], grammar, last=last)
        if chosen is None:
            conflicts[kind] = Unread(ProblemCode.CONFLICTING, "several that differ")
        drop.update(i for i in at if i != chosen)
    kept = [token for i, token in enumerate(fields) if i not in drop]
    return kept, conflicts


def _chosen(kind: str, said: list[tuple[int, str]], grammar: Grammar, *, last: bool) -> int | None:
    read = [read_winner(raw) if kind == WINNER else grammar.score(raw) for _, raw in said]
    telling = [
        (index, raw, value)
        for (index, raw), value in zip(said, read, strict=True)
        if not (isinstance(value, Unread) and value.code in _SAYS_NOTHING)
    ]
    if len(telling) < 2:
        return telling[0][0] if telling else said[-1][0]
    if all(value == telling[0][2] for _, _, value in telling):
        return telling[-1 if last else 0][0]
    quoted = all(_is_quoted(raw) for _, raw, _ in telling[:-1])
    return telling[-1][0] if last and quoted else None


def _is_quoted(raw: str) -> bool:
    """Whether prose follows the value, and not the title of something that is none of ours."""
    said = raw.rstrip().rpartition("\n")[2]
    return len(content_lines(raw)) > 1 and not _TITLE.fullmatch(said)


def _with_inline(
    reason: str, values: tuple[Raw, ...], grammar: Grammar
) -> tuple[str, tuple[Raw, ...]]:
    """Values that stand, marked, at the end of the justification's last line."""
    absent = [kind for kind, raw in zip(grammar.values, values, strict=True) if raw is None]
    if not absent:
        return reason, values
    mark = next((m for m in grammar.inline.finditer(reason) if reason[m.end()] in "#*_"), None)
    if mark is None or "\n" in reason[mark.start() :].strip():
        return reason, values
    lines = "\n" + grammar.inline.sub("\n", reason[mark.start() :].strip())
    tokens = grammar.tokens(lines)
    if sorted(token.kind for token in tokens) != sorted(absent):
        return reason, values
    said = _by_kind(lines, tokens, len(lines))
    filled = tuple(
        said.get(kind) if raw is None else raw
        for kind, raw in zip(grammar.values, values, strict=True)
    )
    return reason[: mark.start()], filled
