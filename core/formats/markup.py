"""Markup replies: the headings that RationalRewards checkpoints write (paper 3.2, 3.3).

A line is a heading only if it is nothing but one: `#` signs, a number, bold, then a known name and
a colon or the line's end. Names inside prose never cut a section. The judgement is read from the
last `# Detailed Judgement` heading on, so that one quoted in the analysis does not count. Both
field orders are read; which is written is the instance's.

Texts that a reader could take for structure are written with a `\\` before the line, which the
reader takes off again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, overload

from attrs import evolve, frozen

from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    NotApplicable,
    PairFinding,
    Problem,
    ProblemCode,
    Reading,
    Refinement,
    Score,
)
from parrot.core.errors import Unwritable
from parrot.core.formats.form import Form
from parrot.core.formats.values import Unread, read_score, read_winner
from parrot.core.rubric import Dimension, Rubric
from parrot.core.values import Label

ANALYSIS, JUDGEMENT, SUMMARY = "User Request Analysis", "Detailed Judgement", "Summary"
REFINING, COMMENTS, REFINED = "User Request Refinement", "Refinement Comments", "Refined Request"
REASON, WINNER = "Justification", "Winner"
_TOP = {ANALYSIS: "analysis", JUDGEMENT: "judgement", SUMMARY: "summary", REFINING: "refining"}
_FIELDS = {
    REASON: "reason",
    "Score A": "score_a",
    "Score B": "score_b",
    "Score": "score",
    WINNER: "winner",
    COMMENTS: "comments",
    REFINED: "refined",
}
_PAIR_FIELDS = ("score_a", "score_b", "winner")
_BARE = {ANALYSIS, JUDGEMENT, SUMMARY, REFINING, COMMENTS, REFINED}


@lru_cache(maxsize=64)
def _finder(rubric: Rubric) -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """One expression for every heading of a rubric, and what each name stands for."""
    names = {n.casefold(): ("top", part) for n, part in _TOP.items()}
    names |= {n.casefold(): ("field", part) for n, part in _FIELDS.items()}
    names["detailed judgment"] = ("top", "judgement")
    names |= {d.heading.casefold(): ("dimension", d.key) for d in rubric.dimensions}
    ordered = sorted(names, key=len, reverse=True)
    known = "|".join(re.escape(n).replace(r"\ ", r"[ _]+") for n in ordered)
    pattern = (
        r"^[ \t>]*(?P<marks>(?:[-*•][ \t]+)?#{0,6}[ \t]*(?:[*_]{1,3}[ \t]*)?(?:\d{1,2}[.)][ \t]*)?"
        rf"[*_]{{0,3}}[ \t]*)(?P<name>{known})(?P<close>[*_\] \t]*)"
        r"(?:\((?:[^()\n]{0,40})\)[*_ \t]*)?"
        r"(?P<colon>[:：][*_ \t]*|(?=[ \t]*$))(?P<rest>[^\n]*)$"
    )
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE), names


_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^\s*```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```\s*$", re.DOTALL)
_ESCAPED = re.compile(r"^\\", re.MULTILINE)


def unwrapped(text: str) -> str:
    """The reply without carriage returns, thinking block and a code fence around everything."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "</think" in text:
        text = _THINKING.sub("", text)
        head, closing, tail = text.rpartition("</think>")
        text = tail if closing else head or tail
    fenced = _FENCE.match(text) if "```" in text else None
    return fenced[1] if fenced and "\n```" not in fenced[1] else text


Field = tuple[str, str]


@frozen(slots=True)
class _Sections:
    """A reply taken apart: texts of the top sections, and fields of each dimension in order."""

    texts: dict[str, str]
    dimensions: dict[str, list[list[Field]]]
    judged: bool


def _taken_apart(text: str, rubric: Rubric) -> _Sections:
    finder, names = _finder(rubric)
    found = [
        (m, *names[" ".join(m["name"].replace("_", " ").split()).casefold()])
        for m in finder.finditer(text)
    ]
    found = [f for f in found if _is_heading(*f)]
    starts = [i for i, (_, kind, part) in enumerate(found) if (kind, part) == ("top", "judgement")]
    first = starts[-1] if starts else 0
    texts: dict[str, str] = {}
    dimensions: dict[str, list[list[Field]]] = {}
    if starts:
        _analysis(text, found[:first], found[first][0].start(), texts)
    current: list[Field] | None = None
    for index in range(first, len(found)):
        match, kind, part = found[index]
        end = found[index + 1][0].start() if index + 1 < len(found) else len(text)
        body = _body(text, match, end)
        if kind == "dimension":
            current = [("opening", body)]
            dimensions.setdefault(part, []).append(current)
        elif kind == "top":
            current = None
            if part != "judgement":
                texts.setdefault(part, body)
        elif part in ("comments", "refined"):
            current = None
            texts[part] = body
        elif current is not None:
            current.append((part, body))
    return _Sections(texts, dimensions, bool(starts))


def _is_heading(match: re.Match[str], kind: str, part: str) -> bool:
    # A dimension's name before more words on its line is prose ("Text Rendering: the sign is ...")
    # unless the line is marked as a heading; so are section names without any mark.
    rest, marked = match["rest"].strip(" *_"), bool(match["marks"].strip(" >-•"))
    if kind == "dimension":
        return not rest
    if kind == "top":
        return marked or not rest
    return True


def _analysis(
    text: str, before: list[tuple[re.Match[str], str, str]], end: int, texts: dict[str, str]
) -> None:
    for match, kind, part in before:
        if (kind, part) == ("top", "analysis"):
            texts["analysis"] = _body(text, match, end)
            return


def _body(text: str, match: re.Match[str], end: int) -> str:
    body = text[match.start("rest") : end]
    body = _ESCAPED.sub("", body) if "\\" in body else body
    return body.strip()


@frozen(slots=True)
class Markup:
    """The headings form. score_first: the field order that is written and shown (paper C.3)."""

    name: str
    score_first: bool = False

    def outline(self, rubric: Rubric, form: Form, /, *, refine: bool = True) -> str:
        """The headings as prompts show them."""
        lines = [f"# {ANALYSIS}:", "", f"# {JUDGEMENT}:"]
        for number, dimension in enumerate(rubric.dimensions, start=1):
            score = "[score or N/A]" if dimension.optional else "[score]"
            if form is Form.PAIRWISE:
                winner = f"[A, B{', Tie or N/A' if dimension.optional else ' or Tie'}]"
                values = [f"## Score A: {score}", f"## Score B: {score}", f"## {WINNER}: {winner}"]
            else:
                values = [f"## Score: {score}"]
            reason = [f"## {REASON}: [what you see]"]
            fields = [*values, *reason] if self.score_first else [*reason, *values]
            lines += [f"{number}. {dimension.heading}:", *fields]
        lines += [f"# {SUMMARY}: [one or two sentences]"]
        if form is Form.POINTWISE and refine:
            lines += ["", f"# {REFINING}:", f"## {COMMENTS}: [what to change]"]
            lines += [f"## {REFINED}: [the whole request]"]
        return "\n".join(lines)

    def schema(self, rubric: Rubric, form: Form, /) -> None:
        """Markup has none."""

    def write(self, value: Critique | Comparison, rubric: Rubric, /) -> str:
        """The reply that reads back as the value. Raises Unwritable where there is none."""
        found = {f.dimension: f for f in value.findings}
        unknown = set(found) - set(rubric.keys)
        if unknown:
            raise Unwritable(f"rubric {rubric.name!r} has no dimension {min(unknown)!r}")
        lines = [f"# {ANALYSIS}:", _escaped(value.analysis, rubric), "", f"# {JUDGEMENT}:"]
        for number, dimension in enumerate(rubric.dimensions, start=1):
            finding = found.get(dimension.key)
            if finding is not None:
                lines += [f"{number}. {dimension.heading}:", *self._fields(finding, rubric)]
        lines += [f"# {SUMMARY}: {_escaped(value.summary, rubric)}"]
        if isinstance(value, Critique) and value.refinement is not None:
            again = value.refinement
            lines += ["", f"# {REFINING}:", f"## {COMMENTS}: {_escaped(again.comments, rubric)}"]
            lines += [f"## {REFINED}: {_escaped(again.request, rubric)}"]
        text = "\n".join(lines)
        form = Form.POINTWISE if isinstance(value, Critique) else Form.PAIRWISE
        if not _same(self.read(text, rubric, form).value, value, rubric):
            raise Unwritable("the value does not read back: some text or score cannot be carried")
        return text

    def _fields(self, finding: Finding | PairFinding, rubric: Rubric) -> list[str]:
        reason = [f"## {REASON}: {_escaped(finding.justification, rubric)}"]
        if isinstance(finding, PairFinding):
            values = [
                f"## Score A: {_shown(finding.score_a)}",
                f"## Score B: {_shown(finding.score_b)}",
                f"## {WINNER}: {_WON[finding.winner]}",
            ]
        else:
            values = [f"## Score: {_shown(finding.score)}"]
        return [*values, *reason] if self.score_first else [*reason, *values]

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
        """What the reply says. Never raises and invents no score; every lack is a problem."""
        if not text.strip():
            lost = (Problem(ProblemCode.EMPTY, "the reply is empty"),)
            return (
                Reading(Critique(()), lost)
                if form is Form.POINTWISE
                else Reading(Comparison(()), lost)
            )
        sections = _taken_apart(unwrapped(text), rubric)
        problems: list[Problem] = []
        texts = sections.texts
        analysis, summary = texts.get("analysis", ""), texts.get("summary", "")
        if form is Form.PAIRWISE:
            pairs = tuple(_each(sections, rubric, problems, _pair_finding))
            return Reading(Comparison(pairs, analysis, summary), tuple(problems))
        singles = tuple(_each(sections, rubric, problems, _finding))
        refinement = None
        if "refined" in texts:
            refinement = Refinement(texts.get("comments", ""), texts["refined"])
        return Reading(Critique(singles, analysis, summary, refinement), tuple(problems))


_WON: dict[Label | NotApplicable, str] = {Label.A: "A", Label.B: "B", Label.TIE: "Tie", NA: "N/A"}


def _shown(score: Score) -> str:
    return "N/A" if score is NA else repr(float(score))


def _each(sections: _Sections, rubric: Rubric, problems: list[Problem], read: Any) -> Any:
    for dimension in rubric.dimensions:
        found = sections.dimensions.get(dimension.key)
        if not found:
            problems.append(Problem(ProblemCode.MISSING, "no section", dimension.key))
            continue
        values = [read(fields, dimension, rubric) for fields in found]
        whole = [v for v in values if not isinstance(v, Unread)]
        if not whole:
            problems.append(Problem(values[0].code, values[0].detail, dimension.key))
        elif len(set(whole)) > 1:
            detail = "two sections that differ"
            problems.append(Problem(ProblemCode.DUPLICATE, detail, dimension.key))
        else:
            yield whole[0]


def _values(fields: list[Field], name: str) -> str | Unread | None:
    said = [text for part, text in fields if part == name]
    if len({" ".join(s.split()) for s in said}) > 1:
        return Unread(ProblemCode.DUPLICATE, f"{name} is there twice and differs")
    return said[0] if said else None


def _score_of(fields: list[Field], name: str, rubric: Rubric) -> Score | Unread:
    raw = _values(fields, name)
    if raw is None:
        return Unread(ProblemCode.MISSING, f"no {name.replace('_', ' ')}")
    return raw if isinstance(raw, Unread) else read_score(_first_lines(raw), rubric.scale)


def _first_lines(raw: str) -> str:
    # A value stands on its heading's line or the next that says something; what follows is prose.
    lines = [line for line in raw.split("\n") if line.strip()]
    return "\n".join(lines[:2])


def _reason_of(fields: list[Field]) -> str:
    said = [text for part, text in fields if part == "reason"]
    opening = next((text for part, text in fields if part == "opening"), "")
    return said[0] if said else opening


def _finding(fields: list[Field], dimension: Dimension, rubric: Rubric) -> Finding | Unread:
    score = _score_of(fields, "score", rubric)
    if isinstance(score, Unread):
        return score
    return Finding(dimension.key, _reason_of(fields), score)


def _pair_finding(
    fields: list[Field], dimension: Dimension, rubric: Rubric
) -> PairFinding | Unread:
    score_a, score_b = (_score_of(fields, n, rubric) for n in ("score_a", "score_b"))
    if isinstance(score_a, Unread):
        return score_a
    if isinstance(score_b, Unread):
        return score_b
    raw = _values(fields, "winner")
    if raw is None:
        return Unread(ProblemCode.NO_WINNER, "no winner")
    winner = raw if isinstance(raw, Unread) else read_winner(_first_lines(raw))
    if isinstance(winner, Unread):
        return winner
    wrong = contradiction(score_a, score_b, winner)
    return wrong or PairFinding(dimension.key, _reason_of(fields), score_a, score_b, winner)


def contradiction(score_a: Score, score_b: Score, winner: Label | NotApplicable) -> Unread | None:
    """Why two scores and a winner cannot stand together; a tied score may have a winner."""
    absent = [s is NA for s in (score_a, score_b)]
    if any(absent) != all(absent):
        return Unread(ProblemCode.ONE_SIDED_NA, "one side is N/A and the other has a score")
    if all(absent) != (winner is NA):
        return Unread(ProblemCode.ONE_SIDED_NA, "scores and winner differ on N/A")
    if score_a is NA or score_b is NA or winner is NA:
        return None
    better = Label.A if score_a > score_b else Label.B if score_b > score_a else winner
    if winner is not Label.TIE and better is not winner:
        detail = f"winner {winner} against {score_a:g} and {score_b:g}"
        return Unread(ProblemCode.WINNER_AGAINST_SCORES, detail)
    return None


def _escaped(text: str, rubric: Rubric) -> str:
    """Text whose lines no reader takes for structure; `_ESCAPED` undoes it."""
    text = text.strip()
    if not text:
        return ""
    finder, _ = _finder(rubric)
    lines = text.split("\n")
    return "\n".join(
        "\\" + line
        if line.startswith("\\") or finder.match(line) or (i and line.startswith("```"))
        else line
        for i, line in enumerate(lines)
    )


def _same(read: Critique | Comparison, value: Critique | Comparison, rubric: Rubric) -> bool:
    """Whether what was read is what was written; texts are carried without space around them."""
    order = {key: n for n, key in enumerate(rubric.keys)}
    carried: list[Finding | PairFinding] = [
        evolve(f, justification=f.justification.strip()) for f in value.findings
    ]
    findings = tuple(sorted(carried, key=lambda f: order[f.dimension]))
    again = getattr(value, "refinement", None)
    if again is not None:
        again = Refinement(again.comments.strip(), again.request.strip())
    return (
        read.findings == findings
        and read.analysis == value.analysis.strip()
        and read.summary == value.summary.strip()
        and getattr(read, "refinement", None) == again
    )


MARKUP = Markup("markup")
MARKUP_SCORE_FIRST = Markup("markup-score-first", score_first=True)
