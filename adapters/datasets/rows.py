"""Rows of files, one after another: JSON Lines, Parquet, one JSON array, or CSV and TSV.

Knows files and places (file and line), not what the rows mean. Memory holds one row, or one small
batch of a Parquet file; only a JSON object around an array is read whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from attrs import frozen

from parrot.adapters.datasets.parquet import parquet_rows
from parrot.core.errors import ConfigError, RecordError

Row = Mapping[str, Any]
PAIRS = "pairs.jsonl"
PARQUET = (".parquet", ".pq")
LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
ARRAYS = (".json", ".json.gz")
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_CHUNK = 1 << 20
_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODE = json.JSONDecoder().raw_decode
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


@frozen(slots=True)
class Place:
    """Where a row stands: the line (or row) from 1, and the index over all files from 0."""

    file: str
    line: int
    index: int


PlacedRow = tuple[Place, Row]


def placed_rows(path: str | Path, *, images: bool = True) -> Iterator[PlacedRow]:
    """The rows of a file, or of all files of one ending in a folder, by name.

    images: False leaves the bytes of images unread where the file allows it. Raises RecordError for
    what is damaged or no object of named fields, ConfigError for what is absent or of no known
    ending.
    """
    index = 0
    for file in files_of(Path(path)):
        for line, row in _rows(file, images):
            yield Place(str(file), line, index), row
            index += 1


def files_of(path: Path) -> list[Path]:
    """The file, or of a folder its `pairs.jsonl`, else its files of one ending, by name.

    Raises ConfigError.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ConfigError(f"there is no file {str(path)!r}")
    # What is written beside the pairs, such as what could not be loaded, is none of them.
    if (path / PAIRS).is_file():
        return [path / PAIRS]
    for endings in (PARQUET, LINES, ARRAYS, TABLES):
        found = sorted(p for p in path.iterdir() if p.name.lower().endswith(endings))
        if found:
            return found
    raise ConfigError(f"the folder {str(path)!r} holds no {_known()} file")


def _known() -> str:
    return ", ".join((*LINES, *PARQUET, *ARRAYS, *TABLES))


def _rows(file: Path, images: bool) -> Iterator[tuple[int, Row]]:  # noqa: FBT001 - passed on
    name = file.name.lower()
    if name.endswith(PARQUET):
        return parquet_rows(file, images=images)
    if name.endswith(LINES):
        return _line_rows(file)
    if name.endswith(ARRAYS):
        return _array_rows(file)
    if name.endswith(TABLES):
        return _table_rows(file)
    raise ConfigError(f"{str(file)!r} has none of the endings that can be read: {_known()}")


def _opened(file: Path) -> IO[bytes]:
    if file.name.lower().endswith(".gz"):
        return io.BufferedReader(gzip.open(file))
    return file.open("rb")


def _line_rows(file: Path) -> Iterator[tuple[int, Row]]:
    number = 0
    try:
        with _opened(file) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, _object(line, file, number)
    except _DAMAGE as error:
        message = f"the file is damaged after this line: {error}"
        raise RecordError(message, file=str(file), line=number) from None


def _object(line: bytes, file: Path, number: int) -> Row:
    try:
        row = json.loads(line.rstrip(b"\r\n").decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8: {error}", file=str(file), line=number) from None
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} (column {error.colno})"
        raise RecordError(message, file=str(file), line=number) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}", file=str(file), line=number) from None
    return _named(row, file, number)


def _named(row: Any, file: Path, number: int) -> Row:
    if not isinstance(row, dict):
        raise RecordError("not an object of named fields", file=str(file), line=number)
    return row


def _table_rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Rows under a line of names, each with the line it begins in; every value is its text."""
    tabs, number = file.name.lower().endswith((".tsv", ".tsv.gz")), 1
    try:
        with (
            _opened(file) as binary,
            io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text,
        ):
            cells = csv.reader(text, delimiter="\t" if tabs else ",", strict=True)
            names = _names(next(cells, []), file)
            number = cells.line_num + 1
            for row in cells:
                if row:
                    yield number, _under(names, row, file, number)
                number = cells.line_num + 1
    except (UnicodeDecodeError, csv.Error, *_DAMAGE) as error:
        message = f"no sound {'TSV' if tabs else 'CSV'} in UTF-8: {error}"
        raise RecordError(message, file=str(file), line=number) from None


def _names(row: list[str], file: Path) -> list[str]:
    if twice := sorted({name for name in row if row.count(name) > 1}):
        raise RecordError(f"two columns are named {twice[0]!r}", file=str(file), line=1)
    return row


def _under(names: list[str], row: list[str], file: Path, number: int) -> Row:
    if len(row) != len(names):
        message = f"{len(row)} values under {len(names)} names"
        raise RecordError(message, file=str(file), line=number)
    return dict(zip(names, row, strict=True))


def _array_rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Objects of an array, or of the array `pairs` or `data` in an object."""
    number = 0
    try:
        with _opened(file) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig") as text:
            start = text.read(_CHUNK)
            if start.lstrip().startswith("{"):
                whole = json.loads(start + text.read())
                values = iter(_only_array(whole, file))
            else:
                values = _streamed(text, start)
            for number, row in enumerate(values, 1):
                yield number, _named(row, file, number)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, *_DAMAGE) as error:
        # The parser counts from the middle of the file: its message stays, its position goes.
        message = getattr(error, "msg", error)
        where = f" after item {number}" if number else ""
        raise RecordError(f"not JSON{where}: {message}", file=str(file)) from None


def _only_array(whole: dict[str, Any], file: Path) -> list[Any]:
    found = whole.get("pairs", whole.get("data"))
    if not isinstance(found, list):
        raise RecordError("neither an array nor an object with `pairs` or `data`", file=str(file))
    return found


def _streamed(text: IO[str], start: str) -> Iterator[Any]:
    # One value at a time, so that a file of a million pairs does not become a million dicts.
    buffer, at, mark = start, 0, "["
    while True:
        try:
            begin, closed = _next(buffer, at, mark)
            if closed:
                break
            value, at = _DECODE(buffer, begin)
        except json.JSONDecodeError:
            more = text.read(max(_CHUNK, len(buffer) - at))
            if not more:
                raise
            buffer, at = buffer[at:] + more, 0
            continue
        yield value
        mark = ","
    if (buffer[begin + 1 :] + text.read(_CHUNK)).strip():
        raise json.JSONDecodeError("more follows the array", buffer, begin)


def _next(buffer: str, at: int, mark: str) -> tuple[int, bool]:
    """Where the next value begins, past blanks and one mark, or where the array is closed."""
    at = _past_blanks(buffer, at)
    if mark == "," and buffer.startswith("]", at):
        return at, True
    if not buffer.startswith(mark, at):
        raise json.JSONDecodeError(f"{mark!r} was expected", buffer, at)
    at = _past_blanks(buffer, at + 1)
    return at, mark == "[" and buffer.startswith("]", at)


def _past_blanks(buffer: str, at: int) -> int:
    found = _BLANKS.match(buffer, at)
    return found.end() if found else at
