"""The ledger of a run's provider batches: SQLite, beside the store.

Every call is one transaction that is on disk when it returns, so that after a crash the keys of
whatever may have been paid are known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from parrot.core.batches import Batch, Stage
from parrot.core.errors import StoreError
from parrot.core.interfaces import Key

NAME: Final = "batches.sqlite"
_TABLES: Final = (
    """create table if not exists batch(
  id integer primary key, token text not null unique, model text not null,
  max_tokens integer not null, asks integer not null, stage text not null,
  file_id text not null, batch_id text not null,
  answered integer not null, failed integer not null) strict""",
    """create table if not exists asked(
  token text not null, key blob not null, primary key(token, key)) strict, without rowid""",
)
_COLUMNS: Final = "token, model, max_tokens, asks, stage, file_id, batch_id, answered, failed"
_SET: Final = "stage = ?, file_id = ?, batch_id = ?, answered = ?, failed = ?"


class SqliteLedger:
    """Batches of a run in a file, made where there is none. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("pragma busy_timeout=5000")
            self._db.execute("pragma synchronous=full")
            for table in _TABLES:
                self._db.execute(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def plan(self, batch: Batch, keys: Collection[Key], /) -> None:
        """Writes a batch down with the keys of its asks."""
        told = (batch.token, batch.model, batch.max_tokens, batch.asks, *_progress(batch))
        with self._transaction():
            self._db.execute(f"insert into batch({_COLUMNS}) values (?,?,?,?,?,?,?,?,?)", told)  # noqa: S608
            rows = ((batch.token, key) for key in keys)
            self._db.executemany("insert into asked values (?, ?)", rows)

    def note(self, batch: Batch, /) -> None:
        """How far it is now; the keys of one that is no longer open are forgotten."""
        with self._transaction():
            told = (*_progress(batch), batch.token)
            self._db.execute(f"update batch set {_SET} where token = ?", told)  # noqa: S608
            if not batch.is_open:
                self._db.execute("delete from asked where token = ?", (batch.token,))

    def batches(self) -> Sequence[Batch]:
        """All, oldest first."""
        with self._explained():
            rows = self._db.execute(f"select {_COLUMNS} from batch order by id").fetchall()  # noqa: S608
        return tuple(_batch(*row) for row in rows)

    def keys(self, token: str, /) -> Sequence[Key]:
        """The keys of a batch that is open."""
        with self._explained():
            query = "select key from asked where token = ?"
            return tuple(key for (key,) in self._db.execute(query, (token,)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("begin immediate")
            try:
                yield
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error


def open_batches(folder: Path) -> tuple[int, int]:
    """How many batches of a run are on their way, and how many asks in them."""
    if not (folder / NAME).exists():
        return 0, 0
    with SqliteLedger(folder / NAME) as ledger:
        there = [batch for batch in ledger.batches() if batch.is_open]
    return len(there), sum(batch.asks for batch in there)


def _progress(batch: Batch) -> tuple[str, str, str, int, int]:
    return batch.stage.value, batch.file_id, batch.batch_id, batch.answered, batch.failed


def _batch(token: str, model: str, max_tokens: int, asks: int, stage: str, *rest: object) -> Batch:
    file_id, batch_id, answered, failed = rest
    return Batch(
        token,
        model,
        max_tokens,
        asks,
        Stage(stage),
        str(file_id),
        str(batch_id),
        int(str(answered)),
        int(str(failed)),
    )
