"""What actors bring, as Parquet: a row a pair, its records as lines of JSON.

Columns: `place` (in the input, from 0), `id`, `outcome` (kept, dropped, failed), `told` (the line of
`outcomes.jsonl`) and `rationales`, `dropped`, `failed`: lists of lines of those files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from parrot.core.errors import MissingExtraError, StoreError
from parrot.core.merging import Entry
from parrot.core.outcomes import End
from parrot.core.sharding import Shard

_COLUMN_OF: Final = {End.KEPT: "rationales", End.DROPPED: "dropped", End.FAILED: "failed"}
_BATCH: Final = 64


def part_file(folder: Path, shard: Shard, number: int) -> Path:
    """Where the rows of an actor's so many-th file stand, from 0."""
    return folder / f"shard={shard.number}" / f"{number:06d}.parquet"


def write_part(place: Path, entries: Sequence[Entry]) -> None:
    """Writes a file under its name only once it is whole. Raises StoreError."""
    pa, pq = _arrow()
    lines = pa.list_(pa.large_string())
    told = {
        "place": pa.array([one.place for one in entries], pa.int64()),
        "id": pa.array([one.pair_id for one in entries], pa.large_string()),
        "outcome": pa.array([one.end.value for one in entries], pa.string()),
        "told": pa.array([one.outcome.decode() for one in entries], pa.large_string()),
    }
    for end, name in _COLUMN_OF.items():
        texts = [[line.decode() for line in one.lines.get(end, ())] for one in entries]
        told[name] = pa.array(texts, lines)
    partial = place.with_name(f".{place.name}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(told), partial, compression="zstd")
        partial.replace(place)
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}") from None


def entries_in(files: Iterable[Path]) -> Iterator[Entry]:
    """What was written of each pair, file after file; holds a few rows."""
    _, pq = _arrow()
    for file in files:
        with pq.ParquetFile(file, pre_buffer=False) as source:
            for batch in source.iter_batches(batch_size=_BATCH):
                yield from map(_entry, batch.to_pylist())


def _entry(row: dict[str, Any]) -> Entry:
    found = {end: tuple(line.encode() for line in row[name]) for end, name in _COLUMN_OF.items()}
    lines = {end: told for end, told in found.items() if told}
    return Entry(row["place"], row["id"], End(row["outcome"]), lines, row["told"].encode())


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtraError("--ray", "ray") from error
    return pa, pq
