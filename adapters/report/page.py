"""What all pages share: one frame, one style, one way to write a foreign word.

No script and no network: the policy of the page forbids all but its own style, by digest, and
inline pictures. Every word that comes from a run goes through `safe`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

MOST_TEXT: Final = 4_000
"""Characters of one foreign text; what is longer is cut and says so."""

STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--panel:#f6f7f8;--ink:#1a1a1a;--soft:#595959;
--line:#c9ccd1;--link:#0b57a4;--won:#0a6b36;--lost:#a3271f;--unsure:#7a5200;--in:#d7f5e1;--out:#fbdcdc}
@media(prefers-color-scheme:dark){:root{--ground:#161616;--panel:#202225;--ink:#ececec;--soft:#a8a8a8;
--line:#44474c;--link:#8fc3ff;--won:#6fdc9c;--lost:#ff9c93;--unsure:#f0c15c;--in:#12492a;--out:#5a1f1f}}
*{box-sizing:border-box}
body{background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;max-width:72rem;
margin:0 auto;padding:1rem;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
h1{line-height:1.2;margin:.5rem 0}
h2{border-top:1px solid var(--line);padding-top:1rem;margin-top:2rem}
h3{margin:1.5rem 0 .5rem}h4{margin:0;font-size:.9rem;font-weight:600;color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;list-style:none}
nav a{display:inline-block;padding:.4rem 0}
summary{cursor:pointer;padding:.4rem 0}
.soft{color:var(--soft)}.bad{color:var(--lost)}.good{color:var(--won)}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;overflow-wrap:normal}
td,th{padding:.3rem 1rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.why{min-width:14rem;overflow-wrap:anywhere}
figure{margin:0}figcaption{font-size:.9rem}
.bars{list-style:none;padding:0;display:grid;gap:.75rem;max-width:48rem}
.bars svg{display:block;width:100%;height:1rem;background:var(--panel)}
.chart{width:100%;max-width:26rem;height:auto}
.chart text{fill:var(--ink);font-size:10px}.chart .axis{stroke:var(--soft);fill:none}
.kept{fill:var(--won)}.dropped{fill:var(--lost)}.undecided{fill:var(--unsure)}
.key{display:inline-block;width:.8rem;height:.8rem;vertical-align:-.05rem}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem}
.example{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.75rem;min-width:0}
.example p{margin:.4rem 0}
.pair{display:flex;flex-wrap:wrap;gap:.75rem}.pair figure{flex:1 1 7rem;max-width:14rem}
.pair .won img{outline:3px solid var(--won)}
.findings{padding-left:1.2rem;margin:.5rem 0}
.drafts{display:flex;flex-wrap:wrap;gap:1rem;padding:0;list-style:none}
.drafts>li{border:2px solid var(--line);border-radius:.5rem;padding:.75rem;flex:1 1 16rem;max-width:22rem}
.drafts>li.won{border-color:var(--won)}
img{display:block;width:100%;max-width:16rem;height:auto;image-rendering:pixelated}
img.fine{image-rendering:auto}
ins{background:var(--in)}del{background:var(--out)}
@media(max-width:40rem){td,th{padding-right:.6rem}td.why{min-width:9rem}}
@media print{.skip,nav{display:none}}
""".strip()
# What HTML may not hold, and what would turn the order of the words around it.
_UNFIT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef]")


def safe(value: object, most: int = MOST_TEXT) -> str:
    """A foreign value as text of HTML or of an attribute in quotes. most: characters."""
    told = str(value)
    if len(told) > most:
        told = f"{told[:most]} … ({len(told) - most} more characters)"
    return escape(_UNFIT.sub("\N{REPLACEMENT CHARACTER}", told))


def page(title: str, sections: Mapping[str, str], *, intro: str = "") -> str:
    """The whole page. title, and the sections' titles: ours, not foreign. intro: HTML."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'"
    )
    parts = {_anchor(name): (name, body) for name, body in sections.items()}
    links = "".join(f'<li><a href="#{at}">{name}</a></li>' for at, (name, _) in parts.items())
    body = "\n".join(
        f'<section aria-labelledby="{at}">\n<h2 id="{at}" tabindex="-1">{name}</h2>\n{inner}\n</section>'
        for at, (name, inner) in parts.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
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
            return f'<th scope="row">{safe(value)}</th>'
        wide = len(str(value)) > 24
        kind = ' class="n"' if at in right else ' class="why"' if wide else ""
        return f"<td{kind}>{safe(value)}</td>"

    top = "".join(
        f'<th scope="col"{" class=n" if at in right else ""}>{head}</th>'
        for at, head in enumerate(heads)
    )
    lines = "\n".join(
        "<tr>" + "".join(cell(at, value) for at, value in enumerate(row)) + "</tr>" for row in rows
    )
    head = f"<thead><tr>{top}</tr></thead>" if any(heads) else ""
    return (
        f'<div class="wide" role="region" aria-label="{safe(name)}" tabindex="0">'
        f"<table>{head}<tbody>\n{lines}\n</tbody></table></div>"
    )


def facts(name: str, values: Iterable[tuple[str, object]]) -> str:
    """Names and values, one a row; what is None is left out."""
    return table(name, (), [row for row in values if row[1] is not None])


def simulated(*names: object) -> str:
    """Says that a run is a simulation, where a model of it is one."""
    if not any("miniature:" in str(name) for name in names):
        return ""
    return "<p><strong>A simulation</strong>: the small drawn world.</p>"


def counts(found: Mapping[str, int], most: int = 12) -> str:
    """Counts by name as words: `leak 3, cut 1`."""
    told = [f"{name} {count}" for name, count in list(found.items())[:most]]
    return ", ".join(told) + (f", {len(found) - most} more kinds" if len(found) > most else "")
