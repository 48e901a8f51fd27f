"""What a dataset's own schema must say to be read as pairs, and the names of those that ship.

A schema turns rows into plain pair records (see `parrot.core.records.pairs`) whose images are still
references; it opens none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from parrot.adapters.datasets.rows import Place, PlacedRow, Row
from parrot.core.errors import RecordError, UnknownNameError
from parrot.core.registry import resolve
from parrot.core.values import PreferencePair, Unloadable

Record = dict[str, Any]
Made = tuple[Place, Record | Unloadable]

SCHEMAS: Final[dict[str, str]] = {
    "plain": "parrot.adapters.datasets.schemas:PLAIN",
    "mmrb2": "parrot.adapters.datasets.mmrb2:SCHEMA",
    "genai-bench": "parrot.adapters.datasets.genai_bench:SCHEMA",
    "editreward-bench": "parrot.adapters.datasets.editreward_bench:SCHEMA",
    "editreward-data": "parrot.adapters.datasets.hpdv3:EDITREWARD_DATA",
    "hpdv3": "parrot.adapters.datasets.hpdv3:SCHEMA",
    "pickapic": "parrot.adapters.datasets.pickapic:SCHEMA",
    "imagerewarddb": "parrot.adapters.datasets.imagerewarddb:SCHEMA",
}


@frozen(slots=True)
class Schema:
    """How one dataset is read.

    records: rows to plain records. source, licence, may_train: go into every record. mirrors:
    the dataset always puts the preferred image first, so half of the pairs are mirrored.
    """

    name: str
    records: Callable[[Iterable[PlacedRow]], Iterator[Made]]
    source: str = ""
    licence: str | None = None
    may_train: bool = True
    mirrors: bool = False

    def completed(self, record: Record) -> Record:
        """The record with source, licence and `may_train`, where it does not say itself."""
        said = {"source": self.source, "may_train": self.may_train}
        if self.licence is not None:
            said["licence"] = self.licence
        return record if self.name == "plain" else said | record

    def turned(self, pair: PreferencePair) -> PreferencePair:
        """The pair, mirrored where the schema and the hash of its id say so."""
        return pair.mirrored() if self.mirrors and mirrors(pair.id) else pair


def mirrors(pair_id: str) -> bool:
    """Whether a pair changes sides: true of half of all ids, the same in every run."""
    return bool(hashlib.sha256(f"mirror {pair_id}".encode()).digest()[0] & 1)


def each(
    read: Callable[[Row, Place], Record | Unloadable],
) -> Callable[[Iterable[PlacedRow]], Iterator[Made]]:
    """Records from rows one by one; an error gets the place of its row."""

    def records(rows: Iterable[PlacedRow]) -> Iterator[Made]:
        for place, row in rows:
            try:
                yield place, read(row, place)
            except RecordError as error:
                raise error.at(file=place.file, line=place.line) from None

    return records


PLAIN: Final = Schema("plain", each(lambda row, _: dict(row)))


def schema_named(name: str) -> Schema:
    """The schema that goes by a name. Raises UnknownNameError."""
    if name not in SCHEMAS:
        raise UnknownNameError("dataset schema", name, SCHEMAS)
    found: Schema = resolve(SCHEMAS[name])
    return found
