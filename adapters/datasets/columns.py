"""Anyone's table as pairs, by a map from our fields to their columns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from parrot.adapters.datasets.cells import has, needed, plain
from parrot.adapters.datasets.labels import meaning_of, parse_labels
from parrot.adapters.datasets.reading import pairs_in
from parrot.adapters.datasets.rows import Place, Row
from parrot.adapters.datasets.schemas import Record, Schema, each
from parrot.backends.images import image_from_pixels
from parrot.core.errors import ConfigError, RecordError, UnknownNameError
from parrot.core.values import PreferencePair, Unloadable

NEEDED: Final = ("prompt", "image_a", "image_b")
OPTIONAL: Final = (
    "label",
    "sources",
    "id",
    "both",
    "strength",
    "votes",
    "dimension_labels",
    "source",
    "licence",
    "may_train",
)
_IMAGES: Final = frozenset({"image_a", "image_b", "sources"})

Columns = Mapping[str, str | Sequence[str]]


def parse_map(text: str) -> dict[str, str | tuple[str, ...]]:
    """`prompt=caption,image_a=img0,sources=src1+src2` as a map. Raises ConfigError."""
    mapping: dict[str, str | tuple[str, ...]] = {}
    for part in text.split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not (equals and column):
            raise ConfigError(f"a map is field=column,field=column, not {part!r}")
        if name in mapping:
            raise ConfigError(f"the map names {name!r} twice")
        several = name == "sources" and "+" in column
        mapping[name] = tuple(c.strip() for c in column.split("+")) if several else column
    return mapping


def mapped(
    mapping: Columns | str,
    *,
    labels: Mapping[Any, str] | str = "",
    constants: Mapping[str, Any] | None = None,
    preferred_first: bool = False,
) -> Schema:
    """The schema of a table whose columns the map names.

    mapping: our field to their column; `prompt`, `image_a`, `image_b` and `label` are needed.
    labels: what values of the label mean, such as "0=A,1=B"; words need none. constants: fields
    that are the same in all rows. preferred_first: image A is always the preferred one and no label
    is mapped; half of the pairs are then mirrored. Where no `id` is mapped, rows are numbered.
    Raises ConfigError where the map does not hold together.
    """
    columns = parse_map(mapping) if isinstance(mapping, str) else dict(mapping)
    table = parse_labels(labels)
    fixed = dict(constants or {})
    _check(columns, fixed, preferred_first)

    def read(row: Row, place: Place) -> Record:
        record = {name: _value(row, name, column) for name, column in columns.items()}
        record |= fixed
        record.setdefault("id", f"{Path(place.file).stem}-{place.index}")
        if preferred_first:
            return record | {"label": "A"}
        label, both = meaning_of(record["label"], table)
        record["label"] = label.value
        return record if both is None else {"both": both.value} | record

    return Schema("mapped", each(read), mirrors=preferred_first)


def _check(columns: Columns, fixed: Mapping[str, Any], preferred_first: bool) -> None:  # noqa: FBT001
    for name in (*columns, *fixed):
        if name not in (*NEEDED, *OPTIONAL):
            raise UnknownNameError("field", name, (*NEEDED, *OPTIONAL))
    if twice := sorted(set(columns) & set(fixed)):
        raise ConfigError(f"{twice[0]!r} is both mapped and constant")
    labelled = "label" in columns or "label" in fixed
    if preferred_first and labelled:
        raise ConfigError(
            "where the preferred image always comes first, no label is mapped: leave out one of both"
        )
    if not (preferred_first or labelled):
        raise ConfigError(
            "no label is mapped: add label=COLUMN, or say that the preferred image comes first"
        )
    if gone := [name for name in NEEDED if name not in columns and name not in fixed]:
        raise ConfigError(f"the map lacks {', '.join(gone)}")


def _value(row: Row, name: str, column: str | Sequence[str]) -> Any:
    if name == "sources":
        listed = (column,) if isinstance(column, str) else column
        return [_image(one) for c in listed for one in _several(_cell(row, name, c))]
    if not isinstance(column, str):
        raise ConfigError(f"{name!r} takes one column, not {column!r}")
    value = _cell(row, name, column)
    return _image(value) if name in _IMAGES else value


def _cell(row: Row, name: str, column: str) -> Any:
    if column not in row:
        near = ", ".join(sorted(map(str, row))[:20])
        raise RecordError(f"there is no column {column!r} among {near}", field=name)
    needs = name in NEEDED or name == "label"
    return needed(row, column) if needs else plain(row[column]) if has(row, column) else None


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _image(value: Any) -> Any:
    """A reference; a Pillow image as PNG bytes, so that no pixel changes."""
    pixels = sys.modules.get("PIL.Image")
    if pixels is not None and isinstance(value, pixels.Image):
        return image_from_pixels(value).source
    return value


def pairs_from(
    rows: Iterable[Mapping[str, Any]],
    mapping: Columns | str,
    *,
    labels: Mapping[Any, str] | str = "",
    constants: Mapping[str, Any] | None = None,
    preferred_first: bool = False,
    images_root: str | Path = ".",
    name: str = "rows",
) -> Iterator[PreferencePair | Unloadable]:
    """Pairs from rows of any table, a `datasets.Dataset` or `IterableDataset` among them.

    For mapping, labels, constants and preferred_first see `mapped`. images_root: the folder that
    image paths are relative to and may not leave. name: what errors and ids call the rows. One row
    is in memory at a time. Raises RecordError, ConfigError.
    """
    schema = mapped(mapping, labels=labels, constants=constants, preferred_first=preferred_first)
    return pairs_in(_undecoded(rows), schema=schema, images_root=images_root, name=name)


def _undecoded(rows: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """The rows; images of a Hugging Face dataset stay the bytes they are on disk."""
    features = getattr(rows, "features", None)
    if not type(rows).__module__.startswith("datasets.") or features is None:
        return rows
    from parrot.adapters.datasets.hub import undecoded

    return undecoded(rows)
