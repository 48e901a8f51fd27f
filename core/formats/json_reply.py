"""JSON replies, for servers that guide generation by a schema: reasons before scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, overload

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
from parrot.core.errors import Unwritable
from parrot.core.formats.form import Form
from parrot.core.formats.markup import contradiction, unwrapped
from parrot.core.formats.values import Unread, read_score, read_winner
from parrot.core.rubric import Rubric
from parrot.core.values import Label


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
        shown: dict[str, Any] = {"analysis": "..."}
        fields = (
            {"score_a": "number", "score_b": "number", "winner": "A, B, Tie or N/A"}
            if form is Form.PAIRWISE
            else {"score": "number or N/A"}
        )
        shown["judgement"] = {d.key: {"justification": "...", **fields} for d in rubric.dimensions}
        shown["summary"] = "..."
        if form is Form.POINTWISE and refine:
            shown["refinement"] = {"comments": "...", "request": "the whole request"}
        return json.dumps(shown, indent=1)

    def schema(self, rubric: Rubric, form: Form, /) -> Mapping[str, Any]:
        """What the object must be."""
        return _schema(rubric, form)

    def write(self, value: Critique | Comparison, rubric: Rubric, /) -> str:
        """The object of a value. Raises Unwritable for a dimension that the rubric lacks."""
        judged: dict[str, Any] = {}
        for f in value.findings:
            if f.dimension not in rubric.keys:
                raise Unwritable(f"rubric {rubric.name!r} has no dimension {f.dimension!r}")
            if isinstance(f, PairFinding):
                winner = "Tie" if f.winner is Label.TIE else f.winner.value
                judged[f.dimension] = {
                    "justification": f.justification,
                    "score_a": _out(f.score_a),
                    "score_b": _out(f.score_b),
                    "winner": winner,
                }
            else:
                judged[f.dimension] = {"justification": f.justification, "score": _out(f.score)}
        data: dict[str, Any] = {"analysis": value.analysis, "judgement": judged}
        data["summary"] = value.summary
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
        data = _first_object(unwrapped(text))
        if data is None:
            code = ProblemCode.NOT_JSON if text.strip() else ProblemCode.EMPTY
            lost = (Problem(code, "no JSON object in the reply"),)
            empty: Reading[Any] = Reading(
                Critique(()) if form is Form.POINTWISE else Comparison(()), lost
            )
            return empty
        problems: list[Problem] = []
        analysis, summary = (_text(data.get(n)) for n in ("analysis", "summary"))
        judged = data.get("judgement")
        entries = judged if isinstance(judged, Mapping) else {}
        if form is Form.PAIRWISE:
            pairs = tuple(_pairs(entries, rubric, problems))
            return Reading(Comparison(pairs, analysis, summary), tuple(problems))
        singles = tuple(_singles(entries, rubric, problems))
        again = data.get("refinement")
        refinement = None
        if isinstance(again, Mapping) and isinstance(again.get("request"), str):
            refinement = Refinement(_text(again.get("comments")), _text(again["request"]))
        return Reading(Critique(singles, analysis, summary, refinement), tuple(problems))


def _out(score: Score) -> float | str:
    return "N/A" if score is NA else float(score)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _first_object(text: str) -> Mapping[str, Any] | None:
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(5):
        if start < 0:
            return None
        try:
            found, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return found if isinstance(found, dict) else None
    return None


def _score(entry: Mapping[str, Any], name: str, rubric: Rubric) -> Score | Unread:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Unread(ProblemCode.MISSING, f"no {name}")
    return read_score(str(value), rubric.scale)


def _entries(
    judged: Mapping[str, Any], rubric: Rubric, problems: list[Problem]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key in rubric.keys:
        entry = judged.get(key)
        if isinstance(entry, Mapping):
            yield key, entry
        else:
            problems.append(Problem(ProblemCode.MISSING, "no entry", key))


def _singles(
    judged: Mapping[str, Any], rubric: Rubric, problems: list[Problem]
) -> Iterator[Finding]:
    for key, entry in _entries(judged, rubric, problems):
        score = _score(entry, "score", rubric)
        if isinstance(score, Unread):
            problems.append(Problem(score.code, score.detail, key))
        else:
            yield Finding(key, _text(entry.get("justification")), score)


def _pairs(
    judged: Mapping[str, Any], rubric: Rubric, problems: list[Problem]
) -> Iterator[PairFinding]:
    for key, entry in _entries(judged, rubric, problems):
        finding = _pair(key, entry, rubric)
        if isinstance(finding, Unread):
            problems.append(Problem(finding.code, finding.detail, key))
        else:
            yield finding


def _pair(key: str, entry: Mapping[str, Any], rubric: Rubric) -> PairFinding | Unread:
    score_a, score_b = (_score(entry, n, rubric) for n in ("score_a", "score_b"))
    for score in (score_a, score_b):
        if isinstance(score, Unread):
            return score
    winner = read_winner(_text(entry.get("winner")))
    if isinstance(winner, Unread):
        return winner
    assert not isinstance(score_a, Unread)
    assert not isinstance(score_b, Unread)
    wrong = contradiction(score_a, score_b, winner)
    return wrong or PairFinding(key, _text(entry.get("justification")), score_a, score_b, winner)


JSON = JsonReply()
