"""Rows of a file, one after another: JSON Lines (plain or gzip), Parquet, or one JSON array.

Knows files and places (file and line), not what the rows mean. Memory holds one row, or one batch
of a Parquet file; a JSON array is the exception and is read whole.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from parrot.core.errors import ConfigError, MissingExtraError, RecordError

Row = Mapping[str, Any]
Numbered = tuple[int, Row]
BATCH = 64
_PARQUET = (".parquet", ".pq")
_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_ARRAYS = (".json", ".json.gz")


def numbered_rows(path: Path, *, skip: Callable[[str], bool] | None = None) -> Iterator[Numbered]:
    """Rows with their number from 1 (the line of a text file, the row of a Parquet one).

    skip: columns that need not be read; honoured where that saves reading. Raises RecordError for
    a row that is no object of named fields, ConfigError for a file that is absent or of no known
    ending.
    """
    name = path.name.lower()
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}")
    if name.endswith(_PARQUET):
        return _parquet_rows(path, skip)
    if name.endswith(_LINES):
        return _line_rows(path)
    if name.endswith(_ARRAYS):
        return _array_rows(path)
    known = ", ".join((*_LINES, *_PARQUET, *_ARRAYS))
    raise ConfigError(f"{str(path)!r} has none of the endings that can be read: {known}")


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _line_rows(path: Path) -> Iterator[Numbered]:
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _object(line, path, number)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordError(
            f"the file is damaged after this line: {error}", file=str(path), line=number
        ) from None


def _object(line: bytes, path: Path, number: int) -> Row:
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8: {error}", file=str(path), line=number) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}", file=str(path), line=number) from None
    if not isinstance(row, dict):
        raise RecordError("not an object of named fields", file=str(path), line=number)
    return row


def _array_rows(path: Path) -> Iterator[Numbered]:
    """A JSON array of objects, or an object whose only array is `pairs` or `data`."""
    try:
        with _opened(path) as file:
            whole = json.load(file)
    except (ValueError, EOFError, RecursionError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordError(f"not JSON: {error}", file=str(path)) from None
    if isinstance(whole, dict):
        whole = whole.get("pairs", whole.get("data"))
    if not isinstance(whole, list):
        raise RecordError("neither an array nor an object with `pairs` or `data`", file=str(path))
    for number, row in enumerate(whole, 1):
        if not isinstance(row, dict):
            raise RecordError("not an object of named fields", file=str(path), line=number)
        yield number, row


def _parquet_rows(path: Path, skip: Callable[[str], bool] | None) -> Iterator[Numbered]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtraError("reading Parquet", "data") from error
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = [n for n in names if not (skip and skip(n))]
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowInvalid, OSError) as error:
        raise RecordError(f"not Parquet: {error}", file=str(path)) from None
