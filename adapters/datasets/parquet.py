"""Parquet rows in small batches; the bytes of images stay unread where nobody looks at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.core.errors import MissingExtraError, RecordError

BATCH = 16
"""Rows in memory at once; each may hold several images."""

UNREAD: Final = {"bytes": b"unread"}
"""What stands in an image column that was left unread."""


def parquet_rows(file: Path, *, images: bool = True) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows with their number from 1. Raises RecordError for what is no Parquet file.

    images: False puts `UNREAD` into columns of bytes that surely have no null.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtraError("reading Parquet", "data") from error
    number = 0
    try:
        with pq.ParquetFile(file, pre_buffer=False) as source:
            names = source.schema_arrow.names
            unread = dict.fromkeys([] if images else _full_bytes(source, pa), UNREAD)
            columns = [name for name in names if name not in unread]
            for batch in source.iter_batches(batch_size=BATCH, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {**row, **unread}
    except (pa.ArrowException, OSError) as error:
        line = number or None
        raise RecordError(f"not sound Parquet: {error}", file=str(file), line=line) from None


def _full_bytes(source: Any, pa: Any) -> list[str]:
    """Columns of bytes, or of `{bytes, path}`, whose statistics prove that no bytes are null."""
    nulls: dict[str, int | None] = {}
    for group in range(source.metadata.num_row_groups):
        for index in range(source.metadata.num_columns):
            column = source.metadata.row_group(group).column(index)
            found = column.statistics.null_count if column.is_stats_set else None
            before = nulls.get(column.path_in_schema, 0)
            known = found is not None and before is not None
            nulls[column.path_in_schema] = before + found if known else None  # type: ignore[operator]
    return [
        field.name
        for field in source.schema_arrow
        if (_is_bytes(field.type, pa) and nulls.get(field.name) == 0)
        or (pa.types.is_struct(field.type) and nulls.get(f"{field.name}.bytes") == 0)
    ]


def _is_bytes(kind: Any, pa: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
