"""HPDv3 (HF MizzenAI/HPDv3) and EditReward-Data (HF TIGER-Lab/EditReward-Data): one JSON shape.

`path1` is always the preferred image, so half of the pairs are mirrored by the hash of their id.
`choice_dist` counts the votes for path1 and path2; `confidence` in [0.5, 1] becomes a strength. The
edit set adds `path_src`, `tie_case` and two scores of each image: instruction following becomes the
label of text_faithfulness, visual quality that of physical_quality. Rows have no id; it is made of
the file's name and the row.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from parrot.adapters.datasets.cells import has, items, needed, number, plain, text
from parrot.adapters.datasets.dimensions import dimension_labels
from parrot.adapters.datasets.rows import Place, Row
from parrot.adapters.datasets.schemas import Record, Schema, each
from parrot.core.errors import RecordError

_COLUMNS = {
    "text_faithfulness": ("model1_dim1_score", "model2_dim1_score"),
    "physical_quality": ("model1_dim2_score", "model2_dim2_score"),
}


def _reader(name: str) -> Callable[[Row, Place], Record]:
    def record(row: Row, place: Place) -> Record:
        ties = plain(row.get("tie_case"))
        if not isinstance(ties, bool | None):
            raise RecordError(f"must be true or false, not {ties!r}", field="tie_case")
        return {
            "id": f"{name}/{Path(place.file).stem}/{place.index}",
            "prompt": text(row, "prompt"),
            "sources": [needed(row, "path_src")] if has(row, "path_src") else [],
            "image_a": needed(row, "path1"),
            "image_b": needed(row, "path2"),
            "label": "TIE" if ties else "A",
            "strength": None if ties else _strength(row),
            "votes": _votes(row),
            "dimension_labels": dimension_labels(row, _COLUMNS),
        }

    return record


def _strength(row: Row) -> float | None:
    if not has(row, "confidence"):
        return None
    confidence = number(row, "confidence")
    if not 0 <= confidence <= 1:
        raise RecordError(f"must lie in [0, 1], not {confidence}", field="confidence")
    return max(0.0, 2 * confidence - 1)


def _votes(row: Row) -> Record | None:
    if not has(row, "choice_dist"):
        return None
    counts = items(row, "choice_dist")
    whole = all(isinstance(count, int | float) and count % 1 == 0 for count in counts)
    if len(counts) != 2 or not whole:
        raise RecordError(f"must be two counts, not {counts!r}", field="choice_dist")
    return {"a": int(counts[0]), "b": int(counts[1])}


SCHEMA = Schema(
    "hpdv3", each(_reader("hpdv3")), source="MizzenAI/HPDv3", licence="MIT", mirrors=True
)
EDITREWARD_DATA = Schema(
    "editreward-data",
    each(_reader("editreward-data")),
    source="TIGER-Lab/EditReward-Data",
    mirrors=True,
)
