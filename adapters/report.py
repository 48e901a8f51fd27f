"""A refinement run as one HTML page: no script, no network, every foreign word escaped.

The policy of the page forbids all but its own style, by digest, and inline pictures. Pictures are
reduced, and left out beyond a number of requests and bytes, so that the page stays small.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from parrot.adapters.disk import read_object
from parrot.backends.images import image_from_path, prepare
from parrot.core.errors import ConfigError, ImageError, RecordError

MOST_REQUESTS: Final = 60
MOST_BYTES: Final = 16 * 2**20
"""Of pictures, as they stand in the page."""
SIDE: Final = 256
_STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1a1a1a;--soft:#5c5c5c;--line:#d4d4d4;--won:#0a6b36;
--in:#d7f5e1;--out:#fbdcdc}
@media(prefers-color-scheme:dark){:root{--ground:#161616;--ink:#ececec;--soft:#a8a8a8;--line:#3c3c3c;
--won:#6fdc9c;--in:#12492a;--out:#5a1f1f}}
body{background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;max-width:72rem;
margin:0 auto;padding:1rem}
h2{border-top:1px solid var(--line);padding-top:1rem;overflow-wrap:anywhere}
.drafts{display:flex;flex-wrap:wrap;gap:1rem;padding:0;list-style:none}
.drafts>li{border:2px solid var(--line);border-radius:.5rem;padding:.75rem;flex:1 1 16rem;
max-width:22rem;overflow-wrap:anywhere}
.drafts>li.won{border-color:var(--won)}
img{width:100%;max-width:16rem;height:auto;image-rendering:pixelated}
ins{background:var(--in)}del{background:var(--out)}
.soft{color:var(--soft)}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
""".strip()
_WORD: Final = re.compile(r"\s+|[^\s\w]|\w+")


def refinement_page(run: Path) -> str:
    """The page of a run folder of `parrot refine`. Raises ConfigError where it is none."""
    about = read_object(run / "run.json")
    if about.get("command") != "refine" or not (run / "results.jsonl").is_file():
        raise ConfigError(f"{run} holds no finished run of refine")
    results = list(_rows(run / "results.jsonl"))
    shown = {row["id"] for row in results[:MOST_REQUESTS]}
    drafts: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in _rows(run / "trace.jsonl"):
        if row["id"] in shown:
            drafts.setdefault(row["id"], {})[row["draft"]] = row  # of a draft made again, the last
    pictures = _Pictures(run)
    body = [_head(about, results)]
    body += [_request(r, drafts.get(r["id"], {}), pictures) for r in results[:MOST_REQUESTS]]
    if len(results) > MOST_REQUESTS:
        body.append(f"<p>{len(results) - MOST_REQUESTS} more requests are in results.jsonl.</p>")
    return _page("Refinement", "\n".join(body))


def _page(title: str, body: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _head(about: Mapping[str, Any], results: list[dict[str, Any]]) -> str:
    both = [r for r in results if r["reward"] is not None and r["first_reward"] is not None]
    named = (
        ("generator", about.get("generator")),
        ("critic", about.get("critic")),
        ("policy", about.get("policy", {}).get("name")),
        ("requests", len(results)),
        ("drafts", sum(row["spent"]["drafts"] for row in results)),
        ("critic's mean reward, first draft", _mean([row["first_reward"] for row in both])),
        ("critic's mean reward, winner", _mean([row["reward"] for row in both])),
        ("status", about.get("status")),
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in named
    )
    simulated = any("miniature:" in str(about.get(who)) for who in ("generator", "critic"))
    told = "<p><strong>A simulation</strong>: the small drawn world.</p>" if simulated else ""
    said = "Rewards are the critic's own: what it is fooled by, it rewards."
    return f'<h1>Refinement</h1>\n{told}<table>{rows}</table>\n<p class="soft">{said}</p>'


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "none"


def _request(
    result: Mapping[str, Any], drafts: Mapping[int, Mapping[str, Any]], pictures: _Pictures
) -> str:
    items = "\n".join(
        _draft(drafts[number], result, pictures)
        for number in sorted(drafts)
        if number < result["spent"]["drafts"]
    )
    notes = "".join(f"<li>{escape(str(note))}</li>" for note in result["notes"])
    notes = f"<ul>{notes}</ul>" if notes else ""
    return (
        f"<h2>{escape(str(result['prompt']))}</h2>\n"
        f'<p class="soft">{escape(str(result["id"]))}: {_said(result["first_reward"])} to'
        f" {_said(result['reward'])}, stopped: {escape(str(result['reason']))}</p>\n"
        f'<ol class="drafts">{items}</ol>\n{notes}'
    )


def _draft(draft: Mapping[str, Any], result: Mapping[str, Any], pictures: _Pictures) -> str:
    won = draft["draft"] == result["winner"]
    words = marked(str(result["prompt"]), str(draft["prompt"]))
    values = "".join(
        f"<tr><td>{escape(str(k))}</td><td>{v:.2f}</td></tr>"
        for k, v in draft.get("dimensions", {}).items()
    )
    return (
        f"<li{' class=won' if won else ''}><h3>Draft {draft['draft']}, round {draft['round']}:"
        f" {_said(draft.get('total'))}{' (wins)' if won else ''}</h3>\n"
        f"{_picture(draft, pictures)}<p>{words}</p>\n<table>{values}</table>\n"
        f"{_critique(draft)}</li>"
    )


def _picture(draft: Mapping[str, Any], pictures: _Pictures) -> str:
    if draft.get("image") is None:
        failure = draft.get("not_drawn") or {}
        said = f"{failure.get('kind')}: {failure.get('detail')}"
        return f"<p>Not drawn: {escape(said)}</p>"
    source = pictures.of(str(draft["image"]))
    if source is None:
        return f'<p class="soft">{escape(str(draft["image"]))}</p>'
    name = escape(f"Draft {draft['draft']}, drawn from: {draft['prompt']}", quote=True)
    return f'<img src="{source}" alt="{name}">\n'


def _critique(draft: Mapping[str, Any]) -> str:
    critiques = draft.get("critiques") or ()
    if not critiques:
        failure = draft.get("unscored") or {}
        return f"<p>No score: {escape(str(failure.get('detail', '')))}</p>" if failure else ""
    first = critiques[0]
    found = "".join(
        f"<li>{escape(str(f['dimension']))}, {escape(str(f['score']))}:"
        f" {escape(str(f['justification']))}</li>"
        for f in first["findings"]
    )
    summary = escape(str(first.get("summary") or ""))
    return f"<details><summary>What the critic said</summary><ul>{found}</ul><p>{summary}</p></details>"


def marked(before: str, after: str) -> str:
    """`after` as HTML, with what is not in `before` marked, and what is gone struck."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    out: list[str] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = escape("".join(old[a:b])), escape("".join(new[c:d]))
        if what == "equal":
            out.append(come)
            continue
        out += [f"<del>{gone}</del>"] if gone.strip() else []
        out.append(f"<ins>{come}</ins>" if come.strip() else come)
    return "".join(out)


class _Pictures:
    """Pictures of a run as data URLs, until they are too many bytes."""

    def __init__(self, run: Path) -> None:
        self._run, self._left = run, MOST_BYTES

    def of(self, ref: str) -> str | None:
        """The picture's data URL; None where it is gone, cannot be read, or finds no room."""
        try:
            image = image_from_path(ref, root=self._run)
            data, kind = prepare(image, f"max_side={SIDE}")
        except ImageError:
            return None
        text = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
        if len(text) > self._left:
            return None
        self._left -= len(text)
        return text


def _said(total: object) -> str:
    return f"{total:.3f}" if isinstance(total, float | int) else "unscored"


def _rows(place: Path) -> Iterator[dict[str, Any]]:
    with place.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise RecordError(f"not JSON: {error}", file=str(place), line=number) from None
            yield row
