"""The store on disk: SQLite, one row a key, in the order of arrival.

Only what was asked for and paid is kept: no image, no secret. A second living process that wants to
write is refused; readers are welcome at any time. Not for network file systems (write-ahead log).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from parrot.adapters.databases import explained_database, locked
from parrot.core.asks import Failed, FailureKind, Finish, Reply, TokenLogprob, Usage
from parrot.core.engine.memory import supersedes
from parrot.core.errors import NewerStoreError, StoreError
from parrot.core.interfaces import Key, Record

_META = "create table meta(name text primary key, value text) strict"
# A reply that is no valid Unicode (a lone surrogate) is kept as the bytes of WTF-8, all else as text.
_RESULT = """create table result(
  id integer primary key,
  key blob not null unique,
  outcome text not null,
  reply any, finish text, logprobs text,
  error text, model text not null, until text not null,
  tokens_in integer, tokens_cached integer, tokens_out integer,
  max_tokens integer not null, top_logprobs integer,
  attempts integer not null, latency real not null, at real not null) strict"""
_COLUMNS = (
    "key, outcome, reply, finish, logprobs, error, model, until, tokens_in, tokens_cached,"
    " tokens_out, max_tokens, top_logprobs, attempts, latency, at"
)
_NAMES = _COLUMNS.replace(" ", "").split(",")
_PUT = (
    f"insert into result({_COLUMNS}) values ({', '.join('?' * len(_NAMES))})"  # noqa: S608
    f" on conflict(key) do update set {', '.join(f'{n} = excluded.{n}' for n in _NAMES[1:])}"
)
_PAGE = 500  # keys of one statement, rows of one page of a scan
_COPIED = 10_000  # rows that are copied at once from another store
_CACHE_KIB = 65536


def _widen_reply(db: sqlite3.Connection) -> None:
    db.execute("alter table result rename to result_1")
    db.execute(_RESULT)
    db.execute(
        f"insert into result(id, {_COLUMNS}) select id, {_COLUMNS} from result_1"  # noqa: S608
    )
    db.execute("drop table result_1")


Migration = Callable[[sqlite3.Connection], None]
MIGRATIONS: Final[tuple[Migration, ...]] = (_widen_reply,)
"""From schema n + 1 to n + 2; what is stored is carried over, never thrown away."""


class SqliteStore:
    """Answers by key in a file, made where there is none. Safe from any thread.

    read_only: looks, also while another process writes; the file must exist. Raises StoreBusyError
    where another living process writes, NewerStoreError, StoreFullError, or StoreError.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._guard = threading.RLock()
        self._lock = None if read_only else locked(self.path, _holder)
        try:
            with explained_database(self.path):
                self._db = _read_only(self.path) if read_only else _writable(self.path)
        except BaseException:
            self._release()
            raise

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
        return {key for (key,) in self._select("key", keys, " and outcome = 'reply'")}

    def get(self, keys: Collection[Key], /) -> Mapping[Key, Record]:
        """The stored records of those keys that have one."""
        return {row[0]: _record(row) for row in self._select(_COLUMNS, keys)}

    def put(self, records: Iterable[Record], /) -> None:
        """All or nothing; a failure or a shorter reply never replaces a better record."""
        given = tuple(records)
        with self._guard, explained_database(self.path), _transaction(self._db):
            there, better = dict(self.get({one.key for one in given})), dict[Key, Record]()
            for record in given:
                old = there.get(record.key)
                if old is None or supersedes(record, old):
                    there[record.key] = better[record.key] = record
            self._db.executemany(_PUT, map(_row, better.values()))

    def take(self, other: Path) -> None:
        """Puts all that another store has; what is new here is copied as it lies.

        Raises as opening `other` for reading does.
        """
        with SqliteStore(other, read_only=True) as there:
            if not there._is_alike:
                records = there.scan()
                while page := list(islice(records, _PAGE)):
                    self.put(page)
                return
        with self._guard, explained_database(self.path):
            self._db.execute("attach ? as there", (f"{other.resolve().as_uri()}?mode=ro",))
            try:
                (last,) = self._db.execute("select max(id) from there.result").fetchone()
                for first in range(0, last or 0, _COPIED):
                    self._take((first, first + _COPIED))
            finally:
                self._db.execute("detach there")

    def _take(self, ids: tuple[int, int]) -> None:
        mine = "key in (select key from main.result)"
        rows = f"select {_COLUMNS} from there.result where id > ? and id <= ? and "  # noqa: S608
        self.put(map(_record, self._db.execute(f"{rows}{mine}", ids).fetchall()))
        with _transaction(self._db):
            copied = f"insert into main.result({_COLUMNS}) {rows}not {mine} order by id"
            self._db.execute(copied, ids)

    @property
    def _is_alike(self) -> bool:
        return _schema(self._db, self.path) == len(MIGRATIONS) + 1

    def scan(self) -> Iterator[Record]:
        """Every record, in the order in which its key first came."""
        last = 0
        query = f"select id, {_COLUMNS} from result where id > ? order by id limit {_PAGE}"  # noqa: S608
        while True:
            with self._guard, explained_database(self.path):
                rows = self._db.execute(query, (last,)).fetchall()
            if not rows:
                return
            for identity, *row in rows:
                yield _record(row)
                last = identity

    def _select(self, columns: str, keys: Collection[Key], more: str = "") -> list[Sequence[Any]]:
        wanted = iter(keys)
        rows: list[Sequence[Any]] = []
        with self._guard, explained_database(self.path):
            while part := list(islice(wanted, _PAGE)):
                marks = ",".join("?" * len(part))
                query = f"select {columns} from result where key in ({marks}){more}"  # noqa: S608
                rows += self._db.execute(query, part)
        return rows


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?{mode}"
    db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    db.execute("pragma busy_timeout=5000")
    return db


def _bound_cache(db: sqlite3.Connection) -> None:
    # SQLite turns the limit into pages of the size that it knows then: after the first read only.
    db.execute(f"pragma cache_size=-{_CACHE_KIB}")


def _read_only(path: Path) -> sqlite3.Connection:
    db = _connected(path, "mode=ro")
    try:
        schema = _schema(db, path)
        if schema is None:
            raise StoreError(f"{path} is empty, no store")
        _bound_cache(db)
    except BaseException:
        db.close()
        raise
    return db


def _writable(path: Path) -> sqlite3.Connection:
    db = _connected(path, "mode=rwc")
    try:
        db.execute("pragma page_size=16384")
        schema = _schema(db, path)
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        _bring_up_to_date(db, schema)
        _bound_cache(db)
    except BaseException:
        db.close()
        raise
    return db


def _schema(db: sqlite3.Connection, path: Path) -> int | None:
    """The version of the store in a database; None where it is empty."""
    tables = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
    if not tables:
        return None
    found = None
    if {"meta", "result"} <= tables:
        found = db.execute("select value from meta where name = 'schema'").fetchone()
    if found is None:
        raise StoreError(f"{path} is a database, but no store of this library")
    schema, known = int(found[0]), len(MIGRATIONS) + 1
    if schema > known:
        raise NewerStoreError(
            f"{path} has store version {schema}, this library knows versions up to {known}: upgrade"
        )
    return schema


def _bring_up_to_date(db: sqlite3.Connection, schema: int | None) -> None:
    with _transaction(db):
        if schema is None:
            db.execute(_META)
            db.execute(_RESULT)
        else:
            for migrate in MIGRATIONS[schema - 1 :]:
                migrate(db)
        news = {"schema": str(len(MIGRATIONS) + 1), "writer": f"process {os.getpid()}"}
        db.executemany("insert or replace into meta values (?, ?)", news.items())


def _holder(path: Path) -> str:
    try:
        with closing(_connected(path, "mode=ro")) as db:
            found = db.execute("select value from meta where name = 'writer'").fetchone()
    except sqlite3.Error:  # it is being made this very moment, or is damaged; busy it is
        found = None
    return f" ({found[0]})" if found else ""


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise


def _row(record: Record) -> tuple[Any, ...]:
    outcome = record.outcome
    said: tuple[Any, ...]
    tokens: tuple[int | None, int | None, int | None]
    if isinstance(outcome, Reply):
        usage = outcome.usage
        said = (
            "reply",
            _text(outcome.text),
            outcome.finish.value,
            _written(outcome.logprobs),
            None,
        )
        tokens = (usage.prompt, usage.cached, usage.completion)
    else:
        error = json.dumps([outcome.kind.value, outcome.detail, outcome.attempts])
        said, tokens = ("failed", None, None, None, error), (None, None, None)
    tail = (record.max_tokens, record.top_logprobs, record.attempts, record.latency, record.at)
    return (record.key, *said, record.model, record.until, *tokens, *tail)


def _text(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _written(logprobs: Sequence[TokenLogprob] | None) -> str | None:
    if logprobs is None:
        return None
    return json.dumps([[t.token, t.logprob, t.top] for t in logprobs], separators=(",", ":"))


_FINISH = {f.value: f for f in Finish}


def _record(row: Sequence[Any]) -> Record:
    key, outcome, text, finish, logprobs, error, model, until, *numbers = row
    prompt, cached, completion, max_tokens, top, attempts, latency, at = numbers
    value: Reply | Failed
    if outcome == "reply":
        tokens = None if logprobs is None else _logprobs(logprobs)
        said = text if type(text) is str else text.decode("utf-8", "surrogatepass")
        value = Reply(said, _FINISH[finish], Usage(prompt, cached, completion), tokens)
    else:
        kind, detail, tries = json.loads(error)
        value = Failed(FailureKind(kind), detail, tries)
    return Record(key, value, model, max_tokens, until, top, attempts, latency, at)


def _logprobs(text: str) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(token, logprob, tuple((t, p) for t, p in top))
        for token, logprob, top in json.loads(text)
    )
