"""EditReward-Bench of TIGER-Lab (HF TIGER-Lab/EditReward-Bench): 2pair, 3pair and 4pair rows.

A row of a 3- or 4-way group is a pair too: `comparison_type` names its letters ("BvsC"), and
`ranking` uses them. Instruction following becomes the label of text_faithfulness, visual quality
that of physical_quality. An early release had ids twice with opposite rankings; such a file is
refused. A benchmark without a stated licence: not for training.
"""

from __future__ import annotations

import re

from parrot.adapters.datasets.cells import has, needed, text
from parrot.adapters.datasets.dimensions import dimension_labels
from parrot.adapters.datasets.rows import Place, Row
from parrot.adapters.datasets.schemas import Record, Schema, each
from parrot.core.errors import RecordError

_COLUMNS = {
    "text_faithfulness": ("instruction_following_1", "instruction_following_2"),
    "physical_quality": ("visual_quality_1", "visual_quality_2"),
}
_RANKING = re.compile(r"([A-D])\s*([>=])\s*([A-D])(?:\s*=\s*(Good|Bad))?", re.IGNORECASE)
_COMPARISON = re.compile(r"([A-D])\s*vs\s*([A-D])", re.IGNORECASE)


def _record(row: Row, _: Place) -> Record:
    group = text(row, "dataset") if has(row, "dataset") else "2pair"
    compared = text(row, "comparison_type") if has(row, "comparison_type") else "AvsB"
    return {
        "id": f"{group}/{text(row, 'id')}/{compared}",
        "prompt": text(row, "instruction"),
        "sources": [needed(row, "source_image")],
        "image_a": needed(row, "candidate_1"),
        "image_b": needed(row, "candidate_2"),
        "dimension_labels": dimension_labels(row, _COLUMNS),
    } | _ranked(text(row, "ranking"), compared)


def _ranked(ranking: str, compared: str) -> Record:
    said = _RANKING.fullmatch(ranking.strip())
    letters = _COMPARISON.fullmatch(compared.strip())
    if letters is None or letters[1].upper() == letters[2].upper():
        raise RecordError(f"must be like AvsB, not {compared!r}", field="comparison_type")
    first, second = letters[1].upper(), letters[2].upper()
    if said is None or {said[1].upper(), said[3].upper()} != {first, second}:
        message = f"must be {first}>{second}, {second}>{first} or a tie of them, not {ranking!r}"
        raise RecordError(message, field="ranking")
    if said[2] == "=":
        return {"label": "TIE", "both": said[4].upper() if said[4] else None}
    if said[4]:
        raise RecordError(f"names a winner and a tie: {ranking!r}", field="ranking")
    return {"label": "A" if said[1].upper() == first else "B"}


SCHEMA = Schema(
    "editreward-bench", each(_record), source="TIGER-Lab/EditReward-Bench", may_train=False
)
