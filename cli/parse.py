"""`parrot parse`: one reply on standard input, one JSON object out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from parrot.core.critiques import NA, Comparison, Critique, NotApplicable, Reading, Score
from parrot.core.errors import ConfigError
from parrot.core.formats import Form, format_of
from parrot.core.rubric import RUBRICS, Rubric, rubric_from_dict
from parrot.core.values import Label


def parse(
    *,
    rubric: Annotated[str, typer.Option(help="t2i, edit, or a JSON file with a rubric.")] = "t2i",
    form: Annotated[str, typer.Option(help="pointwise or pairwise.")] = "pointwise",
) -> None:
    """Reads one reply, markup or JSON, on standard input and prints what it says as JSON.

    Exits with 0 where all of it could be read, 1 where there is any problem, 2 for a wrong option.
    """
    try:
        chosen, shape = _rubric(rubric), _form(form)
    except ConfigError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    result = parsed(text, chosen, shape)
    typer.echo(json.dumps(result))  # ASCII: whatever the terminal's encoding, and half characters
    raise typer.Exit(1 if result["problems"] else 0)


def parsed(text: str, rubric: Rubric, form: Form) -> dict[str, Any]:
    """What the reply says as plain data; its format is told by the reply itself.

    scores (pointwise): a number, "N/A" or "missing" for every dimension. pairs (pairwise): score A,
    score B and winner for every dimension that can be read whole.
    """
    reading: Reading[Critique] | Reading[Comparison]
    reading = format_of(text, rubric, form).read(text, rubric, form)
    body = reading.value
    result: dict[str, Any] = {}
    request = None
    if isinstance(body, Comparison):
        result["pairs"] = {
            f.dimension: [_shown(f.score_a), _shown(f.score_b), _won(f.winner)]
            for f in body.findings
        }
    else:
        read = {f.dimension: _shown(f.score) for f in body.findings}
        result["scores"] = {key: read.get(key, "missing") for key in rubric.keys}
        request = body.refinement.request if body.refinement else None
    problems = [
        {"dimension": p.dimension, "code": p.code.value, "detail": p.detail}
        for p in reading.problems
    ]
    return {
        **result,
        "refined_request": request,
        "summary": body.summary or None,
        "problems": problems,
    }


def _rubric(name: str) -> Rubric:
    if name in RUBRICS:
        return RUBRICS[name]
    try:
        data = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        known = ", ".join(RUBRICS)
        raise ConfigError(f"--rubric {name!r} is none of {known}, nor a file: {reason}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"--rubric {name!r} is not JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise ConfigError(f"--rubric {name!r} holds no JSON object")
    return rubric_from_dict(data)


def _form(name: str) -> Form:
    try:
        return Form(name)
    except ValueError:
        raise ConfigError(f"--form is pointwise or pairwise, not {name!r}") from None


def _shown(score: Score) -> float | str:
    return "N/A" if score is NA else score


def _won(winner: Label | NotApplicable) -> str:
    return "tie" if winner is Label.TIE else winner.value
