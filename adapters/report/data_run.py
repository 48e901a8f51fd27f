"""A data run as a page: the funnel, what each filter did, and a few rationales of every end.

The run is read line by line; only the examples that are shown are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from parrot.adapters.funnels import read_funnel
from parrot.adapters.report.charts import LEGEND, Bar, bars
from parrot.adapters.report.page import counts, facts, figures, page, safe, simulated, table
from parrot.adapters.report.pictures import MOST_EXAMPLES, Pictures, Room
from parrot.adapters.report.rationales import example
from parrot.adapters.report.sampling import Strata
from parrot.core.errors import RecordError
from parrot.core.records.failures import failure_from_record
from parrot.core.values import Image

_KEPT: Final = 80
_FELL: Final = MOST_EXAMPLES - _KEPT
_FAILED: Final = 60
_FILTERS: Final = 100
_ABOUT: Final = (
    ("command", "command"),
    ("teacher", "teacher"),
    ("verifier", "verifier"),
    ("anchored", "told the label"),
    ("samples", "samples a pair and order"),
    ("prompt", "prompt"),
    ("select", "select"),
    ("version", "version"),
    ("status", "status"),
)
Numbered = tuple[int, dict[str, Any]]


class Run(Protocol):
    """A run folder, as `RunFolder` opens it."""

    folder: Path
    about: dict[str, Any]

    def records(self, name: str = ..., /) -> Iterator[Numbered]: ...

    def open_image(self, ref: Any, /) -> Image: ...


def data_page(run: Run) -> str:
    """The page of a run folder of rationales. Raises ConfigError, and RecordError naming a line."""
    funnel = read_funnel(run.folder / "funnel.json")
    room = Room()
    show = _Showing(run, Pictures(room), room)
    sections = {
        "Funnel": _funnel_section(funnel),
        "Filter by filter": _filters_section(funnel),
        "What stayed": show.section("rationales.jsonl", lambda _: "Kept", _KEPT),
        "What was dropped and why": show.section("dropped.jsonl", _reason, _FELL),
        "What failed and why": _failures_section(run),
    }
    pairs = run.about.get("pairs")  # its folders are nobody's business whom the page is sent to
    told = [("file of pairs", Path(str(pairs)).name if pairs else None)]
    told += [(name, run.about.get(key)) for key, name in _ABOUT]
    models = (run.about.get("teacher"), run.about.get("verifier"))
    intro = simulated(*models) + _totals(funnel) + facts(told)
    return page("Rationales", sections, intro=intro)


def _totals(funnel: Mapping[str, Any]) -> str:
    pairs, rationales = funnel["pairs"], funnel["rationales"]
    kept, asked = pairs.get("kept", 0), pairs.get("in", 0)
    share = f" ({100 * kept / asked:.0f} %)" if asked else ""
    return figures(
        [
            (asked, "pairs"),
            (kept, f"pairs kept{share}"),
            (rationales.get("asked", 0), "rationales asked for"),
            (rationales.get("kept", 0), "rationales kept"),
        ]
    )


def _funnel_section(funnel: Mapping[str, Any]) -> str:
    pairs, rationales = funnel["pairs"], funnel["rationales"]
    ends = ("kept", "dropped", "failed")
    totals = table(
        "Pairs and rationales",
        ("", "in", *ends),
        [
            ("pairs", pairs.get("in", 0), *(pairs.get(e, 0) for e in ends)),
            ("rationales", rationales.get("asked", 0), *(rationales.get(e, 0) for e in ends)),
        ],
        numbers=range(1, 5),
    )
    asked = rationales.get("asked", 0)
    rows = [_asked(rationales, asked), *(_stage_bar(s) for s in funnel["filters"][:_FILTERS])]
    figure = f"<figure>{bars(rows, asked)}<figcaption>{LEGEND}</figcaption></figure>"
    return f"{totals}\n<h3>How many came through</h3>\n{figure}"


def _asked(rationales: Mapping[str, int], asked: int) -> Bar:
    parts = (rationales.get("kept", 0), rationales.get("dropped", 0), rationales.get("failed", 0))
    said = f"{asked} asked for: {parts[0]} kept in the end, {parts[1]} dropped, {parts[2]} failed"
    return Bar("all", said, parts)


def _stage_bar(stage: Mapping[str, Any]) -> Bar:
    parts = (stage["kept"], stage["dropped"], stage["undecided"])
    said = f"{stage['came']} came, {parts[0]} stayed, {parts[1]} fell, {parts[2]} undecided"
    return Bar(str(stage["name"]), said, parts)


def _filters_section(funnel: Mapping[str, Any]) -> str:
    stages = funnel["filters"]
    if not stages:
        return "<p>No filter judged this run.</p>"
    how = (
        "Marginal: each filter saw every rationale."
        if funnel.get("marginal")
        else "Conditional: each filter saw what the ones above it kept."
    )
    rows = [
        (s["name"], s["came"], s["kept"], s["dropped"], s["undecided"], counts(s["reasons"]))
        for s in stages[:_FILTERS]
    ]
    heads = ("filter", "came", "stayed", "fell", "undecided", "why")
    return f"<p>{how}</p>\n{table('Filters', heads, rows, numbers=range(1, 5))}"


def _reason(record: Mapping[str, Any]) -> str:
    fell = record.get("_dropped")
    fell = fell if isinstance(fell, dict) else {}
    return f"{fell.get('filter', 'filter')}: {fell.get('reason', 'no reason')}"


class _Showing:
    """Examples of a file of rationales, as long as there is room."""

    def __init__(self, run: Run, pictures: Pictures, room: Room) -> None:
        self._run, self._pictures, self._room = run, pictures, room

    def section(self, name: str, kind: Callable[[Mapping[str, Any]], str], most: int) -> str:
        held: Strata[Numbered] = Strata(most)
        for number, record in _records(self._run, name):
            held.add(kind(record), (number, record))
        total = held.counts.total()
        if not total:
            return "<p>Nothing.</p>"
        groups = list(held.chosen(most))
        shown = sum(len(items) for _, items in groups)
        said = f"<p>{shown} of {total}, chosen at random with a fixed seed; all are in {name}.</p>"
        return said + "\n".join(
            self._group(name, title, items, held.counts[title]) for title, items in groups
        )

    def _group(self, name: str, title: str, items: list[Numbered], of: int) -> str:
        body = "\n".join(self._example(name, *one) for one in items)
        head = f"<h3>{safe(title, 200)} ({len(items)} of {of})</h3>"
        return f'{head}<div class="examples">\n{body}\n</div>'

    def _example(self, name: str, number: int, record: Mapping[str, Any]) -> str:
        try:
            return self._room.hold(lambda: example(record, self._run.open_image, self._pictures))
        except RecordError as error:
            raise error.at(file=str(self._run.folder / name), line=number) from None


def _records(run: Run, name: str) -> Iterator[Numbered]:
    """The records of a file that an older run may lack."""
    return run.records(name) if (run.folder / name).is_file() else iter(())


def _failures_section(run: Run) -> str:
    held: Strata[Numbered] = Strata(6)
    for number, record in _records(run, "failed.jsonl"):
        held.add(f"{record.get('stage')}: {record.get('kind')}", (number, record))
    if not held.counts:
        return "<p>Nothing failed.</p>"
    summed = table(
        "Failures by kind", ("where and what", "how many"), held.counts.items(), numbers=(1,)
    )
    rows = [_failure(run, *one) for _, items in held.chosen(_FAILED) for one in items]
    heads = ("pair", "order", "sample", "at", "what", "detail")
    said = f"<p>{len(rows)} of {held.counts.total()}; all are in failed.jsonl.</p>"
    return f"{summed}\n<h3>Examples</h3>\n{said}\n{table('Failures', heads, rows)}"


def _failure(run: Run, number: int, record: Mapping[str, Any]) -> tuple[object, ...]:
    try:
        one = failure_from_record({k: v for k, v in record.items() if k[:1] != "_"})
    except RecordError as error:
        raise error.at(file=str(run.folder / "failed.jsonl"), line=number) from None
    order = one.order.value if one.order else ""
    sample = "" if one.sample is None else one.sample
    return one.pair_id, order, sample, one.stage, one.failure.kind.value, one.failure.detail
