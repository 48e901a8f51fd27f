"""Values out of rows: text, numbers, lists and images, whatever library made the row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from parrot.core.errors import RecordError


def plain(value: Any) -> Any:
    """The value as Python has it: numpy arrays become lists, numpy numbers numbers, NaN None."""
    if isinstance(value, str | bytes | bool | int) or value is None:
        return value
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        value = to_list()
    return None if isinstance(value, float) and math.isnan(value) else value


def has(row: Mapping[str, Any], name: str) -> bool:
    """Whether the row has a value of that name; null and NaN are none."""
    return plain(row.get(name)) is not None


def needed(row: Mapping[str, Any], name: str) -> Any:
    """The value. Raises RecordError where there is none."""
    value = plain(row.get(name))
    if value is None:
        raise RecordError("is missing", field=name)
    return value


def text(row: Mapping[str, Any], name: str) -> str:
    """The text, or a whole number as its digits. Raises RecordError for anything else."""
    value = needed(row, name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise RecordError(f"must be text, not {_shown(value)}", field=name)
    return value


def number(row: Mapping[str, Any], name: str) -> float:
    """The number. Raises RecordError for anything else."""
    value = needed(row, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(f"must be a number, not {_shown(value)}", field=name)
    return value


def one_of(row: Mapping[str, Any], name: str, known: Iterable[str]) -> str:
    """The text, which must be one of those known. Raises RecordError."""
    value = text(row, name)
    if value not in (listed := tuple(known)):
        raise RecordError(f"must be one of {', '.join(listed)}, not {value!r}", field=name)
    return value


def items(row: Mapping[str, Any], name: str) -> list[Any]:
    """The list; none where there is no value. Raises RecordError for what is no list."""
    value = plain(row.get(name))
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise RecordError(f"must be a list, not {_shown(value)}", field=name)
    return [plain(item) for item in value]


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
