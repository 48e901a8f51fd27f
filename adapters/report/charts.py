"""Figures as inline SVG, coloured by the page's style. Their numbers stand in a table beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from parrot.adapters.report.page import safe

PARTS: Final = ("kept", "dropped", "undecided")
LEGEND: Final = "".join(
    f'<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="{part}" width="1"'
    f' height="1"/></svg> {said} &nbsp; '
    for part, said in zip(PARTS, ("kept", "dropped", "undecided or failed"), strict=True)
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


def meter(value: float) -> str:
    """A share of 1 as a bar, for the eye; its number stands beside it."""
    width = 100 * min(max(value, 0.0), 1.0)
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="kept" width="{width:.1f}" height="8"/></svg>'
    )


def reliability_diagram(bins: Iterable[tuple[float, float, float, float]], said: str) -> str:
    """How often right over how sure: a bar a bin, a dot at its mean confidence, the ideal diagonal.

    bins: low, high, mean confidence and accuracy, each in [0, 1]. said: read out in its place.
    """
    drawn = '<path class="ideal" d="M40 210L240 10"/>'
    for low, high, sure, right in bins:
        x, width, top = 40 + 200 * low, 200 * (high - low), 210 - 200 * right
        drawn += (
            f'<rect class="kept" opacity=".45" x="{x + 0.5:.2f}" y="{top:.2f}"'
            f' width="{width - 1:.2f}" height="{200 * right:.2f}"/>'
            f'<circle class="dropped" cx="{40 + 200 * sure:.2f}" cy="{top:.2f}" r="3"/>'
        )
    across = [(at, f"{at:g}") for at in (0, 0.5, 1)]
    return _plot(drawn, across, 200, ("how sure", "how often right"), said)


def rounds_diagram(
    dots: Iterable[tuple[int, float]],
    best: Sequence[tuple[int, float]],
    said: str,
    *,
    small: bool = False,
) -> str:
    """Rewards by round as dots, and the best up to each round as a line.

    dots, best: round and reward in [0, 1]. said: read out in its place. small: beside a request.
    """
    found = list(dots)
    last = max((number for number, _ in (*found, *best)), default=0)
    step = 180 / max(last, 1)
    height = 100 if small else 200

    def at(number: int, reward: float) -> tuple[float, float]:
        return 50 + step * number, 10 + height * (1 - min(max(reward, 0.0), 1.0))

    line = "L".join("{:.1f} {:.1f}".format(*at(*one)) for one in best)
    drawn = f'<path class="best" d="M{line}"/>' if line else ""
    for one in found:
        x, y = at(*one)
        drawn += f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    every = -(-(last + 1) // 10)
    across = [(0.05 + 0.9 * n / max(last, 1), str(n)) for n in range(0, last + 1, every)]
    return _plot(drawn, across, height, ("round", "reward"), said, small=small)


def _plot(
    drawn: str,
    across: Iterable[tuple[float, str]],
    height: int,
    names: tuple[str, str],
    said: str,
    *,
    small: bool = False,
) -> str:
    """Axes from 0 to 1 upwards around what is drawn. across: where ticks stand, and their words."""
    foot = 10 + height
    ticks = "".join(
        f'<text x="{40 + 200 * x:.0f}" y="{foot + 13}" text-anchor="middle">{word}</text>'
        for x, word in across
    ) + "".join(
        f'<text x="35" y="{foot + 3 - height * y:.0f}" text-anchor="end">{y:g}</text>'
        f'<path class="axis" d="M40 {foot - height * y:.0f}H240"/>'
        for y in (0, 0.5, 1)
    )
    middle = foot - height / 2
    upwards = (
        f'<text transform="rotate(-90 11 {middle:.0f})" x="11" y="{middle:.0f}"'
        f' text-anchor="middle">{names[1]}</text>'
    )
    return (
        f'<svg class="chart{" small" if small else ""}" viewBox="0 0 250 {foot + 30}" role="img"'
        f' aria-label="{safe(said)}">{ticks}{drawn}'
        f'<text x="140" y="{foot + 26}" text-anchor="middle">{names[0]}</text>'
        f"{'' if small else upwards}</svg>"
    )
