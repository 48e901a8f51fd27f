"""Pick-a-Pic v2 (HF yuvalkirstain/pickapic_v2): one pair a row, with the bytes of both images.

`label_0` and `label_1` are 1 and 0, or 0.5 each for a tie. A row without a label (`has_label`
false) or without the bytes of an image is `Unloadable`, so that it is counted. Image 0 is A. The
licence was not to be had and stays None.
"""

from __future__ import annotations

from parrot.adapters.datasets.cells import needed, number, plain, text
from parrot.adapters.datasets.rows import Place, Row
from parrot.adapters.datasets.schemas import Record, Schema, each
from parrot.core.errors import RecordError
from parrot.core.values import Unloadable

_LABELS = {(1, 0): "A", (0, 1): "B", (0.5, 0.5): "TIE"}


def _record(row: Row, _: Place) -> Record | Unloadable:
    uids = (text(row, "image_0_uid")[:8], text(row, "image_1_uid")[:8])
    name = f"pickapic/{text(row, 'ranking_id')}/{uids[0]}-{uids[1]}"
    if plain(row.get("has_label")) is False:
        return Unloadable(name, "the dataset has no label for it")
    if not (row.get("jpg_0") and row.get("jpg_1")):
        return Unloadable(name, "the dataset lacks the bytes of an image")
    scores = (number(row, "label_0"), number(row, "label_1"))
    if scores not in _LABELS:
        raise RecordError(f"and label_1 must be 1 and 0 or 0.5 each, not {scores}", field="label_0")
    return {
        "id": name,
        "prompt": text(row, "caption"),
        "image_a": needed(row, "jpg_0"),
        "image_b": needed(row, "jpg_1"),
        "label": _LABELS[scores],
    }


SCHEMA = Schema("pickapic", each(_record), source="yuvalkirstain/pickapic_v2")
