"""Rows of Parquet or JSON Lines through Ray Data: local, S3 or GCS, a block at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
import ray.data
from ray.data import ExecutionResources
from ray.data.datasource import FileBasedDatasource

from parrot.core.errors import ConfigError, RecordError

_PARQUET: Final = (".parquet", ".pq")
_LINES: Final = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_PIECE: Final = 4 << 20
_BLOCK: Final = 4 << 20  # bytes; the driver holds one, and of Ray Data's own it is a thirty-second
_AHEAD: Final = 32 << 20  # bytes of the object store that may wait to be taken
_TURN: Final = 0.05  # seconds
_ROWS: Final = 64
_LINE: Final = "line"
_FILE: Final = "parrot:file"

Row = Mapping[str, Any]
Placed = tuple[str, int, Row]
"""A row, the name of its file, and its line there (or its number) from 1."""


class Lines(FileBasedDatasource):
    """Lines of text files as bytes, and whose they are; Ray's own readers hold a whole file."""

    def _read_stream(self, f: Any, path: str) -> Iterator[Any]:
        rest = b""
        while piece := f.read(_PIECE):
            whole, mark, rest = (rest + piece).rpartition(b"\n")
            if mark:
                yield _lines(whole, path)
        if rest:
            yield _lines(rest, path)


class Tables(FileBasedDatasource):
    """Rows of Parquet files, and whose they are; Ray's own reader calls that `path`, as rows may."""

    def _open_input_source(self, filesystem: Any, path: str, **_: Any) -> Any:
        return filesystem.open_input_file(path)

    def _read_stream(self, f: Any, path: str) -> Iterator[Any]:
        for batch in pq.ParquetFile(f).iter_batches(batch_size=_ROWS):
            table = pa.Table.from_batches([batch])
            yield table.append_column(_FILE, pa.repeat(path, table.num_rows))


def _lines(text: bytes, path: str) -> Any:
    lines = text.split(b"\n")
    return pa.table({_LINE: pa.array(lines, pa.large_binary()), _FILE: pa.repeat(path, len(lines))})


def rows_at(path: str, files: Mapping[str, str] | None = None) -> Iterator[Placed]:
    """The rows of a file or of a folder of files, in order. Raises RecordError, ConfigError.

    path: local, or what pyarrow opens (`s3://`, `gs://`). files: those of the folder, where the
    caller knows them, and what each is called.
    """
    named = files or {path: path}
    given = list(named)
    first = given[0].lower()
    if first.endswith(_LINES):
        return _placed(_named_lines(_bounded(Lines(given))), named, _object)
    if first.endswith(_PARQUET) or "://" in path:
        dataset = _bounded(Tables(given, file_extensions=[one[1:] for one in _PARQUET]))
        rows = ((row[_FILE], row) for row in rows_of(dataset))
        return _placed(rows, named, _without_file)
    raise ConfigError(f"--ray reads {', '.join((*_LINES, *_PARQUET))}, not {path!r}")


def rows_of(dataset: ray.data.Dataset) -> Iterator[Row]:
    """The rows of a dataset, in its order, which is executed while they are taken."""
    for table in _tables(dataset):
        yield from table.to_pylist()


def _bounded(source: FileBasedDatasource) -> ray.data.Dataset:
    dataset = ray.data.read_datasource(source)
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
    context.custom_execution_callback_classes = [Unhurried]
    return iter(dataset.iter_batches(batch_format="pyarrow", batch_size=None))


def _named_lines(dataset: ray.data.Dataset) -> Iterator[tuple[str, bytes]]:
    for table in _tables(dataset):
        for line, file in zip(table.column(_LINE), table.column(_FILE), strict=True):
            yield file.as_py(), line.as_py()


class Unhurried:
    """A pause in each turn of Ray Data's loop, which does not wait where it must read no further: it
    would take the driver's time from sending rows.
    """

    def before_execution_starts(self, executor: Any) -> None:
        """Nothing."""

    def on_execution_step(self, executor: Any) -> None:
        """A turn is over."""
        time.sleep(_TURN)

    def after_execution_succeeds(self, executor: Any) -> None:
        """Nothing."""

    def after_execution_fails(self, executor: Any, error: Exception) -> None:
        """Nothing."""


def _placed(
    found: Iterable[tuple[str, Any]],
    named: Mapping[str, str],
    made: Callable[[Any, str, int], Row | None],
) -> Iterator[Placed]:
    """Rows with their file's name and their line in it; `made` gives None for a line without one."""
    line, last = 0, None
    for file, raw in found:
        line, last = line + 1 if file == last else 1, file
        name = named.get(file, file)
        row = made(raw, name, line)
        if row is not None:
            yield name, line, row


def _without_file(row: Row, _name: str, _line: int) -> Row:
    return {key: value for key, value in row.items() if key != _FILE}


def _object(line: bytes, path: str, number: int) -> Row | None:
    if not line.strip():
        return None
    try:
        found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON in UTF-8: {error}", file=path, line=number) from None
    if not isinstance(found, dict):
        raise RecordError("not an object of named fields", file=path, line=number)
    return found
