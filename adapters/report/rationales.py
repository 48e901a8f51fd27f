"""One rationale as HTML: the request, its images as the teacher saw them, and what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from parrot.adapters.report.page import safe
from parrot.adapters.report.pictures import Pictures
from parrot.core.candidates import Order
from parrot.core.critiques import NA, Comparison, Critique, Finding, PairFinding
from parrot.core.records.rationales import StoredRationale, stored_from_record
from parrot.core.values import Image

_TURNED: Final = {"A": "B", "B": "A"}
_FINDINGS: Final = 16
_SOURCES: Final = 4
_WORDS: Final = 2_000
Open = Callable[[Any], Image]


def example(record: Mapping[str, Any], opened: Open, pictures: Pictures) -> str:
    """A record of `rationales.jsonl` or `dropped.jsonl`. Raises RecordError."""
    stored = stored_from_record({k: v for k, v in record.items() if k[:1] != "_"})
    pair = stored.pair or {}
    return (
        f'<article class="example">\n<h4>{safe(stored.id, 200)}</h4>\n'
        f"<p>{safe(pair.get('prompt', 'no request in the data'), _WORDS)}</p>\n"
        f"{_images(stored, pair, opened, pictures)}\n{_fell(record)}{_told(stored)}</article>"
    )


def _images(
    stored: StoredRationale, pair: Mapping[str, Any], opened: Open, pictures: Pictures
) -> str:
    turned = stored.rationale.provenance.order is Order.BA
    label = str(pair.get("label", "unknown"))
    label = _TURNED.get(label, label) if turned else label
    sources = pair.get("sources")
    sources = sources if isinstance(sources, list) else []
    shown = [_figure(ref, "Source image", opened, pictures) for ref in sources[:_SOURCES]]
    for name in ("A", "B"):
        ref = pair.get(f"image_{(_TURNED[name] if turned else name).lower()}")
        side = stored.rationale.side
        judged = ", judged here" if side is not None and side.value == name else ""
        won = label == name
        said = f"Image {name}{', preferred' if won else ''}{judged}"
        shown.append(_figure(ref, said, opened, pictures, won=won))
    both = f", both {safe(pair['both'], 40)}" if pair.get("both") else ""
    tie = f"<p>The label is {safe(label, 40)}{both}.</p>" if label not in _TURNED else ""
    seen = '<p class="soft">Shown to the teacher with B first.</p>' if turned else ""
    return f'<div class="pair">{"".join(shown)}</div>\n{tie}{seen}'


def _figure(ref: object, said: str, opened: Open, pictures: Pictures, *, won: bool = False) -> str:
    if ref is None or str(ref).startswith("absent:"):
        picture = '<p class="soft">not in the data</p>'
    else:
        picture = pictures.of(lambda: opened(ref), said)
    kind = ' class="won"' if won else ""
    return f"<figure{kind}>{picture}<figcaption>{said}</figcaption></figure>"


def _fell(record: Mapping[str, Any]) -> str:
    fell = record.get("_dropped")
    if not isinstance(fell, dict):
        return ""
    named = f"{safe(fell.get('filter'), 80)}: {safe(fell.get('reason'), 80)}"
    return (
        f'<p><strong class="bad">Dropped by {named}</strong>: {safe(fell.get("detail"), 500)}</p>\n'
    )


def _told(stored: StoredRationale) -> str:
    one = stored.rationale
    found = "".join(_finding(f) for f in one.body.findings[:_FINDINGS])
    more = len(one.body.findings) - _FINDINGS
    cut = f"<li>{more} more</li>" if more > 0 else ""
    summary = f"<p>{safe(one.body.summary, _WORDS)}</p>" if one.body.summary else ""
    passed = ", ".join(stored.verdicts)
    verdicts = f'<p class="soft">Judged by: {safe(passed, 400)}</p>' if passed else ""
    who = f'<p class="soft">{safe(one.provenance.teacher, 200)}</p>'
    return (
        f"<details><summary>The {_kind(one.body)}</summary>\n"
        f'<ul class="findings">{found}{cut}</ul>{summary}{_refined(one.body)}{verdicts}{who}</details>\n'
    )


def _kind(body: Comparison | Critique) -> str:
    return "comparison" if isinstance(body, Comparison) else "critique"


def _finding(one: Finding | PairFinding) -> str:
    if isinstance(one, PairFinding):
        said = f"A {_score(one.score_a)}, B {_score(one.score_b)}, winner {_score(one.winner)}"
    else:
        said = _score(one.score)
    return (
        f"<li><strong>{safe(one.dimension, 100)}</strong>: {safe(said, 100)}<br>"
        f"{safe(one.justification, _WORDS)}</li>"
    )


def _score(value: object) -> str:
    if value is NA:
        return "N/A"
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "value", value))


def _refined(body: Comparison | Critique) -> str:
    if isinstance(body, Comparison) or body.refinement is None:
        return ""
    return f"<p><strong>Refined request</strong>: {safe(body.refinement.request, _WORDS)}</p>"
