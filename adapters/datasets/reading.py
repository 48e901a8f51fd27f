"""Preference pairs from files: read one at a time, or checked as a whole before money is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import field, frozen

from parrot.adapters.datasets.opening import check_reference, image_opener
from parrot.adapters.datasets.rows import Place, PlacedRow, placed_rows
from parrot.adapters.datasets.schemas import Made, Record, Schema, schema_named
from parrot.adapters.datasets.unique import UniqueIds
from parrot.core.errors import ImageError, RecordError
from parrot.core.records.pairs import check_pair_record, pair_from_record
from parrot.core.sharding import Share
from parrot.core.values import PreferencePair, Unloadable


@frozen(slots=True)
class Checked:
    """What a file holds: pairs, of which `no_train` may not train; counts by label and source.

    unloadable: records that the dataset itself leaves without label or image.
    """

    pairs: int = 0
    unloadable: int = 0
    no_train: int = 0
    labels: Mapping[str, int] = field(factory=dict)
    sources: Mapping[str, int] = field(factory=dict)


def read_pairs(
    path: str | Path,
    *,
    schema: str | Schema = "plain",
    images_root: str | Path | None = None,
    share: Share | None = None,
) -> Iterator[PreferencePair | Unloadable]:
    """The pairs of a file (or a folder of shards) in its order, one at a time.

    An image that is missing, cannot be opened or is too large makes its pair `Unloadable`.
    images_root: the folder that paths are relative to and may not leave; by default the file's.
    share: only its pairs; no image of another is opened. Raises RecordError, naming file and line,
    for a record that is broken, lacks a field, has an unknown label, repeats an id or whose path
    leaves its folder, and for a file without records.
    """
    found = _known(schema)
    return _pairs(
        found.records(placed_rows(path)), found, _root(path, images_root), str(path), share
    )


def pairs_in(
    rows: Iterable[Mapping[str, Any]],
    *,
    schema: str | Schema = "plain",
    images_root: str | Path = ".",
    name: str = "rows",
) -> Iterator[PreferencePair | Unloadable]:
    """As `read_pairs`, of rows that are already in memory or stream from elsewhere."""
    found = _known(schema)
    placed = ((Place(name, n + 1, n), row) for n, row in enumerate(rows))
    return _pairs(found.records(placed), found, Path(images_root), name)


def records_in(
    rows: Iterable[PlacedRow],
    *,
    schema: str | Schema = "plain",
    images_root: str | Path = ".",
    name: str = "rows",
) -> Iterator[tuple[str, Record | Unloadable, str]]:
    """Each pair's id, its record for `pair_opener`, and where it stands, of rows from elsewhere.

    Opens no image. name: of the whole, for errors. Raises RecordError as `read_pairs`.
    """
    found = _known(schema)
    for place, record in _sound(found.records(rows), found, Path(images_root), name):
        yield _id(record), record, f"{place.file}:{place.line}"


def pair_opener(
    schema: str | Schema, images_root: str | Path
) -> Callable[[Record | Unloadable, str], PreferencePair | Unloadable]:
    """What makes a sound record a pair, looking at its images; told where the record stands."""
    found, opened = _known(schema), image_opener(Path(images_root))

    def pair_of(record: Record | Unloadable, where: str) -> PreferencePair | Unloadable:
        if isinstance(record, Unloadable):
            return record
        try:
            return found.turned(pair_from_record(record, opened))
        except ImageError as error:
            return Unloadable(str(record["id"]), f"{where}: {error}")

    return pair_of


def check_pairs(
    path: str | Path, *, schema: str | Schema = "plain", images_root: str | Path | None = None
) -> Checked:
    """Reads every record and opens no image. Raises RecordError as `read_pairs` would."""
    found = _known(schema)
    root = _root(path, images_root)
    counts: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for _, record in _sound(found.records(placed_rows(path, images=False)), found, root, str(path)):
        if isinstance(record, Unloadable):
            counts["unloadable"] += 1
            continue
        counts["pairs"] += 1
        counts["no_train"] += record.get("may_train") is False
        labels[record["label"]] += 1
        sources[record.get("source") or ""] += 1
    return Checked(
        counts["pairs"], counts["unloadable"], counts["no_train"], dict(labels), dict(sources)
    )


def _known(schema: str | Schema) -> Schema:
    return schema if isinstance(schema, Schema) else schema_named(schema)


def _root(path: str | Path, images_root: str | Path | None) -> Path:
    if images_root is not None:
        return Path(images_root)
    place = Path(path)
    return place if place.is_dir() else place.parent


def _pairs(
    made: Iterable[Made], schema: Schema, root: Path, name: str, share: Share | None = None
) -> Iterator[PreferencePair | Unloadable]:
    opened = pair_opener(schema, root)
    sound = _sound(made, schema, root, name)
    limit = share.limit if share is not None else None
    for number, (place, record) in enumerate(islice(sound, limit)):
        if share is not None and not share.takes(number, _id(record)):
            continue
        yield opened(record, f"{place.file}:{place.line}")


def _sound(made: Iterable[Made], schema: Schema, root: Path, name: str) -> Iterator[Made]:
    """Records with all that can be told of them without opening an image."""
    empty = True
    with UniqueIds() as seen:
        for place, record in made:
            empty = False
            try:
                whole = record
                if not isinstance(record, Unloadable):
                    whole = _complete(record, schema, root)
                _refuse_repeated(whole, place, seen)
            except RecordError as error:
                raise error.at(file=place.file, line=place.line) from None
            yield place, whole
    if empty:
        raise RecordError("has no records", file=name)


def _complete(record: Record, schema: Schema, root: Path) -> Record:
    whole = schema.completed(record)
    check_pair_record(whole)
    references = {"image_a": whole["image_a"], "image_b": whole["image_b"]}
    references |= {f"sources.{n}": ref for n, ref in enumerate(_sources(whole))}
    for name, ref in references.items():
        try:
            check_reference(ref, root)
        except RecordError as error:
            raise RecordError(error.message, field=name) from None
    return whole


def _sources(record: Record) -> Iterable[Any]:
    sources = record.get("sources")
    return () if sources is None else sources


def _refuse_repeated(record: Record | Unloadable, place: Place, seen: UniqueIds) -> None:
    name = _id(record)
    before = seen.add(name, f"{place.file}:{place.line}")
    if before:
        raise RecordError(f"{name!r} was already at {before}", field="id")


def _id(record: Record | Unloadable) -> str:
    return record.id if isinstance(record, Unloadable) else str(record["id"])
