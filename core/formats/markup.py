"""Markup replies: the headings that RationalRewards checkpoints write (paper 3.2, 3.3).

Both field orders are read whichever is written. A reply whose headings stand once each and in order
is read as it stands; any other goes through the rules of `resolving`. Texts are carried without the
whitespace around them, and with the escapes of `escaping`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, cast, overload

from attrs import frozen

from parrot.core.critiques import (
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Problem,
    ProblemCode,
    Reading,
    Refinement,
)
from parrot.core.errors import ConfigError
from parrot.core.formats.checking import (
    WINNERS,
    check_writable,
    form_of,
    is_no_request,
    number_text,
)
from parrot.core.formats.escaping import escaped, unescaped
from parrot.core.formats.form import Form
from parrot.core.formats.grammar import (
    COMMENTS,
    ENDERS,
    REFINEMENT,
    REQUEST,
    SUMMARY,
    Grammar,
    Plan,
    Spot,
    Token,
    grammar_of,
    regions,
)
from parrot.core.formats.resolving import resolve
from parrot.core.formats.sections import Raw, Section, alike, findings
from parrot.core.formats.wrapping import FENCE, normal_lines, without_fence, without_thinking
from parrot.core.rubric import Dimension, Rubric

_WRAPS = ("[", "`", "~")


class _Parts(NamedTuple):
    """A reply taken apart. comments and request are None where their headings are absent."""

    analysis: str
    sections: Sequence[tuple[int, str | None, tuple[Raw, ...]]]
    summary: str
    refines: bool
    comments: str | None
    request: str | None
    rival: tuple[Section, ...] | None = None
    requests: tuple[str, ...] = ()


@frozen(slots=True)
class Markup:
    """The headings form. score_first: whether scores are written before justifications."""

    name: str
    score_first: bool = False

    def outline(self, rubric: Rubric, form: Form, /, *, refine: bool = True) -> str:
        """The headings as prompts show them, with what belongs under each in brackets.

        Raises ConfigError for a heading that would read as another one.
        """
        for key in sorted(grammar_of(rubric, form).uncarried):
            said = f"the heading {rubric[key].heading!r} reads as another in {self.name} replies"
            raise ConfigError(f"rubric {rubric.name!r}: {said}; rename it, or have replies in JSON")
        lines = ["# User Request Analysis", "[what the user asks for]", "# Detailed Judgement"]
        for number, dimension in enumerate(rubric.dimensions, start=1):
            lines.append(f"{number}. {dimension.heading}:")
            lines += self._fields("[what you see]", _shown_values(dimension, rubric, form))
        lines.append("# Summary: [one or two sentences]")
        if form is Form.POINTWISE and refine:
            lines += ["", "# User Request Refinement:"]
            lines += ["## Refinement Comments: [what to change]"]
            lines += ["## Refined Request: [the whole request, rewritten]"]
        return "\n".join(lines)

    def schema(self, rubric: Rubric, form: Form, /) -> None:
        """None: servers guide by JSON schemas only."""

    def write(self, value: Critique | Comparison, rubric: Rubric, /) -> str:
        """The reply that reads back as the value.

        Raises Unwritable for findings out of the rubric's order, scores off its scale, a winner
        against its scores, a refinement without a request, and a heading that reads as another.
        """
        grammar = grammar_of(rubric, form_of(value))
        check_writable(value, rubric, grammar.uncarried)
        lines = ["# User Request Analysis"]
        if analysis := escaped(value.analysis, grammar):
            lines.append(analysis)
        lines.append("# Detailed Judgement")
        numbers = {key: number for number, key in enumerate(rubric.keys, start=1)}
        for finding in value.findings:
            key = finding.dimension
            lines.append(f"{numbers[key]}. {rubric[key].heading}:")
            reason = escaped(finding.justification, grammar)
            lines += self._fields(reason, _written_values(finding))
        lines.append(_headed("# Summary:", escaped(value.summary, grammar)))
        if isinstance(value, Critique) and value.refinement is not None:
            comments = escaped(value.refinement.comments, grammar)
            request = escaped(value.refinement.request, grammar)
            lines += ["", "# User Request Refinement:"]
            lines.append(_headed("## Refinement Comments:", comments))
            lines.append(_headed("## Refined Request:", request))
        return "\n".join(lines)

    def _fields(self, reason: str, values: list[str]) -> list[str]:
        justification = _headed("## Justification:", reason)
        return [*values, justification] if self.score_first else [justification, *values]

    @overload
    def read(
        self, text: str, rubric: Rubric, form: Literal[Form.POINTWISE], /
    ) -> Reading[Critique]: ...
    @overload
    def read(
        self, text: str, rubric: Rubric, form: Literal[Form.PAIRWISE], /
    ) -> Reading[Comparison]: ...
    @overload
    def read(
        self, text: str, rubric: Rubric, form: Form, /
    ) -> Reading[Critique] | Reading[Comparison]: ...
    def read(
        self, text: str, rubric: Rubric, form: Form, /
    ) -> Reading[Critique] | Reading[Comparison]:
        """What the reply says. Never raises and invents no score; every lack is a problem.

        A refined request of "N/A" or "none" is none. Absent analysis and summary are no problem.
        """
        grammar = grammar_of(rubric, form)
        parts, problems = _taken_apart(text, grammar)
        found, lacks = findings(parts.sections, grammar)
        if parts.rival is not None:
            found, differ = alike(found, findings(parts.rival, grammar)[0])
            lacks += differ
        problems += lacks
        if form is Form.PAIRWISE:
            pairs = cast("tuple[PairFinding, ...]", found)
            return Reading(Comparison(pairs, parts.analysis, parts.summary), tuple(problems))
        refinement = _refinement(parts, problems)
        singles = cast("tuple[Finding, ...]", found)
        critique = Critique(singles, parts.analysis, parts.summary, refinement)
        return Reading(critique, tuple(problems))


def _headed(heading: str, text: str) -> str:
    return f"{heading} {text}" if text else heading


def _shown_values(dimension: Dimension, rubric: Rubric, form: Form) -> list[str]:
    low, high = rubric.scale.low, rubric.scale.high
    or_none = " or N/A" if dimension.optional else ""
    score = f"[a number from {low:g} to {high:g}{or_none}]"
    if form is Form.POINTWISE:
        return [f"## Score: {score}"]
    winner = "[A, B, Tie or N/A]" if dimension.optional else "[A, B or Tie]"
    return [f"## Score A: {score}", f"## Score B: {score}", f"## Winner: {winner}"]


def _written_values(finding: Finding | PairFinding) -> list[str]:
    if isinstance(finding, Finding):
        return [f"## Score: {number_text(finding.score)}"]
    return [
        f"## Score A: {number_text(finding.score_a)}",
        f"## Score B: {number_text(finding.score_b)}",
        f"## Winner: {WINNERS[finding.winner]}",
    ]


def _taken_apart(text: str, grammar: Grammar) -> tuple[_Parts, list[Problem]]:
    body = without_thinking(normal_lines(text), grammar.token)
    if body is None:
        problem = Problem(ProblemCode.UNCLOSED, "the thinking never ends")
        return _Parts("", (), "", refines=False, comments=None, request=None), [problem]
    if not body.startswith("\n"):
        body = "\n" + body
    spots = grammar.spots(body)
    if spots and spots[0][1] and "\n" in body[: spots[0][1]]:
        fenced = without_fence(body, spots[0][1])
        if fenced is not body:
            body, spots = fenced, grammar.spots(fenced)
    plan = grammar.plan("".join([kind for kind, _, _ in spots]))
    if plan is not None and spots:
        return _planned(body, spots, plan, grammar), []
    empty = [] if body.strip() else [Problem(ProblemCode.EMPTY, "the reply is empty")]
    return _resolved(body, grammar), empty


def _planned(body: str, spots: list[Spot], plan: Plan, grammar: Grammar) -> _Parts:
    """The parts of a reply whose headings stand once each and in order."""
    said = [body[one[2] : after[1]] for one, after in pairwise(spots)]
    said.append(body[spots[-1][2] :])
    escapes = "\\" in body

    def text(at: int) -> str:
        raw = said[at].strip()
        return unescaped(raw, grammar) if escapes or raw[:1] in _WRAPS else raw

    sections = [
        (number, text(reason), tuple([said[i] for i in at])) for number, reason, at in plan.sections
    ]
    own = plan.analysis >= 0
    return _Parts(
        text(plan.analysis) if own else _preamble(body[: spots[0][1]], grammar),
        sections,
        text(plan.summary) if plan.summary >= 0 else "",
        plan.refines,
        text(plan.comments) if plan.comments >= 0 else None,
        text(plan.request) if plan.request >= 0 else None,
    )


def _preamble(before: str, grammar: Grammar) -> str:
    return unescaped(FENCE.sub("", before), grammar)


def _resolved(body: str, grammar: Grammar) -> _Parts:
    found = resolve(body, grammar)
    text = found.text
    start, end = found.analysis
    analysis = unescaped(text[start:end], grammar) if start else _preamble(text[:end], grammar)
    tail = [token for token in found.tail if token.kind in ENDERS]
    own = _own_tail(tail)
    said: dict[str, list[str]] = {}
    for token, region in zip(own, regions(text, own, len(text)), strict=True):
        said.setdefault(token.kind, []).append(unescaped(region, grammar))
    return _Parts(
        analysis,
        found.sections,
        said.get(SUMMARY, [""])[0],
        refines=REFINEMENT in said or COMMENTS in said,
        comments=said.get(COMMENTS, [None])[0],
        request=said.get(REQUEST, [None])[0],
        rival=found.rival,
        requests=tuple(said.get(REQUEST, ())),
    )


def _own_tail(tail: list[Token]) -> list[Token]:
    """The headings after the judgement; a summary's own heading quoted in it is left as text."""
    kept: list[Token] = []
    for token in tail:
        if token.kind == SUMMARY and kept:
            continue
        kept.append(token)
    return kept


def _refinement(parts: _Parts, problems: list[Problem]) -> Refinement | None:
    if len(set(parts.requests)) > 1:
        problems.append(Problem(ProblemCode.CONFLICTING, "refined requests that differ"))
        return None
    if parts.request and not is_no_request(parts.request):
        return Refinement(parts.comments or "", parts.request)
    if not parts.request and (parts.refines or parts.request is not None):
        problems.append(Problem(ProblemCode.MISSING, "a refinement without a refined request"))
    return None


MARKUP = Markup("markup")
MARKUP_SCORE_FIRST = Markup("markup-score-first", score_first=True)
