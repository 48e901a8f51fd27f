"""`parrot parse`: one reply on standard input, one JSON object out."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from parrot.cli.session import rubric_option
from parrot.core.critiques import NA, Comparison, Critique, Reading, Score
from parrot.core.errors import ConfigError
from parrot.core.formats import JSON, MARKUP, Form
from parrot.core.formats.markup import unwrapped
from parrot.core.rubric import Rubric
from parrot.core.values import Label


def parse(
    *,
    rubric: Annotated[str, typer.Option(help="t2i, edit or a JSON file.")] = "t2i",
    form: Annotated[str, typer.Option(help="pointwise or pairwise.")] = "pointwise",
) -> None:
    """Reads a reply and says what it says. Exits with 1 if there is any problem in it."""
    found = rubric_option(rubric)
    if found is None or form not in list(Form):
        raise ConfigError("--rubric must be t2i, edit or a file, and --form pointwise or pairwise")
    text = sys.stdin.buffer.read().decode("utf-8", "replace").removeprefix("\ufeff")
    result = parsed(text, found, Form(form))
    print(json.dumps(result, ensure_ascii=False))
    raise typer.Exit(1 if result["problems"] else 0)


def parsed(text: str, rubric: Rubric, form: Form) -> dict[str, Any]:
    """What the reply says as plain data. JSON replies are told by their first sign."""
    reader = JSON if unwrapped(text).lstrip().startswith("{") else MARKUP
    reading: Reading[Critique] | Reading[Comparison] = reader.read(text, rubric, form)
    body = reading.value
    result: dict[str, Any] = {}
    if isinstance(body, Comparison):
        result["pairs"] = {
            f.dimension: [_shown(f.score_a), _shown(f.score_b), _won(f.winner)]
            for f in body.findings
        }
    else:
        read = {f.dimension: _shown(f.score) for f in body.findings}
        result["scores"] = {key: read.get(key, "missing") for key in rubric.keys}
    refinement = body.refinement if isinstance(body, Critique) else None
    result["refined_request"] = (refinement.request or None) if refinement else None
    result["summary"] = body.summary or None
    result["problems"] = [
        {"dimension": p.dimension, "code": p.code.value, "detail": p.detail}
        for p in reading.problems
    ]
    return result


def _shown(score: Score) -> float | str:
    return "N/A" if score is NA else score


def _won(winner: object) -> str:
    return {Label.A: "A", Label.B: "B", Label.TIE: "tie"}.get(winner, "N/A")  # type: ignore[call-overload, no-any-return]
