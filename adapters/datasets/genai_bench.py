"""GenAI-Bench (HF TIGER-Lab/GenAI-Bench): configs image_generation and image_edition.

Left is A. `tievote` is a TIE of two good images, `bothbad_vote` one of two bad ones. Ids are
`config/row`, counted from 0 as the recorded answers of judges count them. MIT allows training, so
`may_train` is true; it is a benchmark all the same, and `parrot overlap` tells who trained on it.
"""

from __future__ import annotations

from parrot.adapters.datasets.cells import has, needed, text
from parrot.adapters.datasets.genai_votes import LICENCE, SOURCE, vote_of
from parrot.adapters.datasets.rows import Place, Row
from parrot.adapters.datasets.schemas import Record, Schema, each


def _record(row: Row, place: Place) -> Record:
    edits = has(row, "instruct_prompt")
    label, both = vote_of(row, "vote_type")
    shown = "_output_image" if edits else "_image"
    return {
        "id": f"{'image_edition' if edits else 'image_generation'}/{place.index}",
        "prompt": text(row, "instruct_prompt" if edits else "prompt"),
        "sources": [needed(row, "source_image")] if edits else [],
        "image_a": needed(row, f"left{shown}"),
        "image_b": needed(row, f"right{shown}"),
        "label": label.value,
        "both": both and both.value,
    }


SCHEMA = Schema("genai-bench", each(_record), source=SOURCE, licence=LICENCE)
