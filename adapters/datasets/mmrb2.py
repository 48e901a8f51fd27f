"""MMRB2 (facebookresearch/MMRB2, HF rl-research/multimodal-rewardbench-2): t2i and edit.

Two forms: the Parquet columns of the Hub, and the repository's JSON (`{"pairs": [...]}`) with its
lists of `["text" | "image", value]`. Three humans rate each pair from 6 (A much better) to 1 (B
much better); `chosen` is A when their mean is above 3.5. For benchmarking only: its owners forbid
training.
"""

from __future__ import annotations

import json
import re
from statistics import fmean
from typing import Any

from parrot.adapters.datasets.cells import has, items, needed, one_of, plain, text
from parrot.adapters.datasets.rows import Place, Row
from parrot.adapters.datasets.schemas import Record, Schema, each
from parrot.core.errors import RecordError

_PLACEHOLDER = re.compile(r"\s*<image_(\d+)>\s*")
_MIDDLE = 3.5  # of the six steps
_FURTHEST = 2.5


def _record(row: Row, _: Place) -> Record:
    if has(row, "prompt_content"):
        return _from_json(row)
    sources = items(row, "prompt_images")
    return {
        "id": text(row, "pair_id"),
        "prompt": _without_placeholders(text(row, "prompt_text"), len(sources)),
        "sources": sources,
        "image_a": _only(items(row, "response_a_images"), "response_a_images"),
        "image_b": _only(items(row, "response_b_images"), "response_b_images"),
    } | _judged(row)


def _from_json(row: Row) -> Record:
    content = _content(row, "prompt_content")
    sources = [value for kind, value in content if kind == "image"]
    return {
        "id": text(row, "id"),
        "prompt": _joined(content, len(sources)),
        "sources": sources,
        "image_a": _only(_answered(row, "response_a"), "response_a"),
        "image_b": _only(_answered(row, "response_b"), "response_b"),
    } | _judged(row)


def _answered(row: Row, name: str) -> list[Any]:
    answer = needed(row, name)
    if not isinstance(answer, dict):
        raise RecordError("must be an object with response_content", field=name)
    return [value for kind, value in _content(answer, "response_content") if kind == "image"]


def _content(row: Row, name: str) -> list[tuple[str, Any]]:
    found = items(row, name)
    if not all(isinstance(part, list) and len(part) == 2 for part in found):
        raise RecordError('must be a list of ["text" | "image", value]', field=name)
    return [(str(kind), value) for kind, value in found]


def _joined(content: list[tuple[str, Any]], sources: int) -> str:
    """The text, with several images named where they stood."""
    parts, count = [], 0
    for kind, value in content:
        count += kind == "image"
        if kind == "text":
            parts.append(str(value).strip())
        elif sources > 1:
            parts.append(f"[image {count}]")
    return " ".join(part for part in parts if part)


def _without_placeholders(prompt: str, sources: int) -> str:
    named = r" [image \1] " if sources > 1 else " "
    return _PLACEHOLDER.sub(named, prompt).strip()


def _only(images: list[Any], name: str) -> Any:
    if len(images) != 1:
        message = f"holds {len(images)} images; only pairs of single images (t2i, edit) can be read"
        raise RecordError(message, field=name)
    return images[0]


def _judged(row: Row) -> Record:
    chosen = one_of(row, "chosen", ("A", "B", "a", "b")).upper()
    ratings = _ratings(row)
    judged: Record = {"label": chosen}
    if ratings:
        judged["votes"] = {
            "a": sum(rating > _MIDDLE for rating in ratings),
            "b": sum(rating < _MIDDLE for rating in ratings),
        }
        judged["strength"] = min(1.0, abs(fmean(ratings) - _MIDDLE) / _FURTHEST)
    return judged


def _ratings(row: Row) -> list[float]:
    found = plain(row.get("human_annotations"))
    if isinstance(found, str):
        try:
            found = json.loads(found or "null")
        except ValueError:
            raise RecordError("is not JSON", field="human_annotations") from None
    ratings = found if isinstance(found, list) else []
    if not all(_is_rating(rating) for rating in ratings):
        message = f"must be ratings from 1 to 6, not {ratings!r}"
        raise RecordError(message, field="human_annotations")
    return ratings


def _is_rating(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 6


SCHEMA = Schema(
    "mmrb2",
    each(_record),
    source="facebookresearch/MMRB2",
    licence="CC-BY-NC-4.0",
    may_train=False,
)
