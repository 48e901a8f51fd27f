"""What all pages share: one frame, one style, one way to write a foreign word.

No script and no network: the policy of the page forbids all but its own style, by digest, and
inline pictures. Every word that comes from a run goes through `safe`.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from parrot.adapters.report.style import STYLE

MOST_TEXT: Final = 4_000
"""Characters of one foreign text; what is longer is cut and says so."""
_MOST_CELL: Final = 600

PAGE: Final = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; img-src data:; style-src 'sha256-"
)
"""What every page of ours begins with."""

# What HTML may not hold, and what would turn the order of the words around it.
_UNFIT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef]")


def safe(value: object, most: int = MOST_TEXT) -> str:
    """A foreign value as text of HTML or of an attribute in quotes. most: characters."""
    told = str(value)
    if len(told) > most:
        told = f"{told[:most]} … ({len(told) - most} more characters)"
    whole = told.replace("\r\n", "\n").replace("\r", "\n")
    return escape(_UNFIT.sub("\N{REPLACEMENT CHARACTER}", whole))


def page(title: str, sections: Mapping[str, str], *, intro: str = "") -> str:
    """The whole page. title, and the sections' titles: ours, not foreign. intro: HTML."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    parts = {_anchor(name): (name, body) for name, body in sections.items()}
    links = "".join(f'<li><a href="#{at}">{name}</a></li>' for at, (name, _) in parts.items())
    body = "\n".join(
        f'<section aria-labelledby="{at}">\n<h2 id="{at}" tabindex="-1">{name}</h2>\n{inner}\n</section>'
        for at, (name, inner) in parts.items()
    )
    return (
        f"{PAGE}{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">To the content</a>\n<header>\n<h1>{title}</h1>\n</header>\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        f'<main id="main" tabindex="-1">\n{intro}\n{body}\n</main>\n</body>\n</html>\n'
    )


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-")


def table(
    name: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Iterable[int] = (),
) -> str:
    """A table that scrolls by itself on a narrow screen. name: read out; numbers: columns to the right.

    Each row's first cell heads it. Cells are foreign.
    """
    right = set(numbers)

    def cell(at: int, value: object) -> str:
        if at == 0:
            return f'<th scope="row">{safe(value, _MOST_CELL)}</th>'
        wide = len(str(value)) > 24
        kind = ' class="n"' if at in right else ' class="why"' if wide else ""
        return f"<td{kind}>{safe(value, _MOST_CELL)}</td>"

    top = "".join(
        f'<th scope="col"{" class=n" if at in right else ""}>{head}</th>'
        for at, head in enumerate(heads)
    )
    lines = "\n".join(
        "<tr>" + "".join(cell(at, value) for at, value in enumerate(row)) + "</tr>" for row in rows
    )
    return region(name, f"<table><thead><tr>{top}</tr></thead><tbody>\n{lines}\n</tbody></table>")


def region(name: str, inner: str) -> str:
    """What may be wider than a narrow screen: it scrolls by itself, by keyboard too."""
    return (
        f'<div class="wide" role="region" aria-label="{safe(name, 300)}" tabindex="0">{inner}</div>'
    )


def facts(values: Iterable[tuple[str, object]]) -> str:
    """Names and values; what is None is left out. Values are foreign."""
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{safe(_plain(value), _MOST_CELL)}</dd></div>"
        for name, value in values
        if value is not None
    )
    return f'<dl class="facts">{rows}</dl>'


def _plain(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def figures(values: Iterable[tuple[object, str]]) -> str:
    """The few numbers that a reader looks for first, each with what it counts."""
    rows = "".join(f"<li><strong>{safe(value)}</strong> {name}</li>" for value, name in values)
    return f'<ul class="figures">{rows}</ul>'


def number(value: object) -> float | None:
    """A foreign value where it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def simulated(*names: object) -> str:
    """Says that a run is a simulation, where a model of it is one."""
    if not any("miniature:" in str(name) for name in names):
        return ""
    return "<p><strong>A simulation</strong>: the small drawn world.</p>"


def counts(found: Mapping[str, int], most: int = 12) -> str:
    """Counts by name as words: `leak 3, cut 1`."""
    told = [f"{name} {count}" for name, count in list(found.items())[:most]]
    return ", ".join(told) + (f", {len(found) - most} more kinds" if len(found) > most else "")
