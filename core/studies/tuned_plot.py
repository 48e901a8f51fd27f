"""True utility along a study of rewards as an SVG text: a line an arm, a dot a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from parrot.core.studies.strokes import Place, drawing, stroke, text
from parrot.core.studies.tuned_report import Report, Row
from parrot.core.studies.tuning import Arm

ACROSS: Final = {
    "step": "steps",
    "kl": "KL to the frozen model, nats a drawing",
    "gain": "gain in the own reward, deviations of the untuned generator",
}
"""What a plot may go along, and its axis' words."""
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 420, 56, 24, 190, 48
_COLOURS: Final = {
    Arm.RATIONAL: "#d62728",
    Arm.SUM: "#ff7f0e",
    Arm.SCORES_ONLY: "#9467bd",
    Arm.HEAD: "#8c564b",
    Arm.NO_SOURCE: "#1f77b4",
    Arm.TRUTH: "#2ca02c",
}


def plot_of(report: Report, *, across: str = "kl") -> str:
    """True utility against a key of `ACROSS`; means over the seeds. Raises KeyError for another."""
    rows = report.rows
    right = [x for row in rows for x in row.way[across]]
    high = [y for row in rows for y in row.way["truth"]]
    along = _scale(right, _LEFT, _WIDTH - _RIGHT)
    up = _scale(high, _HEIGHT - _BOTTOM, _TOP)
    body = [*_axes(right, high, along, up), text(_LEFT, _HEIGHT - 8, ACROSS[across], "#444444")]
    for number, row in enumerate(rows):
        body += _line(row, across, along, up)
        place = _TOP + 14 + 18 * number
        body.append(text(_WIDTH - _RIGHT + 14, place, str(row.arm), _COLOURS[row.arm]))
    return drawing(_WIDTH, _HEIGHT, body)


def _scale(values: Sequence[float], start: float, end: float) -> Place:
    low, wide = min(values), (max(values) - min(values)) or 1.0

    def place(value: float) -> float:
        return start + (value - low) / wide * (end - start)

    return place


def _axes(right: Sequence[float], high: Sequence[float], along: Place, up: Place) -> Iterator[str]:
    for share in range(5):
        y = min(high) + share / 4 * (max(high) - min(high))
        yield stroke(_LEFT, up(y), _WIDTH - _RIGHT, up(y), "#dddddd")
        yield text(12, up(y) + 4, f"{y:.3f}", "#444444")
        x = min(right) + share / 4 * (max(right) - min(right))
        yield text(along(x) - 10, _HEIGHT - _BOTTOM + 20, f"{x:.3g}", "#444444")


def _line(row: Row, across: str, along: Place, up: Place) -> Iterator[str]:
    colour = _COLOURS[row.arm]
    points = [(along(x), up(y)) for x, y in zip(row.way[across], row.way["truth"], strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
