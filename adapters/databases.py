"""SQLite's errors as this library's, and a lock on a file that ends with its process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from parrot.core.errors import StoreBusyError, StoreError, StoreFullError


def locked(path: Path, holder: Callable[[Path], str] = lambda _: "") -> sqlite3.Connection:
    """A lock beside a path, let go when it is closed or the process ends, however it ends.

    holder: what is known of who has it, for the message. Raises StoreBusyError, StoreError.
    """
    # An exclusive transaction: the system releases it, and it keeps no readers of the path out.
    with explained_database(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(
            path.with_name(path.name + ".lock"),
            timeout=0.2,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            lock.execute("begin exclusive")
        except sqlite3.OperationalError as error:
            lock.close()
            if _code(error) != sqlite3.SQLITE_BUSY:
                raise
            message = f"{path} is in use by another process{holder(path)}"
            raise StoreBusyError(message) from None
    return lock


@contextmanager
def explained_database(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and the system into StoreFullError, StoreBusyError or StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL:
            message = f"no space left for {path}; everything committed before is safe"
            raise StoreFullError(message) from error
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StoreBusyError(f"{path}: {error}") from error
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise StoreError(f"{path} is damaged or no store: {error}") from error
        if code == sqlite3.SQLITE_IOERR:
            # A quota, or a limit on the size of files, comes as this and not as a full disk.
            message = (
                f"{path}: {error} (no space, a limit, or a failing disk); what was stored is safe"
            )
            raise StoreError(message) from error
        raise StoreError(f"{path}: {error}") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from error


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
