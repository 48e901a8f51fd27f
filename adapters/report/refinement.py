"""A refinement run as a page: the reward by round, then drafts side by side, request by request.

The run is read line by line; of what is not shown only rounds and rewards are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from attrs import define, field

from parrot.adapters.disk import object_of, read_object
from parrot.adapters.report.charts import rounds_diagram
from parrot.adapters.report.drafts import draft_card, reward, source_card
from parrot.adapters.report.page import facts, figures, number, page, region, safe, simulated, table
from parrot.adapters.report.pairs import MOST_SOURCES
from parrot.adapters.report.pictures import MOST_EXAMPLES, Pictures, Room
from parrot.adapters.report.rounds import Scored, best_by, rounds_of
from parrot.core.errors import ConfigError, RecordError

MOST_REQUESTS: Final = 60
_MOST_DRAFTS: Final = 24
_RESULT: Final = {
    "id": str, "prompt": str, "reason": str, "notes": list, "spent": dict, "winner": object,
    "reward": object, "first_reward": object,
}  # fmt: skip
_DRAFT: Final = {"id": str, "prompt": str, "draft": int, "round": int}
_ABOUT: Final = ("generator", "critic", "verifier", "seed", "version", "status")
Row = Mapping[str, Any]


@define
class _Read:
    """What is held of a run. shown: the requests that the page has, in order, and their drafts.

    ends: first reward and the winner's. made, rounds: of every request, by its id.
    """

    shown: dict[str, Row] = field(factory=dict)
    drafts: dict[str, dict[int, Row]] = field(factory=dict)
    made: dict[str, int] = field(factory=dict)
    ends: list[tuple[float, float]] = field(factory=list)
    rounds: dict[str, dict[int, Scored]] = field(factory=dict)


def refinement_page(run: Path) -> str:
    """The page of a run folder of `parrot refine`. Raises ConfigError where it is none, RecordError."""
    about = read_object(run / "run.json")
    if about.get("command") != "refine" or not (run / "results.jsonl").is_file():
        raise ConfigError(f"{run} holds no finished run of refine")
    read = _read(run)
    room = Room()
    pictures = Pictures(room)
    body = [
        room.hold(lambda result=result: _request(result, read, run, pictures))  # type: ignore[misc]
        for result in read.shown.values()
    ]
    if len(read.made) > len(read.shown):
        body.append(
            f"<p>{len(read.made) - len(read.shown)} more requests are in results.jsonl.</p>"
        )
    sections = {"Reward by round": _by_round(read), "Requests": "\n".join(body)}
    return page("Refinement", sections, intro=_intro(about, read))


def _read(run: Path) -> _Read:
    read, left = _Read(), MOST_EXAMPLES
    full = False
    for row in _rows(run / "results.jsonl", _RESULT):
        made = row["spent"].get("drafts", 0)
        read.made[row["id"]] = made if isinstance(made, int) else 0
        first, last = number(row["first_reward"]), number(row["reward"])
        if first is not None and last is not None:
            read.ends.append((first, last))
        left -= min(read.made[row["id"]], _MOST_DRAFTS)
        full = full or left < 0 or len(read.shown) == MOST_REQUESTS
        if not full:
            read.shown[row["id"]] = row
    for row in _rows(run / "trace.jsonl", _DRAFT):
        if row["draft"] < read.made.get(row["id"], 0):
            # Of a draft that was made again, the last stands.
            scored = Scored(row["round"], number(row.get("total")))
            read.rounds.setdefault(row["id"], {})[row["draft"]] = scored
            if row["id"] in read.shown and row["draft"] < _MOST_DRAFTS:
                read.drafts.setdefault(row["id"], {})[row["draft"]] = row
    return read


def _intro(about: Row, read: _Read) -> str:
    first, last = ([pair[at] for pair in read.ends] for at in (0, 1))
    told = [
        (len(read.made), "requests"),
        (sum(read.made.values()), "drafts"),
        (_mean(first), "critic's mean reward, first drafts"),
        (_mean(last), "of the drafts chosen"),
        (sum(b > a for a, b in read.ends), "requests better than their first draft"),
        (sum(b < a for a, b in read.ends), "worse"),
    ]
    policy = about.get("policy")
    name = policy.get("name") if isinstance(policy, dict) else policy
    asked = about.get("requests")
    named = [("policy", name), *((key, about.get(key)) for key in _ABOUT)]
    named.append(("file of requests", Path(str(asked)).name if asked else None))
    said = "Rewards are the critic's own: what it is fooled by, it rewards."
    warned = simulated(about.get("generator"), about.get("critic"))
    return f'{warned}{figures(told)}\n{facts(named)}\n<p class="soft">{said}</p>'


def _mean(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f}" if values else "none"


def _by_round(read: _Read) -> str:
    rounds = rounds_of([list(drafts.values()) for drafts in read.rounds.values()])
    if not rounds:
        return "<p>No draft was made.</p>"
    rows = [
        (one.number, one.drafts, one.unscored, _said(one.mean), _said(one.best)) for one in rounds
    ]
    dots = [(one.number, one.mean) for one in rounds if one.mean is not None]
    best = [(one.number, one.best) for one in rounds if one.best is not None]
    heads = ("round", "drafts", "unscored", "mean reward", "mean of the best so far")
    drawn = rounds_diagram(dots, best, "Mean reward by round; the table has the numbers")
    told = "Dots: the mean of a round's own drafts. Line: the mean of each request's best so far."
    figure = f"<figure>{drawn}<figcaption>{told}</figcaption></figure>"
    numbers = table("Reward by round", heads, rows, numbers=range(1, 5))
    return f'<div class="beside">{figure}\n{numbers}</div>'


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _request(result: Row, read: _Read, run: Path, pictures: Pictures) -> str:
    drafts = read.drafts.get(result["id"], {})
    cards = _sources(result, run, pictures)
    try:
        cards += [draft_card(drafts[at], result, run, pictures) for at in sorted(drafts)]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise RecordError(f"draft of {result['id']!r} is no row of refine: {error!r}") from None
    more = read.made[result["id"]] - _MOST_DRAFTS
    cut = f"<p>{more} more drafts are in trace.jsonl.</p>" if more > 0 else ""
    notes = "".join(f"<li>{safe(note)}</li>" for note in result["notes"])
    items = f'<ol class="drafts">{"".join(cards)}</ol>'
    return (
        f'<article class="request"><header><div><h3>{safe(result["prompt"])}</h3>\n'
        f'<p class="soft">{safe(result["id"], 200)}: {reward(result["first_reward"])} to'
        f" {reward(result['reward'])}, stopped: {safe(result['reason'], 100)}</p></div>\n"
        f"{_course(read.rounds.get(result['id'], {}).values())}</header>\n"
        f"{region('Drafts of ' + result['prompt'], items)}\n"
        f"{cut}{f'<ul>{notes}</ul>' if notes else ''}</article>"
    )


def _sources(result: Row, run: Path, pictures: Pictures) -> list[str]:
    """What an edit begins from; runs of older versions do not say."""
    held = result.get("sources")
    some = held[:MOST_SOURCES] if isinstance(held, list) else []
    return [source_card(ref, str(result["prompt"]), run, pictures) for ref in some]


def _course(drafts: Iterable[Scored]) -> str:
    """The reward by round of one request, where it had more than one."""
    made = list(drafts)
    rounds = sorted({one.round for one in made})
    if len(rounds) < 2:
        return ""
    dots = [(one.round, one.total) for one in made if one.total is not None]
    best = [(at, top) for at in rounds if (top := best_by(at, made)) is not None]
    told = ", ".join(f"round {at} {total:.3f}" for at, total in dots)
    return rounds_diagram(dots, best, f"Reward by round: {told}", small=True)


def _rows(place: Path, needed: Mapping[str, type]) -> Iterator[dict[str, Any]]:
    """The rows of a file. Raises RecordError for one that lacks what is needed."""
    with place.open("rb") as lines:
        for at, line in enumerate(lines, start=1):
            row = object_of(line, place, at)
            for name, kind in needed.items():
                if name not in row or not isinstance(row[name], kind):
                    said = "is missing or of another type"
                    raise RecordError(said, file=str(place), line=at, field=name)
            yield row
