"""Ids that must not come twice, remembered on disk so that a million of them cost no memory."""

from __future__ import annotations

import hashlib
import sqlite3
from types import TracebackType
from typing import Self


class UniqueIds:
    """A set of ids in a private temporary database that vanishes with it. A context manager."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary file, deleted when it is closed.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE seen (id BLOB PRIMARY KEY, place TEXT) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, name: str, place: str) -> str | None:
        """Where the id was before, or None where it is new."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]
        added = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, place)
        ).rowcount
        if added:
            return None
        row = self._database.execute("SELECT place FROM seen WHERE id = ?", (digest,)).fetchone()
        return str(row[0])

    def close(self) -> None:
        """Deletes what was remembered."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
