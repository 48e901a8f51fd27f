"""JSON replies, for servers that guide generation by a schema: reasons before scores.

Read with prose, a fence or thinking around it; numbers may be strings, keys may be headings. Of
several objects the last that judges counts. What is whole of a cut object is read, with a problem.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, cast, overload

from attrs import frozen

from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Problem,
    ProblemCode,
    Reading,
    Refinement,
    Score,
)
from parrot.core.formats.checking import WINNERS, check_writable, is_no_request
from parrot.core.formats.form import Form
from parrot.core.formats.grammar import (
    SCORE,
    SCORE_A,
    SCORE_B,
    WINNER,
    Grammar,
    grammar_of,
)
from parrot.core.formats.objects import Digits, Members, cut_object, objects_in
from parrot.core.formats.sections import Raw, Section, findings
from parrot.core.formats.values import Unread
from parrot.core.formats.wrapping import normal_lines, without_thinking
from parrot.core.rubric import Rubric

_KEYS = {SCORE: "score", SCORE_A: "score_a", SCORE_B: "score_b", WINNER: "winner"}
_NEVER = re.compile(r"(?!)")


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@lru_cache(maxsize=32)
def _schema(rubric: Rubric, form: Form) -> Mapping[str, Any]:
    text = {"type": "string"}
    judged: dict[str, Any] = {}
    for d in rubric.dimensions:
        number = {"type": "number", "minimum": rubric.scale.low, "maximum": rubric.scale.high}
        score = {"anyOf": [number, {"type": "string", "enum": ["N/A"]}]} if d.optional else number
        if form is Form.PAIRWISE:
            names = ["A", "B", "Tie", *(["N/A"] if d.optional else [])]
            winner = {"type": "string", "enum": names}
            judged[d.key] = _object(justification=text, score_a=score, score_b=score, winner=winner)
        else:
            judged[d.key] = _object(justification=text, score=score)
    parts: dict[str, Any] = {"analysis": text, "judgement": _object(**judged), "summary": text}
    if form is Form.POINTWISE:
        parts["refinement"] = _object(comments=text, request=text)
    return _object(**parts)


@frozen(slots=True)
class JsonReply:
    """One JSON object with the rubric's keys."""

    name: str = "json"

    def outline(self, rubric: Rubric, form: Form, /, *, refine: bool = True) -> str:
        """The object as prompts show it."""
        number = f"number from {rubric.scale.low:g} to {rubric.scale.high:g}"
        judged: dict[str, Any] = {}
        for d in rubric.dimensions:
            score = f"{number} or N/A" if d.optional else number
            winner = "A, B, Tie or N/A" if d.optional else "A, B or Tie"
            fields = {"score_a": score, "score_b": score, "winner": winner}
            if form is Form.POINTWISE:
                fields = {"score": score}
            judged[d.key] = {"justification": "what you see", **fields}
        shown: dict[str, Any] = {"analysis": "what the user asks for", "judgement": judged}
        shown["summary"] = "one or two sentences"
        if form is Form.POINTWISE and refine:
            shown["refinement"] = {"comments": "what to change", "request": "the whole request"}
        return json.dumps(shown, indent=1, ensure_ascii=False)

    def schema(self, rubric: Rubric, form: Form, /) -> Mapping[str, Any]:
        """What the object must be."""
        return _schema(rubric, form)

    def write(self, value: Critique | Comparison, rubric: Rubric, /) -> str:
        """The object that reads back as the value. Raises Unwritable as markup does."""
        check_writable(value, rubric)
        judged = {f.dimension: _written(f) for f in value.findings}
        data: dict[str, Any] = {"analysis": value.analysis.strip(), "judgement": judged}
        data["summary"] = value.summary.strip()
        if isinstance(value, Critique) and value.refinement is not None:
            again = value.refinement
            data["refinement"] = {"comments": again.comments, "request": again.request}
        return json.dumps(data, ensure_ascii=False)

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
        """What the object says, also with prose or a fence around it. Never raises."""
        grammar = grammar_of(rubric, form)
        data, problems = _judging(text, rubric)
        found, lacks = findings(_sections(_judgement(data, rubric), grammar), grammar)
        problems += lacks
        analysis, summary = _text(data.get("analysis")), _text(data.get("summary"))
        if form is Form.PAIRWISE:
            pairs = cast("tuple[PairFinding, ...]", found)
            return Reading(Comparison(pairs, analysis, summary), tuple(problems))
        singles = cast("tuple[Finding, ...]", found)
        refinement = _refinement(data, problems)
        return Reading(Critique(singles, analysis, summary, refinement), tuple(problems))


def _written(finding: Finding | PairFinding) -> dict[str, Any]:
    reason = {"justification": finding.justification.strip()}
    if isinstance(finding, Finding):
        return {**reason, "score": _number(finding.score)}
    scores = {"score_a": _number(finding.score_a), "score_b": _number(finding.score_b)}
    return {**reason, **scores, "winner": WINNERS[finding.winner]}


def _number(score: Score) -> float | str:
    return "N/A" if score is NA else float(score)


def _judging(text: str, rubric: Rubric) -> tuple[Members, list[Problem]]:
    """The last object that judges, else the last of all, else what is whole of a cut one."""
    none = Members([])
    body = without_thinking(normal_lines(text), _NEVER)
    if body is None:
        return none, [Problem(ProblemCode.UNCLOSED, "the thinking never ends")]
    if not body.strip():
        return none, [Problem(ProblemCode.EMPTY, "the reply is empty")]
    whole = list(objects_in(body))
    for found in reversed(whole):
        if _judgement(found, rubric):
            return found, []
    cut = cut_object(body)
    if cut is not None and _judgement(cut, rubric):
        return cut, [Problem(ProblemCode.UNCLOSED, "the object is cut short")]
    if whole:
        return whole[-1], []
    return none, [Problem(ProblemCode.NOT_JSON, "no JSON object in the reply")]


def _plain(name: str) -> str:
    return _remembered(name) if len(name) <= _LONGEST else _letters(name)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


_remembered = lru_cache(maxsize=1024)(_letters)
_LONGEST: Final = 64  # characters of what is remembered; a reply may bring any number of them


def _judgement(data: Members, rubric: Rubric) -> Members:
    """The members that judge a dimension each; the object's own where it has no judgement."""
    inner = [v for k, v in data.items() if _plain(k) in ("judgement", "judgment")]
    if inner and not data.repeated & {"judgement", "judgment"}:
        return inner[0] if isinstance(inner[0], Members) else Members([])
    names = {_plain(key) for key in rubric.keys}
    own = [(k, v) for k, v in data.items() if _plain(k) in names and isinstance(v, Members)]
    return Members([] if inner else own)


def _sections(judged: Members, grammar: Grammar) -> Iterator[Section]:
    names: dict[str, int] = {}
    for number, dimension in enumerate(grammar.rubric.dimensions):
        names.setdefault(_plain(dimension.heading), number)
    names |= {_plain(key): number for number, key in enumerate(grammar.rubric.keys)}
    for key, entry in judged.items():
        number = names.get(_plain(key), -1)
        if number < 0:
            continue
        if key in judged.repeated:
            twice = Unread(ProblemCode.DUPLICATE, f"{key!r} stands twice and differs")
            yield Section(number, "", (twice,) * len(grammar.values))
        elif isinstance(entry, Members):
            yield _section(number, entry, grammar)


def _section(number: int, entry: Members, grammar: Grammar) -> Section:
    said = {_plain(k): v for k, v in entry.items()}
    repeated = {_plain(k) for k in entry.repeated}
    if len(said) < len(entry):  # "score" and "Score"
        repeated |= {_plain(k) for k, v in entry.items() if said[_plain(k)] != v}
    values = tuple(_raw(_plain(_KEYS[kind]), said, repeated) for kind in grammar.values)
    reason = said.get("justification")
    return Section(number, _text(reason) if isinstance(reason, str) else None, values)


def _raw(name: str, said: Mapping[str, Any], repeated: set[str]) -> Raw:
    if name not in said:
        return None
    value = said[name]
    if name in repeated:
        return Unread(ProblemCode.CONFLICTING, "stands twice and differs")
    if isinstance(value, Digits):
        return _decimal(value) if len(value) <= _LONGEST else _digits(value)
    if isinstance(value, str):
        return value
    code = ProblemCode.NO_WINNER if name == "winner" else ProblemCode.NOT_A_SCORE
    return Unread(code, f"is {_shown(value)[:40]}")


def _shown(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "nested without end"


def _digits(value: str) -> Raw:
    number = float(value)
    if math.isinf(number):
        return Unread(ProblemCode.OUT_OF_SCALE, "is beyond all numbers")
    return format(Decimal(repr(number)), "f")


_decimal = lru_cache(maxsize=1024)(_digits)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and not isinstance(value, Digits) else ""


def _refinement(data: Members, problems: list[Problem]) -> Refinement | None:
    again = data.get("refinement")
    if again is None:
        return None
    request = _text(again.get("request")) if isinstance(again, Members) else ""
    if not request:
        problems.append(Problem(ProblemCode.MISSING, "a refinement without a refined request"))
        return None
    return None if is_no_request(request) else Refinement(_text(again.get("comments")), request)


JSON = JsonReply()
