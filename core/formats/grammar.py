"""The heading lines of one rubric and form, the order they should stand in, and their escape.

Knows which line is a heading, never what stands under it. One compiled expression finds all
heading lines in one pass; it is anchored at line ends and its repeats are bounded or possessive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from attrs import field, frozen

from parrot.core.critiques import Score
from parrot.core.formats.form import Form
from parrot.core.formats.values import Unread, read_score
from parrot.core.rubric import Rubric

ANALYSIS, JUDGEMENT, SUMMARY = "U", "J", "S"
REFINEMENT, COMMENTS, REQUEST = "R", "C", "Q"
JUSTIFICATION, SCORE, SCORE_A, SCORE_B, WINNER = "j", "s", "a", "b", "w"
ENDERS = frozenset((SUMMARY, REFINEMENT, COMMENTS, REQUEST))
VALUES = {Form.POINTWISE: (SCORE,), Form.PAIRWISE: (SCORE_A, SCORE_B, WINNER)}
_FIRST_DIMENSION = 0x100

_GAP = r"[ \t\u00a0_-]{1,3}"
_SIDE = rf"score[ \t_-]{{0,3}}(?:(?:for|of){_GAP})?[(\[]?(?:image{_GAP})?%s"
_OWNED = rf"image{_GAP}%s(?:['’]s)?{_GAP}score"
_WORDS = {
    ANALYSIS: rf"user{_GAP}request{_GAP}analysis",
    JUDGEMENT: rf"detailed{_GAP}judge?ments?",
    SUMMARY: r"summary",
    REFINEMENT: rf"user{_GAP}request{_GAP}refinement",
    COMMENTS: rf"refinement{_GAP}comments?",
    REQUEST: rf"refined{_GAP}(?:user{_GAP})?(?:request|prompt|instruction)",
    JUSTIFICATION: r"justifications?",
    SCORE: r"score",
    SCORE_A: f"(?:{_SIDE % 'a'}|{_OWNED % 'a'})",
    SCORE_B: f"(?:{_SIDE % 'b'}|{_OWNED % 'b'})",
    WINNER: r"winner",
}
_LEAD = (
    r"[ \t\u00a0\u3000\u200b\ufeff#*_`0-9.．。、:：()（）\[【\-–—•·●①-⑳]{0,24}"
    r"(?:(?:[ivx]{1,4}|[a-h]|(?:dimension|aspect|criterion)[ \t]{0,2}[0-9]{0,2})[.):\-–—]"
    r"[ \t]{0,4}[*_]{0,3})?"
)
_CLOSE = r"[ \t\u00a0\u3000*_`\])】）]{0,8}"
_NOTE = r"[(（\[][^()（）\[\]\n]{0,40}[)）\]]"
_WORD_NOTE = r"[(（\[][^()（）\[\]\n0-9]{0,40}[)）\]]"
_COLON = r"(?:[:：﹕∶=][*_`]{0,3}|[-–—](?=[ \t]))"
_LINE_END = r"(?=[ \t\r*_`]{0,8}(?:\n|\Z))"
_BARE_VALUE = r"(?=[ \t*_\[(]{0,8}(?:[0-9]|n/a\b))"
_THOUGHT_END = r"[^\n]*</think(?:ing)?>[ \t\r]*(?=\n|\Z)"


Spot = tuple[str, int, int]
"""What a token is, as a plain tuple: the common path is faster by it."""


class Token(NamedTuple):
    """One heading line: its kind, where its line break stands, and where its content begins."""

    kind: str
    start: int
    end: int


def regions(text: str, tokens: Sequence[Token], end: int) -> list[str]:
    """What stands under each heading: from its content to the next heading or to `end`."""
    stops = [token.start for token in tokens[1:]]
    stops.append(end)
    return [text[token.end : stop] for token, stop in zip(tokens, stops, strict=False)]


class Plan(NamedTuple):
    """Which token is what in a reply whose headings stand once each and in order.

    analysis, summary, comments, request: token numbers, -1 where absent. sections: the dimension,
    the token of its justification and those of its values. refines: whether a refinement begins.
    """

    analysis: int
    sections: tuple[tuple[int, int, tuple[int, ...]], ...]
    summary: int
    comments: int
    request: int
    refines: bool


class Settled(NamedTuple):
    """The values of one section: scores, and in comparisons the winner; or what they lack."""

    values: tuple[Any, ...]
    lacks: tuple[Unread, ...]


@frozen(slots=True, eq=False)
class Grammar:
    """All that reading and writing need to know of one rubric and form, compiled once."""

    rubric: Rubric
    form: Form
    token: re.Pattern[str]
    kinds: tuple[str, ...]
    inline: re.Pattern[str]
    flattened: re.Pattern[str]
    escaped: re.Pattern[str]
    unescaped: re.Pattern[str]
    order: re.Pattern[str]
    uncarried: frozenset[str]
    keys: tuple[str, ...]
    plans: dict[str, Plan] = field(factory=dict, repr=False)
    read: dict[str, Score | Unread] = field(factory=dict, repr=False)
    settled: dict[tuple[object, ...], Settled] = field(factory=dict, repr=False)

    @property
    def values(self) -> tuple[str, ...]:
        return VALUES[self.form]

    def dimension(self, kind: str) -> int:
        """The number of the dimension that a kind stands for; negative for any other heading."""
        return ord(kind) - _FIRST_DIMENSION

    def spots(self, text: str) -> list[Spot]:
        """Every heading line; `text` begins with a line break, as if before its first line."""
        kinds = self.kinds
        return [(kinds[m.lastindex or 0], m.start(), m.end()) for m in self.token.finditer(text)]

    def tokens(self, text: str) -> list[Token]:
        """`spots`, with names."""
        return [Token(*spot) for spot in self.spots(text)]

    def plan(self, kinds: str) -> Plan | None:
        """The plan of these headings; None where they do not stand once each and in order."""
        known = self.plans.get(kinds)
        if known is None and self.order.fullmatch(kinds):
            known = self.plans[kinds] = _planned(kinds, self)
        return known

    def score(self, raw: str) -> Score | Unread:
        """`read_score`, remembered for short values: the same few come again and again."""
        known = self.read.get(raw)
        if known is None:
            known = read_score(raw, self.rubric.scale)
            if len(raw) <= 16 and len(self.read) < 4096:
                self.read[raw] = known
        return known


def _planned(kinds: str, grammar: Grammar) -> Plan:
    at = {kind: index for index, kind in enumerate(kinds)}
    starts = [i for i, kind in enumerate(kinds) if grammar.dimension(kind) >= 0]
    size = 1 + len(grammar.values)
    sections = []
    for start in starts:
        fields = {kinds[i]: i for i in range(start + 1, start + 1 + size)}
        values = tuple(fields[kind] for kind in grammar.values)
        sections.append((grammar.dimension(kinds[start]), fields[JUSTIFICATION], values))
    summary, comments, request = (at.get(kind, -1) for kind in (SUMMARY, COMMENTS, REQUEST))
    refines = REFINEMENT in at or COMMENTS in at
    analysis = at.get(ANALYSIS, -1)
    return Plan(analysis, tuple(sections), summary, comments, request, refines)


def _spelled(words: str) -> str:
    parts = ("(?:and|&)" if w.casefold() in ("and", "&") else re.escape(w) for w in words.split())
    return _GAP.join(parts)


def _headings(rubric: Rubric) -> list[tuple[str, str]]:
    """Kind and expression of every dimension; a key's words too, where they name nothing else."""
    taken = {d.heading.casefold() for d in rubric.dimensions}
    found = []
    for number, dimension in enumerate(rubric.dimensions):
        spelled = [_spelled(dimension.heading)]
        words = dimension.key.replace("_", " ")
        if words not in taken:
            taken.add(words)
            spelled.append(_spelled(words))
        kind = chr(_FIRST_DIMENSION + number)
        found.append((kind, "|".join(sorted(spelled, key=len, reverse=True))))
    return found


def _known(form: Form) -> tuple[str, ...]:
    tail = (REFINEMENT, COMMENTS, REQUEST)
    return (ANALYSIS, JUDGEMENT, SUMMARY, *tail, JUSTIFICATION, *VALUES[form])


def _line(known: tuple[str, ...], dimensions: list[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    """The expression of a heading line after its break, and the kind of each of its groups."""
    words = [(kind, _WORDS[kind]) for kind in known] + dimensions
    kinds = ("", *(kind for kind, _ in words))
    alternatives = "|".join(f"({expression})" for _, expression in words)
    scored = {SCORE, SCORE_A, SCORE_B} & set(known)
    bare = "".join(f"(?({kinds.index(k)}){_BARE_VALUE}|(?!))|" for k in sorted(scored))
    sep = f"(?:(?:{_NOTE}{_CLOSE})?{_COLON}|(?:{_WORD_NOTE}{_CLOSE})?{_LINE_END}|{bare[:-1]})"
    return f"{_LEAD}(?:{alternatives}){_CLOSE}{sep}", kinds


def _order(form: Form, dimensions: list[tuple[str, str]]) -> re.Pattern[str]:
    values = "".join(VALUES[form])
    fields = f"(?:{JUSTIFICATION}{values}|{values}{JUSTIFICATION})"
    sections = "".join(f"(?:{kind}{fields})?" for kind, _ in dimensions)
    tail = f"{SUMMARY}?{REFINEMENT}?{COMMENTS}?{REQUEST}?"
    return re.compile(f"{ANALYSIS}?{JUDGEMENT}?{sections}{tail}")


@lru_cache(maxsize=128)
def grammar_of(rubric: Rubric, form: Form) -> Grammar:
    """The grammar of a rubric in a form; compiled on first use and kept."""
    dimensions = _headings(rubric)
    line, kinds = _line(_known(form), dimensions)
    token = re.compile("\n" + line, re.IGNORECASE)
    fields = "|".join(_WORDS[kind] for kind in (*VALUES[form], JUSTIFICATION))
    named = "|".join([_WORDS[kind] for kind in _known(form)] + [e for _, e in dimensions])
    # Escapes are the same in both forms: who stops a stream early need not know the form.
    body = rf"\\*+(?:{_THOUGHT_END}|{_line(tuple(_WORDS), dimensions)[0]})"
    return Grammar(
        rubric,
        form,
        token,
        kinds,
        inline=re.compile(rf"(?<=[^\n])[ \t,;|]{{0,4}}(?=(?:#{{1,6}}[ \t]*|\*\*|__|(?<=[\s,;|]))"
                          rf"(?:{fields}){_CLOSE}(?:{_NOTE}{_CLOSE})?{_COLON})", re.IGNORECASE),
        flattened=re.compile(rf"[ \t]+(?=(?:#{{1,6}}|[0-9]{{1,2}}[.)])[ \t]+(?:{named}){_CLOSE}"
                             rf"(?:{_COLON}|[ \t]))", re.IGNORECASE),
        escaped=re.compile(rf"\n\\(?={body})", re.IGNORECASE),
        unescaped=re.compile(rf"\n(?={body})", re.IGNORECASE),
        order=_order(form, dimensions),
        uncarried=_uncarried(rubric, token, kinds),
        keys=rubric.keys,
    )  # fmt: skip


def _uncarried(rubric: Rubric, token: re.Pattern[str], kinds: tuple[str, ...]) -> frozenset[str]:
    """Dimensions whose headings read as something else, such as one that is named Summary."""
    lost = set()
    for number, dimension in enumerate(rubric.dimensions):
        line = f"\n{number + 1}. {dimension.heading}:"
        found = token.match(line)
        kind = chr(_FIRST_DIMENSION + number)
        if not found or found.end() != len(line) or kinds[found.lastindex or 0] != kind:
            lost.add(dimension.key)
    return frozenset(lost)
