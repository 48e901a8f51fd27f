"""Which of many heading lines are the reply's own, where they do not stand once each and in order.

Headings are also quoted: in the analysis, in a justification, in a summary. The rules:

1. The judgement is the last `# Detailed Judgement` that has a dimension with a field right under
   it; all before it is analysis. Where an earlier one holds more dimensions (the last is a
   quotation near the end, or a reply cut after a quotation), only what both say alike counts.
2. Lines inside inner code blocks are quoted, unless the whole judgement stands in one.
3. A dimension's heading is real where the field that opens sections follows it. Only a dimension
   without such a heading may have one before another field, or before none.
4. Headings with marks (hashes, bold, numbers) are preferred to bare words.
5. A justification reaches to the last fields of its section. A value that is followed by prose and
   then by another of the same name was quoted; two side by side are a conflict.
6. The first summary or refinement after a whole section ends the judgement. Sections that follow
   even so count only where they say the same.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from parrot.core.formats.fields import Found, is_marked, section_of
from parrot.core.formats.grammar import (
    ANALYSIS,
    ENDERS,
    JUDGEMENT,
    JUSTIFICATION,
    Grammar,
    Token,
)
from parrot.core.formats.sections import Section
from parrot.core.formats.wrapping import fenced_spans


class Resolved(NamedTuple):
    """The reply's own parts, in `text`. rival: sections of another judgement in it, if any.

    analysis: from where to where. tail: the headings after the judgement.
    """

    text: str
    analysis: tuple[int, int]
    sections: tuple[Section, ...]
    tail: tuple[Token, ...]
    rival: tuple[Section, ...] | None


def resolve(text: str, grammar: Grammar) -> Resolved:
    """The parts of a reply whose headings are not in order; `text` begins with a line break."""
    text, tokens = _unfolded(text, grammar)
    tokens = _unquoted(text, tokens, grammar)
    blocks = _judgements(text, tokens, grammar)
    start = blocks[-1] if blocks else -1
    block = [t for t in tokens[start + 1 :] if t.kind not in (ANALYSIS, JUDGEMENT)]
    sections, first, tail = _sections(text, block, grammar)
    rival = _rival(text, tokens, blocks, tail, grammar)
    end = tokens[start].start if start >= 0 else first
    opening = next((t.end for t in tokens if t.kind == ANALYSIS and t.start < end), 0)
    return Resolved(text, (opening, end), sections, tuple(tail), rival)


def _unfolded(text: str, grammar: Grammar) -> tuple[str, list[Token]]:
    """Fields that stand on one line, or all on one line, each on a line of its own."""
    tokens = grammar.tokens(text)
    if not any(grammar.dimension(token.kind) >= 0 for token in tokens):
        text = grammar.flattened.sub("\n", text)
        tokens = grammar.tokens(text)
    for cuts_in in (_cuts_in_headings, _cuts_in_values):
        cuts = cuts_in(text, tokens, grammar)
        if cuts:
            text = _cut(text, cuts)
            tokens = grammar.tokens(text)
    return text, tokens


def _rest(text: str, token: Token) -> str:
    stop = text.find("\n", token.end)
    return text[token.end : stop if stop >= 0 else len(text)]


def _cuts_in_headings(text: str, tokens: Sequence[Token], grammar: Grammar) -> list[int]:
    fields = _fields(grammar)
    cuts = []
    for token in tokens:
        if grammar.dimension(token.kind) >= 0 and (rest := _rest(text, token).lstrip()):
            inner = grammar.token.match("\n" + rest)
            if inner and grammar.kinds[inner.lastindex or 0] in fields:
                cuts.append(token.end)
    return cuts


def _cuts_in_values(text: str, tokens: Sequence[Token], grammar: Grammar) -> list[int]:
    return [
        token.end + mark.start()
        for token in tokens
        if token.kind in grammar.values
        for mark in grammar.inline.finditer(_rest(text, token))
    ]


def _cut(text: str, cuts: Sequence[int]) -> str:
    ends = [*cuts, len(text)]
    starts = [0, *cuts]
    return "\n".join(text[a:b] for a, b in zip(starts, ends, strict=True))


def _fields(grammar: Grammar) -> frozenset[str]:
    return frozenset((JUSTIFICATION, *grammar.values))


def _headed(tokens: Sequence[Token], grammar: Grammar) -> set[str]:
    """The dimensions that have a field right under a heading."""
    fields = _fields(grammar)
    follows = itertools.pairwise(tokens)
    return {a.kind for a, b in follows if grammar.dimension(a.kind) >= 0 and b.kind in fields}


def _unquoted(text: str, tokens: list[Token], grammar: Grammar) -> list[Token]:
    if not tokens or ("```" not in text and "~~~" not in text):
        return tokens
    spans = fenced_spans(text, tokens[0].start)
    outside: list[Token] = []
    at = 0
    for token in tokens:
        while at < len(spans) and spans[at][1] < token.start:
            at += 1
        if at == len(spans) or token.start < spans[at][0]:
            outside.append(token)
    return outside if _headed(outside, grammar) else tokens


def _judgements(text: str, tokens: Sequence[Token], grammar: Grammar) -> list[int]:
    """The places of all judgement headings under which a dimension with a field follows."""
    at = [i for i, token in enumerate(tokens) if token.kind == JUDGEMENT]
    marked = [i for i in at if is_marked(text, tokens[i])]
    found = []
    for i in marked or at:
        next_two = tokens[i + 1 : i + 3]
        if len(next_two) == 2 and _headed(next_two, grammar):
            found.append(i)
    return found


def _rival(
    text: str,
    tokens: Sequence[Token],
    blocks: Sequence[int],
    tail: Sequence[Token],
    grammar: Grammar,
) -> tuple[Section, ...] | None:
    if _headed(tail, grammar):
        return _sections(text, tail, grammar)[0]
    if len(blocks) < 2:
        return None
    spans = [tokens[a + 1 : b] for a, b in zip(blocks, (*blocks[1:], len(tokens)), strict=True)]
    sizes = [len(_headed(span, grammar)) for span in spans]
    largest = max(sizes[:-1])
    if largest <= sizes[-1]:
        return None
    return _sections(text, spans[sizes.index(largest)], grammar)[0]


def _real(text: str, tokens: Sequence[Token], grammar: Grammar) -> tuple[set[int], str]:
    """Which dimension headings are real, and the kind of field that opens sections."""
    fields = _fields(grammar)
    after = [token.kind for token in tokens[1:]] + [""]
    at = [i for i, token in enumerate(tokens) if grammar.dimension(token.kind) >= 0]
    openers = Counter(after[i] for i in at if after[i] in fields)
    opener = max(openers, key=lambda kind: openers[kind]) if openers else JUSTIFICATION
    marked = {i for i in at if is_marked(text, tokens[i])}
    ranks: dict[int, int] = {}
    best: dict[str, int] = {}
    for i in at:
        proper = after[i] == opener
        if marked and i not in marked and not proper:
            continue
        ranks[i] = 4 * proper + 2 * (after[i] in fields) + (i in marked)
        kind = tokens[i].kind
        best[kind] = max(best.get(kind, 0), ranks[i])
    return {i for i, rank in ranks.items() if rank == best[tokens[i].kind]}, opener


def _sections(
    text: str, tokens: Sequence[Token], grammar: Grammar
) -> tuple[tuple[Section, ...], int, Sequence[Token]]:
    """The sections, where the first begins, and the headings after the last."""
    real, opener = _real(text, tokens, grammar)
    found, stop = _walked(text, tokens, real, opener, grammar)
    tail = tokens[stop:]
    if not found:
        tail = [token for token in tokens if token.kind in ENDERS]
        return (), tail[0].start if tail else len(text), tail
    sections: list[Section] = []
    for one in found:
        before = sections[-1] if sections else None
        sections.append(section_of(text, one, grammar, opener=opener, before=before))
    return _without_bare(sections), found[0].heading.start, tail


def _without_bare(sections: Sequence[Section]) -> tuple[Section, ...]:
    said = {s.number for s in sections if any(raw is not None for raw in s.values)}
    return tuple(
        s for s in sections if s.number not in said or any(raw is not None for raw in s.values)
    )


def _walked(
    text: str, tokens: Sequence[Token], real: set[int], opener: str, grammar: Grammar
) -> tuple[list[Found], int]:
    fields, wanted = _fields(grammar), set(grammar.values)
    last = {tokens[i].kind: i for i in sorted(real)}
    heads: list[tuple[Token, list[Token]]] = []
    stop = len(tokens)
    for i, token in enumerate(tokens):
        if i in real:
            heads.append((token, []))
        elif heads and token.kind in fields:
            heads[-1][1].append(token)
        elif heads and token.kind in ENDERS:
            whole = wanted.issubset(t.kind for t in heads[-1][1])
            seen = {head.kind for head, _ in heads}
            later = any(at > i and kind not in seen for kind, at in last.items())
            marked = is_marked(text, token)
            interrupts = i + 1 < len(tokens) and tokens[i + 1].kind in fields
            if whole and ((marked and opener == JUSTIFICATION) or not later):
                stop = i
                break
            if not whole and not interrupts and (marked or not later):
                stop = i
                break
    end = tokens[stop].start if stop < len(tokens) else len(text)
    ends = [*(head.start for head, _ in heads[1:]), end]
    return [Found(h, tuple(f), e) for (h, f), e in zip(heads, ends, strict=False)], stop
