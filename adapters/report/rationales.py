"""One rationale as HTML: the request, its images as the teacher saw them, and what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from parrot.adapters.report.page import safe
from parrot.adapters.report.pairs import MOST_SOURCES, Shown, side_by_side
from parrot.adapters.report.pictures import Pictures
from parrot.core.candidates import Order
from parrot.core.critiques import NA, Comparison, Critique, Finding, PairFinding
from parrot.core.records.rationales import StoredRationale, stored_from_record
from parrot.core.values import Image

_TURNED: Final = {"A": "B", "B": "A"}
_FINDINGS: Final = 16
_WORDS: Final = 2_000
Open = Callable[[Any], Image]


def example(record: Mapping[str, Any], opened: Open, pictures: Pictures) -> str:
    """A record of `rationales.jsonl` or `dropped.jsonl`. Raises RecordError."""
    stored = stored_from_record({k: v for k, v in record.items() if k[:1] != "_"})
    pair = stored.pair or {}
    prompt = str(pair.get("prompt", "no request in the data"))
    return (
        f'<article class="example">\n<div><h4>{safe(stored.id, 200)}</h4>'
        f'<p class="said">{safe(prompt, _WORDS)}</p></div>\n'
        f"{_images(stored, pair, prompt, opened, pictures)}\n"
        f"<div>{_fell(record)}{_label(stored, pair)}{_scores(stored.rationale.body)}{_told(stored)}"
        "</div></article>"
    )


def _images(
    stored: StoredRationale, pair: Mapping[str, Any], prompt: str, opened: Open, pictures: Pictures
) -> str:
    """Source, A and B as the teacher saw them."""
    turned = stored.rationale.provenance.order is Order.BA
    label = _label_seen(pair, turned=turned)
    sources = pair.get("sources")
    sources = sources if isinstance(sources, list) else []
    shown = [_shown(ref, "Source image", opened) for ref in sources[:MOST_SOURCES]]
    for name in ("A", "B"):
        ref = pair.get(f"image_{(_TURNED[name] if turned else name).lower()}")
        side = stored.rationale.side
        judged = ", judged here" if side is not None and side.value == name else ""
        won = label == name
        said = f"Image {name}{', preferred' if won else ''}{judged}"
        shown.append(_shown(ref, said, opened, won=won))
    return side_by_side(shown, prompt, pictures)


def _shown(ref: object, said: str, opened: Open, *, won: bool = False) -> Shown:
    lacking = ref is None or str(ref).startswith("absent:")
    return Shown(said, None if lacking else lambda: opened(ref), won=won)


def _label_seen(pair: Mapping[str, Any], *, turned: bool) -> str:
    label = str(pair.get("label", "unknown"))
    return _TURNED.get(label, label) if turned else label


def _label(stored: StoredRationale, pair: Mapping[str, Any]) -> str:
    turned = stored.rationale.provenance.order is Order.BA
    label = _label_seen(pair, turned=turned)
    both = f", both {safe(pair['both'], 40)}" if pair.get("both") else ""
    tie = f"<p>The label is {safe(label, 40)}{both}.</p>" if label not in _TURNED else ""
    seen = '<p class="soft">The teacher saw the pair turned: its image B as A.</p>'
    return f"{tie}{seen if turned else ''}"


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
    summary = f'<p class="said">{safe(one.body.summary, _WORDS)}</p>' if one.body.summary else ""
    passed = ", ".join(stored.verdicts)
    verdicts = f'<p class="soft">Judged by: {safe(passed, 400)}</p>' if passed else ""
    who = f'<p class="soft">{safe(one.provenance.teacher, 200)}</p>'
    return (
        f"<details><summary>The {_kind(one.body)}</summary>\n"
        f'<ul class="findings">{found}{cut}</ul>{summary}{_refined(one.body)}{verdicts}{who}</details>\n'
    )


def _kind(body: Comparison | Critique) -> str:
    return "comparison" if isinstance(body, Comparison) else "critique"


def _scores(body: Comparison | Critique) -> str:
    """The scores by dimension, before any of the words."""
    pairwise = isinstance(body, Comparison)
    heads = ("A", "B", "winner") if pairwise else ("score",)
    top = "".join(f'<th scope="col" class="n">{head}</th>' for head in heads)
    rows = "".join(
        f'<tr><th scope="row">{safe(one.dimension, 100)}</th>'
        + "".join(f'<td class="n">{safe(_score(value), 40)}</td>' for value in _values(one))
        + "</tr>"
        for one in body.findings[:_FINDINGS]
    )
    if not rows:
        return ""
    head = f'<thead><tr><th scope="col">dimension</th>{top}</tr></thead>'
    return f'<table class="scores">{head}<tbody>{rows}</tbody></table>'


def _values(one: Finding | PairFinding) -> tuple[object, ...]:
    return (one.score_a, one.score_b, one.winner) if isinstance(one, PairFinding) else (one.score,)


def _finding(one: Finding | PairFinding) -> str:
    said = safe(one.justification, _WORDS)
    return (
        f'<li><strong>{safe(one.dimension, 100)}</strong><br><span class="said">{said}</span></li>'
    )


def _score(value: object) -> str:
    if value is NA:
        return "N/A"
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "value", value))


def _refined(body: Comparison | Critique) -> str:
    if isinstance(body, Comparison) or body.refinement is None:
        return ""
    said = safe(body.refinement.request, _WORDS)
    return f'<p class="said"><strong>Refined request</strong>: {said}</p>'
