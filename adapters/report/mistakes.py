"""Judgements that went wrong: against the human, or without a winner at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from parrot.adapters.report.page import safe, table
from parrot.adapters.report.pairs import MOST_SOURCES, Shown, side_by_side
from parrot.adapters.report.pictures import Pictures, Room
from parrot.adapters.report.sampling import Strata
from parrot.core.evaluation import choice_of
from parrot.core.formats import Choice
from parrot.core.judgements import Judged
from parrot.core.values import Image, PreferencePair, Unloadable

MOST_MISTAKES: Final = 120
_EACH: Final = 60
_FAILED: Final = 40
Pair = PreferencePair | Unloadable


def mistakes(rows: Iterable[Judged], pairs: Iterable[Pair]) -> str:
    """Examples where the critic named another winner than the human, by what both said."""
    held: Strata[Judged] = Strata(_EACH)
    for row in rows:
        said = choice_of(row.judgement)
        if isinstance(said, Choice) and said.label is not row.label:
            held.add(f"human {row.label.value}, critic {said.label.value}", row)
    if not held.counts:
        return "<p>Nowhere.</p>"
    groups = list(held.chosen(MOST_MISTAKES))
    there = _wanted(pairs, {row.judgement.pair_id for _, items in groups for row in items})
    room = Room()
    pictures = Pictures(room)
    shown = sum(len(items) for _, items in groups)
    told = f"<p>{shown} of {held.counts.total()}, chosen at random with a fixed seed.</p>"
    hint = "" if there else "<p>Give <code>--pairs</code> to see the requests and images.</p>"
    return f"{told}{hint}" + "\n".join(
        _group(title, items, held.counts[title], there, pictures) for title, items in groups
    )


def _wanted(pairs: Iterable[Pair], ids: set[str]) -> dict[str, Pair]:
    """The pairs of these ids; reading ends with the last of them."""
    found: dict[str, Pair] = {}
    for pair in pairs:
        if pair.id in ids:
            found[pair.id] = pair
            if len(found) == len(ids):
                break
    return found


def _group(
    title: str, items: Sequence[Judged], of: int, there: Mapping[str, Pair], pictures: Pictures
) -> str:
    def one(row: Judged) -> str:
        pair = there.get(row.judgement.pair_id)
        return pictures.room.hold(lambda: _mistake(row, pair, pictures))

    head = f"<h3>{title[:1].upper()}{title[1:]} ({len(items)} of {of})</h3>"
    return f'{head}<div class="examples">\n{"".join(map(one, items))}\n</div>'


def _mistake(row: Judged, pair: Pair | None, pictures: Pictures) -> str:
    one = row.judgement
    scores = "" if one.gap is None else f"<p>Scores: A {one.score_a:g}, B {one.score_b:g}</p>"
    answer = ""
    if one.answer is not None:
        said = f'<p class="said">{safe(one.answer, 2000)}</p>'
        answer = f"<details><summary>The critic's answer</summary>{said}</details>"
    place = f"order {one.order.value}, sample {one.sample}"
    return (
        f'<article class="example">\n<div><h4>{safe(one.pair_id, 200)}, {place}</h4>'
        f"{_request(pair)}</div>\n{_seen(row, pair, pictures)}\n<div>{scores}{answer}</div></article>"
    )


def _request(pair: Pair | None) -> str:
    if isinstance(pair, Unloadable):
        return f"<p>The pair could not be loaded: {safe(pair.reason, 300)}</p>"
    return f'<p class="said">{safe(pair.request.prompt, 2000)}</p>' if pair else ""


def _seen(row: Judged, pair: Pair | None, pictures: Pictures) -> str:
    if pair is None or isinstance(pair, Unloadable):
        return "<div></div>"
    said = choice_of(row.judgement)
    winner = said.label.value if isinstance(said, Choice) else ""
    shown = [_shown(image, "Source image") for image in pair.request.sources[:MOST_SOURCES]]
    for name, image in (("A", pair.image_a), ("B", pair.image_b)):
        human, critic = row.label.value == name, winner == name
        told = f"Image {name}{', the human’s' if human else ''}{', the critic’s' if critic else ''}"
        shown.append(_shown(image, told, won=human))
    return side_by_side(shown, pair.request.prompt, pictures)


def _shown(image: Image, said: str, *, won: bool = False) -> Shown:
    return Shown(said, lambda: image, won=won)


def failures(rows: Iterable[Judged]) -> str:
    """What brought no winner, by kind, with examples."""
    held: Strata[Judged] = Strata(6)
    for row in rows:
        if row.judgement.failure is not None:
            held.add(row.judgement.failure.kind.value, row)
    if not held.counts:
        return "<p>Every judgement came.</p>"
    counts: Counter[str] = held.counts
    summed = table("Failures by kind", ("what", "how many"), counts.most_common(), numbers=(1,))
    lines = [_failure(row) for _, items in held.chosen(_FAILED) for row in items]
    heads = ("pair", "order", "sample", "what", "detail")
    return f"{summed}\n<h3>Examples</h3>\n{table('Failures', heads, lines)}"


def _failure(row: Judged) -> tuple[object, ...]:
    one = row.judgement
    kind, detail = (one.failure.kind.value, one.failure.detail) if one.failure else ("", "")
    return one.pair_id, one.order.value, one.sample, kind, detail
