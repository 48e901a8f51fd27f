"""The store on disk: SQLite, one row a key, in the order of arrival.

`SqliteStore` is safe from one thread at a time, whichever it is; a second living process that
wants to write is refused. Only what was asked for and paid is kept: no image, no secret. Network
file systems are not for it (write-ahead log).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from parrot.core.asks import Failed, FailureKind, Finish, Reply, TokenLogprob, Usage
from parrot.core.engine.memory import supersedes
from parrot.core.errors import NewerStoreError, StoreBusyError, StoreError, StoreFullError
from parrot.core.interfaces import Key, Record

SCHEMA = 1
_TABLES = """
create table meta(name text primary key, value text) strict;
create table result(
  id integer primary key,
  key blob not null unique,
  outcome text not null,
  reply text, finish text, logprobs text,
  error text, model text not null, until text not null,
  tokens_in integer, tokens_cached integer, tokens_out integer,
  max_tokens integer not null, top_logprobs integer,
  attempts integer not null, latency real not null, at real not null) strict;
insert into meta values ('schema', '1');
"""
_COLUMNS = (
    "key, outcome, reply, finish, logprobs, error, model, until, tokens_in, tokens_cached,"
    " tokens_out, max_tokens, top_logprobs, attempts, latency, at"
)
_NAMES = _COLUMNS.replace(" ", "").split(",")
_PUT = (
    f"insert into result({_COLUMNS}) values ({', '.join('?' * len(_NAMES))})"  # noqa: S608
    f" on conflict(key) do update set {', '.join(f'{n} = excluded.{n}' for n in _NAMES[1:])}"
)
_MOST = 500  # variables of one statement


class SqliteStore:
    """Answers by key in a file. Raises StoreError and its kin for whatever is wrong with it.

    read_only: looks while another process writes; needs the file to exist.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._guard = threading.Lock()
        self._lock: sqlite3.Connection | None = None
        if not read_only:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
        try:
            with _explained(self.path):
                self._db = self._opened(read_only=read_only)
        except BaseException:
            self._release()
            raise

    def _opened(self, *, read_only: bool) -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        uri = f"{self.path.resolve().as_uri()}?mode={mode}"
        db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        db.execute("pragma busy_timeout=5000")
        if not read_only:
            db.execute("pragma page_size=16384")
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=full")
        found = db.execute("select count(*) from sqlite_master where name = 'meta'").fetchone()[0]
        if not found:
            if read_only:
                raise StoreError(f"{self.path} is no store of this library")
            db.executescript(f"begin; {_TABLES} commit;")
        (schema,) = db.execute("select value from meta where name = 'schema'").fetchone()
        if int(schema) > SCHEMA:
            raise NewerStoreError(
                f"{self.path} has store version {schema}, this library reads up to {SCHEMA}: upgrade"
            )
        return db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        with self._guard:
            self._db.close()
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def have(self, keys: Collection[Key], /) -> set[Key]:
        """Those of the keys under which a reply is stored."""
        return {bytes(key) for (key,) in self._select("key", keys, " and outcome = 'reply'")}

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        """The stored records of those keys that have one."""
        return {row[0]: _record(row) for row in self._select(_COLUMNS, keys)}

    def _select(self, columns: str, keys: Collection[Key], more: str = "") -> list[Sequence[Any]]:
        wanted = list(keys)
        rows: list[Sequence[Any]] = []
        with self._guard, _explained(self.path):
            for start in range(0, len(wanted), _MOST):
                part = wanted[start : start + _MOST]
                marks = ",".join("?" * len(part))
                query = f"select {columns} from result where key in ({marks}){more}"  # noqa: S608
                rows += self._db.execute(query, part)
        return rows

    def put(self, records: Iterable[Record], /) -> None:
        """All or nothing; a failure or a shorter reply never replaces a better record."""
        best: dict[Key, Record] = {}
        for record in records:
            old = best.get(record.key)
            if old is None or supersedes(record, old):
                best[record.key] = record
        there = self.get(best)
        rows = [_row(r) for k, r in best.items() if k not in there or supersedes(r, there[k])]
        with self._guard, _explained(self.path):
            self._db.execute("begin immediate")
            try:
                self._db.executemany(_PUT, rows)
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    def scan(self) -> Iterator[Record]:
        """Every record, oldest first."""
        last = 0
        while True:
            with self._guard, _explained(self.path):
                rows = self._db.execute(
                    f"select id, {_COLUMNS} from result where id > ? order by id limit 500",  # noqa: S608
                    (last,),
                ).fetchall()
            if not rows:
                return
            for identity, *row in rows:
                yield _record(row)
                last = identity


def _locked(path: Path) -> sqlite3.Connection:
    # An exclusive transaction on a file beside the store: released by the system however the
    # process ends, and it does not keep readers of the store out.
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
        if "locked" in str(error):
            raise StoreBusyError(f"{path} is in use by another process") from None
        raise StoreError(f"{path}: {error}") from None
    return lock


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        said = str(error)
        if "full" in said:
            message = f"no space left for {path}; everything committed before is safe"
            raise StoreFullError(message) from None
        if "not a database" in said or "malformed" in said:
            raise StoreError(f"{path} is damaged or no store: {said}") from None
        raise StoreError(f"{path}: {said}") from None


def _row(record: Record) -> tuple[Any, ...]:
    outcome = record.outcome
    if isinstance(outcome, Reply):
        usage = outcome.usage
        logprobs = outcome.logprobs
        said = (
            None
            if logprobs is None
            else json.dumps([[t.token, t.logprob, t.top] for t in logprobs])
        )
        text = outcome.text.encode("utf-8", "replace").decode()
        head = ("reply", text, outcome.finish.value, said, None)
        tokens = (usage.prompt, usage.cached, usage.completion)
    else:
        error = json.dumps([outcome.kind.value, outcome.detail, outcome.attempts])
        head, tokens = ("failed", None, None, None, error), (None, None, None)  # type: ignore[assignment]
    tail = (record.max_tokens, record.top_logprobs, record.attempts, record.latency, record.at)
    return (record.key, *head, record.model, record.until, *tokens, *tail)


_FINISH = {f.value: f for f in Finish}


def _record(row: Sequence[Any]) -> Record:
    key, outcome, text, finish, logprobs, error, model, until, *numbers = row
    prompt, cached, completion, max_tokens, top, attempts, latency, at = numbers
    value: Reply | Failed
    if outcome == "reply":
        tokens = None if logprobs is None else _logprobs(logprobs)
        value = Reply(text, _FINISH[finish], Usage(prompt, cached, completion), tokens)
    else:
        kind, detail, tries = json.loads(error)
        value = Failed(FailureKind(kind), detail, tries)
    return Record(key, value, model, max_tokens, until, top, attempts, latency, at)


def _logprobs(text: str) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(token, logprob, tuple((t, p) for t, p in top))
        for token, logprob, top in json.loads(text)
    )
