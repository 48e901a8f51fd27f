"""A refinement run as a page: drafts side by side, what the critic said, what changed in the words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.disk import object_of, read_object
from parrot.adapters.report.page import facts, page, safe, simulated
from parrot.adapters.report.pictures import Pictures, Room
from parrot.backends.images import image_from_path
from parrot.core.errors import ConfigError, RecordError

MOST_REQUESTS: Final = 60
_MOST_DRAFTS: Final = 24
_RESULT: Final = {
    "id": str, "prompt": str, "reason": str, "notes": list, "spent": dict, "winner": object,
    "reward": object, "first_reward": object,
}  # fmt: skip
_DRAFT: Final = {"id": str, "prompt": str, "draft": int, "round": int}
_Drafts = Mapping[int, Mapping[str, Any]]
_WORD: Final = re.compile(r"\s+|[^\s\w]|\w+")


def refinement_page(run: Path) -> str:
    """The page of a run folder of `parrot refine`. Raises ConfigError where it is none."""
    about = read_object(run / "run.json")
    if about.get("command") != "refine" or not (run / "results.jsonl").is_file():
        raise ConfigError(f"{run} holds no finished run of refine")
    results = list(_rows(run / "results.jsonl", _RESULT))
    shown = {row["id"] for row in results[:MOST_REQUESTS]}
    drafts: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in _rows(run / "trace.jsonl", _DRAFT):
        if row["id"] in shown:
            drafts.setdefault(row["id"], {})[row["draft"]] = row  # of a draft made again, the last
    room = Room()
    pictures = _Pictures(run, room)
    body = [_shown(r, drafts.get(r["id"], {}), pictures, room) for r in results[:MOST_REQUESTS]]
    if len(results) > MOST_REQUESTS:
        body.append(f"<p>{len(results) - MOST_REQUESTS} more requests are in results.jsonl.</p>")
    return page("Refinement", {"Requests": "\n".join(body)}, intro=_head(about, results))


def _shown(result: Mapping[str, Any], drafts: _Drafts, pictures: _Pictures, room: Room) -> str:
    try:
        html = _request(result, drafts, pictures)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise RecordError(f"draft of {result['id']!r} is no row of refine: {error!r}") from None
    return html if room.take(html) else '<p class="soft">No room for this request.</p>'


def _head(about: Mapping[str, Any], results: list[dict[str, Any]]) -> str:
    both = [r for r in results if _number(r["reward"]) and _number(r["first_reward"])]
    named = (
        ("generator", about.get("generator")),
        ("critic", about.get("critic")),
        ("policy", _name_of(about.get("policy"))),
        ("requests", len(results)),
        ("drafts", sum(_made(row) for row in results)),
        ("critic's mean reward, first draft", _mean([row["first_reward"] for row in both])),
        ("critic's mean reward, winner", _mean([row["reward"] for row in both])),
        ("status", about.get("status")),
    )
    said = "Rewards are the critic's own: what it is fooled by, it rewards."
    told = simulated(about.get("generator"), about.get("critic"))
    return f'{told}{facts("The run", named)}\n<p class="soft">{said}</p>'


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "none"


def _request(result: Mapping[str, Any], drafts: _Drafts, pictures: _Pictures) -> str:
    items = "\n".join(
        _draft(drafts[number], result, pictures)
        for number in sorted(drafts)
        if number < min(_made(result), _MOST_DRAFTS)
    )
    notes = "".join(f"<li>{safe(note)}</li>" for note in result["notes"])
    notes = f"<ul>{notes}</ul>" if notes else ""
    return (
        f"<h3>{safe(result['prompt'])}</h3>\n"
        f'<p class="soft">{safe(result["id"])}: {_said(result["first_reward"])} to'
        f" {_said(result['reward'])}, stopped: {safe(result['reason'])}</p>\n"
        f'<ol class="drafts">{items}</ol>\n{notes}'
    )


def _draft(draft: Mapping[str, Any], result: Mapping[str, Any], pictures: _Pictures) -> str:
    won = draft["draft"] == result["winner"]
    words = marked(str(result["prompt"]), str(draft["prompt"]))
    values = "".join(
        f"<tr><td>{safe(k)}</td><td>{_said(v)}</td></tr>"
        for k, v in (draft.get("dimensions") or {}).items()
    )
    kind = ' class="won"' if won else ""
    return (
        f"<li{kind}><h4>Draft {draft['draft']}, round {draft['round']}:"
        f" {_said(draft.get('total'))}{' (wins)' if won else ''}</h4>\n"
        f"{_picture(draft, pictures)}<p>{words}</p>\n<table>{values}</table>\n"
        f"{_critique(draft)}</li>"
    )


def _picture(draft: Mapping[str, Any], pictures: _Pictures) -> str:
    if draft.get("image") is None:
        failure = draft.get("not_drawn") or {}
        said = f"{failure.get('kind')}: {failure.get('detail')}"
        return f"<p>Not drawn: {safe(said)}</p>"
    alt = f"Draft {draft['draft']}, drawn from: {draft['prompt']}"
    return pictures.of(str(draft["image"]), alt)


def _critique(draft: Mapping[str, Any]) -> str:
    critiques = draft.get("critiques") or ()
    if not critiques:
        failure = draft.get("unscored") or {}
        return f"<p>No score: {safe(failure.get('detail', ''))}</p>" if failure else ""
    first = critiques[0]
    found = "".join(
        f"<li>{safe(f['dimension'])}, {safe(f['score'])}: {safe(f['justification'])}</li>"
        for f in first["findings"]
    )
    summary = safe(first.get("summary") or "")
    return f"<details><summary>What the critic said</summary><ul>{found}</ul><p>{summary}</p></details>"


def marked(before: str, after: str) -> str:
    """`after` as HTML, with what is not in `before` marked, and what is gone struck."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    out: list[str] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = safe("".join(old[a:b])), safe("".join(new[c:d]))
        if what == "equal":
            out.append(come)
            continue
        out += [f"<del>{gone}</del>"] if gone.strip() else []
        out.append(f"<ins>{come}</ins>" if come.strip() else come)
    return "".join(out)


class _Pictures:
    """Pictures of a run by their place in it."""

    def __init__(self, run: Path, room: Room) -> None:
        self._run, self._pictures = run, Pictures(room)

    def of(self, ref: str, alt: str) -> str:
        return self._pictures.of(lambda: image_from_path(ref, root=self._run), alt)


def _made(result: Mapping[str, Any]) -> int:
    found = result["spent"].get("drafts", 0)
    return found if isinstance(found, int) else 0


def _name_of(policy: object) -> object:
    return policy.get("name") if isinstance(policy, dict) else policy


def _said(total: object) -> str:
    return f"{total:.3f}" if isinstance(total, float | int) else "unscored"


def _rows(place: Path, needed: Mapping[str, type]) -> Iterator[dict[str, Any]]:
    """The rows of a file. Raises RecordError for one that lacks what is needed."""
    with place.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            row = object_of(line, place, number)
            for name, kind in needed.items():
                if name not in row or not isinstance(row[name], kind):
                    said = "is missing or of another type"
                    raise RecordError(said, file=str(place), line=number, field=name)
            yield row
