"""Rows of Parquet or JSON Lines through Ray Data: local, S3 or GCS, a block at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
import ray.data
from ray.data import ExecutionResources
from ray.data.datasource import FileBasedDatasource

from parrot.core.errors import ConfigError, RecordError

_PARQUET: Final = (".parquet", ".pq")
_LINES: Final = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_PIECE: Final = 4 << 20
_BLOCK: Final = 4 << 20  # bytes; the driver holds one, and of Ray Data's own it is a thirty-second
_AHEAD: Final = 32 << 20  # bytes of the object store that reading may fill before the rows are taken
_LINE: Final = "line"


class Lines(FileBasedDatasource):
    """Lines of text files as bytes; Ray's own readers of text and JSON hold a whole file."""

    def _read_stream(self, f: Any, path: str) -> Iterator[Any]:
        del path
        rest = b""
        while piece := f.read(_PIECE):
            whole, mark, rest = (rest + piece).rpartition(b"\n")
            if mark:
                yield _table(whole)
        if rest:
            yield _table(rest)


def _table(text: bytes) -> Any:
    return pa.table({_LINE: pa.array(text.split(b"\n"), pa.large_binary())})


def rows_at(path: str, files: list[str] | None = None) -> Iterator[Mapping[str, Any]]:
    """The rows of a file or of a folder of files, in order. Raises RecordError, ConfigError.

    path: local, or what pyarrow opens (`s3://`, `gs://`). files: those of the folder, where the
    caller knows them.
    """
    given = files or [path]
    first = given[0].lower()
    if first.endswith(_LINES):
        return _parsed(_tables(_bounded(ray.data.read_datasource(Lines(given)))), path)
    if first.endswith(_PARQUET) or "://" in path:
        return rows_of(_bounded(ray.data.read_parquet(given)))
    raise ConfigError(f"--ray reads {', '.join((*_LINES, *_PARQUET))}, not {path!r}")


def rows_of(dataset: ray.data.Dataset) -> Iterator[Mapping[str, Any]]:
    """The rows of a dataset, in its order, which is executed while they are taken."""
    for table in _tables(dataset):
        yield from table.to_pylist()


def _bounded(dataset: ray.data.Dataset) -> ray.data.Dataset:
    context = dataset.context
    context.target_max_block_size = _BLOCK
    context.execution_options.resource_limits = ExecutionResources.for_limits(
        object_store_memory=_AHEAD
    )
    return dataset


def _tables(dataset: ray.data.Dataset) -> Iterator[Any]:
    context = dataset.context
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    return iter(dataset.iter_batches(batch_format="pyarrow", batch_size=None))


def _parsed(tables: Iterator[Any], path: str) -> Iterator[Mapping[str, Any]]:
    number = 0
    for table in tables:
        for line in table.column(_LINE):
            number += 1
            text = line.as_py()
            if text.strip():
                yield _object(text, path, number)


def _object(line: bytes, path: str, number: int) -> Mapping[str, Any]:
    try:
        found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON in UTF-8: {error}", file=path, line=number) from None
    if not isinstance(found, dict):
        raise RecordError("not an object of named fields", file=path, line=number)
    return found
