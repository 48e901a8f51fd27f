"""Agreement against size as an SVG text: a line an arm, a bar an interval. Nothing but text is made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from parrot.core.studies.cells import Arm, Equal
from parrot.core.studies.report import Report, Row
from parrot.core.studies.strokes import Place, drawing, stroke, text

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 420, 56, 24, 170, 48
_COLOURS: Final = {
    Arm.BASE: "#999999",
    Arm.BLIND: "#1f77b4",
    Arm.BLIND_AGREE: "#17becf",
    Arm.ANCHORED: "#2ca02c",
    Arm.ANCHORED_THINNED: "#bcbd22",
    Arm.ANCHORED_TEXT: "#ff7f0e",
    Arm.ANCHORED_FULL: "#d62728",
    Arm.SCORES_ONLY: "#9467bd",
    Arm.HEAD: "#8c564b",
}


def plot_of(report: Report, *, measure: str = "decisive", equal: Equal = Equal.PAIRS) -> str:
    """The plot of one measure; the base is a dashed line. Empty where nothing was measured."""
    rows = [r for r in report.rows if measure in r.shares and r.equal is equal and r.size]
    base = [r for r in report.rows if measure in r.shares and r.arm is Arm.BASE]
    if not rows:
        return ""
    across, up = _scales(rows, [*rows, *base], measure)
    body = [*_axes(rows, across, up, f"{measure}, equal {equal}"), *_base(base, up, measure)]
    for number, arm in enumerate(dict.fromkeys(row.arm for row in rows)):
        own = sorted((row for row in rows if row.arm is arm), key=lambda row: row.size)
        body += _line(arm, own, across, up, measure)
        body.append(text(_WIDTH - _RIGHT + 14, _TOP + 14 + 18 * number, str(arm), _COLOURS[arm]))
    return drawing(_WIDTH, _HEIGHT, body)


def _scales(rows: Sequence[Row], every: Sequence[Row], measure: str) -> tuple[Place, Place]:
    sizes = [math.log(row.size) for row in rows]
    left, wide = min(sizes), (max(sizes) - min(sizes)) or 1.0
    low = math.floor(20 * min(row.shares[measure].low for row in every)) / 20
    high = math.ceil(20 * max(row.shares[measure].high for row in every)) / 20
    tall = (high - low) or 0.05

    def across(size: float) -> float:
        return _LEFT + (math.log(size) - left) / wide * (_WIDTH - _LEFT - _RIGHT)

    def up(share: float) -> float:
        return _HEIGHT - _BOTTOM - (share - low) / tall * (_HEIGHT - _TOP - _BOTTOM)

    return across, up


def _axes(rows: Sequence[Row], across: Place, up: Place, title: str) -> Iterator[str]:
    for tick in range(21):
        share = tick / 20
        y = up(share)
        if _TOP - 1 <= y <= _HEIGHT - _BOTTOM + 1:
            yield stroke(_LEFT, y, _WIDTH - _RIGHT, y, "#dddddd")
            yield text(12, y + 4, f"{100 * share:.0f} %", "#444444")
    for size in sorted({row.size for row in rows}):
        yield text(across(size) - 10, _HEIGHT - _BOTTOM + 20, str(size), "#444444")
    yield text(_LEFT, _HEIGHT - 8, f"size ({title})", "#444444")


def _base(base: Sequence[Row], up: Place, measure: str) -> Iterator[str]:
    for row in base:
        y = up(row.shares[measure].value)
        dashed = ' stroke-dasharray="6 4"'
        yield stroke(_LEFT, y, _WIDTH - _RIGHT, y, _COLOURS[Arm.BASE], dashed)
        yield text(_WIDTH - _RIGHT - 34, y - 4, "base", _COLOURS[Arm.BASE])


def _line(arm: Arm, rows: Sequence[Row], across: Place, up: Place, measure: str) -> Iterator[str]:
    colour = _COLOURS[arm]
    points = [(across(row.size), row.shares[measure]) for row in rows]
    path = " ".join(f"{x:.1f},{up(found.value):.1f}" for x, found in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, found in points:
        yield stroke(x, up(found.low), x, up(found.high), colour)
        yield f'<circle cx="{x:.1f}" cy="{up(found.value):.1f}" r="3" fill="{colour}"/>'
