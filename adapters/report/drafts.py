"""The drafts of a request as cards side by side: reward, picture, words, dimensions, critique."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.report.charts import meter
from parrot.adapters.report.page import number, safe
from parrot.adapters.report.pictures import Pictures
from parrot.backends.images import image_from_path

_WORD: Final = re.compile(r"\s+|[^\s\w]|\w+")
_FINDINGS: Final = 16


def draft_card(
    draft: Mapping[str, Any], result: Mapping[str, Any], run: Path, pictures: Pictures
) -> str:
    """A row of `trace.jsonl` as an item of a list. Raises KeyError, TypeError, AttributeError."""
    won = draft["draft"] == result["winner"]
    kind = ' class="won"' if won else ""
    return (
        f"<li{kind}>{_head(draft, result, won=won)}\n{_picture(draft, run, pictures)}\n"
        f"{_words(draft, result)}\n{_dimensions(draft)}\n{_critique(draft)}</li>"
    )


def source_card(ref: object, prompt: str, run: Path, pictures: Pictures) -> str:
    """A source image of an edit as an item of the same list, level with the drafts' pictures."""
    shown = pictures.of(lambda: image_from_path(str(ref), root=run), f"Source image of: {prompt}")
    rest = "<div></div>" * 3
    return f"<li><div><h4>Source image</h4></div>\n<div>{shown}</div>{rest}</li>"


def _head(draft: Mapping[str, Any], result: Mapping[str, Any], *, won: bool) -> str:
    total, first = number(draft.get("total")), number(result["first_reward"])
    change = ""
    if draft["draft"] and total is not None and first is not None:
        kind = "good" if total > first else "bad" if total < first else "soft"
        change = f' <small class="{kind}">{_signed(total - first)}</small>'
    badge = ' <span class="badge">chosen</span>' if won else ""
    return (
        f"<div><h4>Draft {draft['draft']}, round {draft['round']}</h4>"
        f'<p class="reward"><strong>{reward(total)}</strong>{change}{badge}</p></div>'
    )


def _signed(change: float) -> str:
    return f"{change:+.3f}".replace("-", "\N{MINUS SIGN}")


def reward(total: object) -> str:
    """A reward to three places, or that there is none."""
    known = number(total)
    return "unscored" if known is None else f"{known:.3f}"


def _picture(draft: Mapping[str, Any], run: Path, pictures: Pictures) -> str:
    if draft.get("image") is None:
        failure = draft.get("not_drawn") or {}
        return f"<p>Not drawn: {safe(failure.get('kind'))}: {safe(failure.get('detail'))}</p>"
    alt = f"Draft {draft['draft']}, drawn from: {draft['prompt']}"
    shown = pictures.of(lambda: image_from_path(str(draft["image"]), root=run), alt)
    return f"<div>{shown}</div>"


def _words(draft: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    asked, drawn = str(result["prompt"]), str(draft["prompt"])
    if asked == drawn:
        return '<p class="soft">Drawn from the request as it is.</p>'
    return f'<p class="said">{marked(asked, drawn)}</p>'


def _dimensions(draft: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{safe(name, 100)}</th><td>{meter(number(value) or 0.0)}</td>'
        f'<td class="n">{reward(value)}</td></tr>'
        for name, value in list((draft.get("dimensions") or {}).items())[:_FINDINGS]
    )
    return f'<table class="scores"><tbody>{rows}</tbody></table>' if rows else "<div></div>"


def _critique(draft: Mapping[str, Any]) -> str:
    critiques = draft.get("critiques") or ()
    if not critiques:
        failure = draft.get("unscored") or {}
        return f"<p>No score: {safe(failure.get('detail', ''))}</p>" if failure else "<div></div>"
    first = critiques[0]
    found = "".join(
        f"<li><strong>{safe(f['dimension'], 100)}</strong>, {safe(f['score'], 20)}: "
        f"{safe(f['justification'])}</li>"
        for f in first["findings"][:_FINDINGS]
    )
    return (
        "<details><summary>What the critic said</summary>\n"
        f'<ul class="findings">{found}</ul><p class="said">{safe(first.get("summary") or "")}</p>'
        f"{_rewrite(draft)}</details>"
    )


def _rewrite(draft: Mapping[str, Any]) -> str:
    written = draft.get("rewrite") or {}
    if not written.get("request"):
        return ""
    fault = written.get("fault")
    why = f'<p class="bad">Set aside: {safe(fault)} {safe(written.get("detail") or "")}</p>'
    return (
        f"<p><strong>Its better request</strong>: {safe(written['request'])}</p>"
        f"{why if fault else ''}"
    )


def marked(before: str, after: str) -> str:
    """`after` as HTML, with what is not in `before` marked, and what is gone struck."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    out: list[str] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = safe("".join(old[a:b])), "".join(new[c:d])
        if what == "equal":
            out.append(safe(come))
            continue
        out += [f"<del>{gone}</del>"] if gone.strip() else []
        out.append(_come(come))
    return "".join(out)


def _come(words: str) -> str:
    """New words marked, but not the space around them."""
    bare = words.strip()
    if not bare:
        return safe(words)
    before, after = words.split(bare, 1)
    return f"{safe(before)}<ins>{safe(bare)}</ins>{safe(after)}"
