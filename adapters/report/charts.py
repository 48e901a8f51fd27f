"""Figures as inline SVG, coloured by the page's style. Their numbers stand in a table beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from parrot.adapters.report.page import safe

PARTS: Final = ("kept", "dropped", "undecided")
LEGEND: Final = "".join(
    f'<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="{part}" width="1"'
    f' height="1"/></svg> {part} &nbsp; '
    for part in PARTS
)


@frozen(slots=True)
class Bar:
    """A row of a bar figure. parts: kept, dropped, undecided, each at least 0."""

    name: str
    said: str
    parts: Sequence[float]


def bars(rows: Iterable[Bar], whole: float) -> str:
    """Stacked bars, all on one scale. whole: what a full bar is."""
    return '<ul class="bars">\n' + "\n".join(_bar(row, whole) for row in rows) + "\n</ul>"


def _bar(row: Bar, whole: float) -> str:
    start, drawn = 0.0, ""
    for part, value in zip(PARTS, row.parts, strict=False):
        width = min(100 * value / whole if whole > 0 else 0.0, 100 - start)
        drawn += f'<rect class="{part}" x="{start:.3f}" width="{width:.3f}" height="8"/>'
        start += width
    return (
        f'<li><strong>{safe(row.name)}</strong> <span class="soft">{safe(row.said)}</span>'
        f'<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg></li>'
    )


def reliability_diagram(bins: Iterable[tuple[float, float, float, float]], said: str) -> str:
    """How often right over how sure: a bar a bin, a dot at its mean confidence, the ideal diagonal.

    bins: low, high, mean confidence and accuracy, each in [0, 1]. said: read out in its place.
    """
    drawn = ""
    for low, high, sure, right in bins:
        x, width = 30 + 200 * low, 200 * (high - low)
        drawn += (
            f'<rect class="kept" opacity=".45" x="{x + 0.5:.2f}" y="{210 - 200 * right:.2f}"'
            f' width="{width - 1:.2f}" height="{200 * right:.2f}"/>'
            f'<circle class="dropped" cx="{30 + 200 * sure:.2f}" cy="{210 - 200 * right:.2f}" r="3"/>'
        )
    ticks = "".join(
        f'<text x="{30 + 200 * at:.0f}" y="222" text-anchor="middle">{at:g}</text>'
        f'<text x="26" y="{213 - 200 * at:.0f}" text-anchor="end">{at:g}</text>'
        for at in (0, 0.5, 1)
    )
    return (
        f'<svg class="chart" viewBox="0 0 240 240" role="img" aria-label="{safe(said)}">'
        f'<path class="axis" d="M30 10V210H230"/>'
        f'<path class="axis" stroke-dasharray="4 3" d="M30 210L230 10"/>{drawn}{ticks}'
        '<text x="130" y="236" text-anchor="middle">how sure</text>'
        '<text transform="rotate(-90 10 110)" x="10" y="113" text-anchor="middle">how often right'
        "</text></svg>"
    )
