"""The bounded store before another one."""

from __future__ import annotations

from parrot.core.asks import Failed, FailureKind, Finish, Reply
from parrot.core.engine import MemoryStore
from parrot.core.engine.bounded import BoundedStore
from parrot.core.interfaces import Record

KEY = b"k" * 16


def record(outcome: Reply | Failed) -> Record:
    return Record(KEY, outcome, "m", 64, at=0.0)


def test_what_lies_behind_is_taken_where_it_answers_more() -> None:
    behind, whole = MemoryStore(), record(Reply("all of it"))
    behind.put([whole])
    for own in (Failed(FailureKind.TIMEOUT, "late"), Reply("all", Finish.LENGTH)):
        store = BoundedStore(2, behind)
        store.put([record(own)])
        assert store.get([KEY]) == {KEY: whole}


def test_what_lies_behind_does_not_hide_what_is_here() -> None:
    behind, whole = MemoryStore(), record(Reply("all of it"))
    behind.put([record(Failed(FailureKind.TIMEOUT, "late"))])
    store = BoundedStore(2, behind)
    store.put([whole])
    assert store.get([KEY]) == {KEY: whole}
