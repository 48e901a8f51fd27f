"""Per-dimension labels from scores that a dataset gives to each image."""

from __future__ import annotations

from collections.abc import Mapping

from parrot.adapters.datasets.cells import has, number
from parrot.adapters.datasets.rows import Row


def dimension_labels(row: Row, columns: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """A label per dimension whose two columns both have a score: the higher wins, equal is TIE."""
    return {
        dimension: label_of(number(row, a), number(row, b))
        for dimension, (a, b) in columns.items()
        if has(row, a) and has(row, b)
    }


def label_of(score_a: float, score_b: float) -> str:
    """A, B or TIE: which score is higher."""
    return "TIE" if score_a == score_b else "A" if score_a > score_b else "B"
