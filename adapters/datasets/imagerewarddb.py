"""ImageRewardDB (HF THUDM/ImageRewardDB): ranked images of a prompt, as all pairs among them.

Three forms: a row an image (configs 1k ... 8k, and the repository's JSON with `image_path`), a row
a prompt (`_group`), a row a pair (`_pair`: img_better, img_worse). Rank 1 is best and equal ranks
are a TIE. Text alignment becomes the label of text_faithfulness, fidelity that of physical_quality.
Images may stand best first, so half of the pairs are mirrored. Rows of one prompt must stand
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, groupby
from typing import Any

from parrot.adapters.datasets.cells import has, items, needed, number, text
from parrot.adapters.datasets.dimensions import dimension_labels, label_of
from parrot.adapters.datasets.rows import Place, PlacedRow, Row
from parrot.adapters.datasets.schemas import Made, Record, Schema
from parrot.adapters.datasets.unique import UniqueIds
from parrot.core.errors import RecordError

_RATINGS = ("rank", "image_text_alignment_rating", "fidelity_rating")
_COLUMNS = {
    "text_faithfulness": ("image_text_alignment_rating_1", "image_text_alignment_rating_2"),
    "physical_quality": ("fidelity_rating_1", "fidelity_rating_2"),
}


def _records(rows: Iterable[PlacedRow]) -> Iterator[Made]:
    with UniqueIds() as seen:
        for prompt_id, group in groupby(rows, key=_prompt_id):
            placed = list(group)
            place = placed[0][0]
            try:
                _refuse_scattered(prompt_id, place, seen, placed)
                made = list(_pairs(prompt_id, placed))
            except RecordError as error:
                raise error.at(file=place.file, line=place.line) from None
            for record in made:
                yield place, record


def _prompt_id(placed: PlacedRow) -> str:
    place, row = placed
    try:
        return text(row, "prompt_id")
    except RecordError as error:
        raise error.at(file=place.file, line=place.line) from None


def _refuse_scattered(
    prompt_id: str, place: Place, seen: UniqueIds, placed: list[PlacedRow]
) -> None:
    before = seen.add(prompt_id, f"{place.file}:{place.line}")
    if before and not has(placed[0][1], "img_better"):
        message = f"images of {prompt_id!r} stand here and at {before}; sort the rows by prompt_id"
        raise RecordError(message, field="prompt_id")


def _pairs(prompt_id: str, placed: list[PlacedRow]) -> Iterator[Record]:
    first = placed[0][1]
    if has(first, "img_better"):
        yield from (_better_worse(prompt_id, place, row) for place, row in placed)
        return
    grouped = _is_group(first)
    if grouped and len(placed) > 1:
        raise RecordError(f"{prompt_id!r} has two rows of ranked images", field="prompt_id")
    ranked = _of_group(first) if grouped else [_of_image(row) for _, row in placed]
    for (i, one), (j, other) in combinations(enumerate(ranked), 2):
        both = {f"{k}_1": v for k, v in one.items()} | {f"{k}_2": v for k, v in other.items()}
        yield {
            "id": f"imagerewarddb/{prompt_id}/{i}-{j}",
            "prompt": text(first, "prompt"),
            "image_a": one["image"],
            "image_b": other["image"],
            "label": label_of(-number(both, "rank_1"), -number(both, "rank_2")),
            "dimension_labels": dimension_labels(both, _COLUMNS),
        }


def _better_worse(prompt_id: str, place: Place, row: Row) -> Record:
    return {
        "id": f"imagerewarddb/{prompt_id}/row-{place.index}",
        "prompt": text(row, "prompt"),
        "image_a": needed(row, "img_better"),
        "image_b": needed(row, "img_worse"),
        "label": "A",
    }


def _is_group(row: Row) -> bool:
    return not isinstance(row.get("image"), Mapping | str | bytes) and not has(row, "image_path")


def _of_image(row: Row) -> Record:
    name = "image" if has(row, "image") else "image_path"
    return {"image": needed(row, name)} | {r: row.get(r) for r in _RATINGS}


def _of_group(row: Row) -> list[dict[str, Any]]:
    columns = {name: items(row, name) for name in ("image", *_RATINGS) if has(row, name)}
    counts = {name: len(values) for name, values in columns.items()}
    if len(set(counts.values())) != 1 or not {"image", "rank"} <= set(counts):
        raise RecordError(f"image, rank and ratings must be lists of one length, not {counts}")
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, values, strict=True)) for values in rows]


SCHEMA = Schema(
    "imagerewarddb", _records, source="THUDM/ImageRewardDB", licence="Apache-2.0", mirrors=True
)
