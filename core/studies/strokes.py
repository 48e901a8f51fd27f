"""What the plots of studies are made of: lines and words of an SVG text. Nothing but text is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Place = Callable[[float], float]
"""From a value to where it lies, in the drawing's units."""


def drawing(width: int, height: int, body: Iterable[str]) -> str:
    """The whole SVG."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
    return "\n".join([f'{head} font-family="sans-serif" font-size="12">', *body, "</svg>"]) + "\n"


def stroke(x: float, y: float, to_x: float, to_y: float, colour: str, more: str = "") -> str:
    """A straight line. more: attributes."""
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="{colour}"{more}/>'


def text(x: float, y: float, said: str, colour: str) -> str:
    """Words that begin at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{said}</text>'
