"""The store on disk: nothing paid is lost, by accident, by upgrade, by a full disk or by company."""

import hashlib
import sqlite3
import subprocess
import sys
import threading
from itertools import pairwise

import pytest

from parrot.adapters import store as module
from parrot.adapters.store import SqliteStore
from parrot.core.asks import Failed, FailureKind, Finish, Reply, TokenLogprob, Usage
from parrot.core.errors import NewerStoreError, StoreBusyError, StoreError, StoreFullError
from parrot.core.interfaces import Record

V1 = """
create table meta(name text primary key, value text) strict;
create table result(
  id integer primary key, key blob not null unique, outcome text not null,
  reply text, finish text, logprobs text, error text, model text not null, until text not null,
  tokens_in integer, tokens_cached integer, tokens_out integer,
  max_tokens integer not null, top_logprobs integer,
  attempts integer not null, latency real not null, at real not null) strict;
insert into meta values ('schema', '1');
insert into result values (3, x'00112233445566778899aabbccddeeff', 'reply', 'B is better', 'end',
  '[["B",-0.5,[["A",-1.5]]]]', null, 'openai:m', 'end', 7, 5, 3, 64, 1, 2, 0.5, 1700000000.25);
insert into result values (9, x'ff112233445566778899aabbccddeeff', 'failed', null, null, null,
  '["refused", "no", 1]', 'openai:m', 'scores', null, null, null, 64, null, 1, 0.0, 1700000001.0);
"""


def key(n):
    return n.to_bytes(16, "big")


def record(n, outcome="text", **more):
    outcome = Reply(outcome) if isinstance(outcome, str) else outcome
    return Record(key(n), outcome, "m", more.pop("max_tokens", 100), **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "store.sqlite"


def cut(text, limit, **more):
    return record(1, Reply(text, Finish.LENGTH), max_tokens=limit, **more)


WORSE_TO_BETTER = [
    record(1, Failed(FailureKind.REFUSED, "no")),
    cut("cut at 10", 10),
    cut("cut at 90", 90),
    cut("cut at 90, with log-probabilities", 90, top_logprobs=0),
    record(1, Reply("scores", Finish.SCORES), until="scores"),
    record(1, "whole"),
    record(1, "whole, with log-probabilities", top_logprobs=0),
    record(1, "whole, with more of them", top_logprobs=5),
]


@pytest.mark.parametrize(("worse", "better"), list(pairwise(WORSE_TO_BETTER)))
def test_the_better_record_stays_whichever_came_first(path, worse, better):
    with SqliteStore(path) as store:
        store.put([worse])
        store.put([better])
        assert store.get([key(1)]) == {key(1): better}
        store.put([worse])
        assert store.get([key(1)]) == {key(1): better}


def test_of_two_replies_that_each_answer_more_the_newer_stays(path):
    """Else the ask that the older one does not answer would be paid at every run."""
    whole = record(1, "whole")
    weighed = record(1, Reply("scores", Finish.SCORES), until="scores", top_logprobs=20)
    with SqliteStore(path) as store:
        for newest in (whole, weighed, whole):
            store.put([newest])
            assert store.get([key(1)]) == {key(1): newest}
        store.put([weighed, cut("cut", 10, top_logprobs=30)])
        assert store.get([key(1)]) == {key(1): weighed}


def test_another_store_is_taken_over_as_if_each_of_its_records_were_put(path, tmp_path):
    other = [cut("cut at 90", 90), record(2, "new"), record(3, Reply("half \ud83d")), record(4)]
    with SqliteStore(tmp_path / "other.sqlite") as part:
        part.put(other)
    mine = [record(1, "whole"), record(4, Failed(FailureKind.REFUSED, "no"))]
    with SqliteStore(path) as store, SqliteStore(tmp_path / "put.sqlite") as put:
        for one in (store, put):
            one.put(mine)
        store.take(tmp_path / "other.sqlite")
        put.put(other)
        assert list(store.scan()) == list(put.scan())
        store.take(tmp_path / "other.sqlite")
        assert list(store.scan()) == list(put.scan())


def test_of_two_failures_the_latest_is_told_and_of_two_equal_replies_the_first_stays(path):
    first, second = (record(1, Failed(FailureKind.TIMEOUT, d)) for d in ("one", "two"))
    with SqliteStore(path) as store:
        store.put([first])
        store.put([second])
        assert store.get([key(1)])[key(1)] == second
        store.put([record(1, "paid"), record(1, "paid again")])
        store.put([record(1, "paid thrice")])
        assert store.get([key(1)])[key(1)].outcome.text == "paid"


@pytest.mark.parametrize(
    "text",
    ["", "\0in\0side", "🦜 parrot", "a lone \ud83e surrogate", "\udcff", "line\r\nline\u2028"],
)
def test_any_text_comes_back_as_it_went_in(path, text):
    reply = Reply(
        text, usage=Usage(1, 0, 2), logprobs=(TokenLogprob(text, -0.25, ((text, -9.5),)),)
    )
    kept = [record(1, reply), record(2, Failed(FailureKind.REJECTED, text, 4))]
    with SqliteStore(path) as store:
        store.put(kept)
    with SqliteStore(path) as store:
        assert list(store.scan()) == kept


def test_scan_goes_in_order_of_arrival_over_several_pages(path):
    order = [n * 7919 % 1301 for n in range(1301)]
    with SqliteStore(path) as store:
        for n in range(0, 1301, 100):
            store.put([record(i, f"r{i}") for i in order[n : n + 100]])
        store.put([record(order[0], Reply("upgraded"), top_logprobs=3)])
        scanned = list(store.scan())
        assert [r.key for r in scanned] == [key(i) for i in order]
        assert scanned[0].outcome.text == "upgraded"
        assert len(store.get([key(i) for i in range(2000)])) == 1301
        assert len(store.have(key(i) for i in range(2000))) == 1301


def test_a_version_1_file_is_carried_over_whole(path):
    path.parent.mkdir()
    old = sqlite3.connect(path)
    old.executescript(V1)
    old.close()
    reply = Reply(
        "B is better", usage=Usage(7, 5, 3), logprobs=(TokenLogprob("B", -0.5, (("A", -1.5),)),)
    )
    expected = [
        Record(
            bytes.fromhex("00112233445566778899aabbccddeeff"),
            reply,
            "openai:m",
            64,
            "end",
            1,
            2,
            0.5,
            1700000000.25,
        ),
        Record(
            bytes.fromhex("ff112233445566778899aabbccddeeff"),
            Failed(FailureKind.REFUSED, "no"),
            "openai:m",
            64,
            "scores",
            at=1700000001.0,
        ),
    ]
    with SqliteStore(path, read_only=True) as store:  # reading needs no migration
        assert list(store.scan()) == expected
    with SqliteStore(path) as store:
        assert list(store.scan()) == expected
        store.put([record(5, "\ud800 only version 2 can hold this")])
    with SqliteStore(path) as store:
        assert [r.key for r in store.scan()] == [*(r.key for r in expected), key(5)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    with SqliteStore(path) as store:
        store.put([record(1)])

    def breaks(db):
        db.execute("delete from result")
        db.execute("alter table result add column new text")
        raise sqlite3.OperationalError("in the middle of it")

    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, breaks))
    with pytest.raises(StoreError, match="in the middle"):
        SqliteStore(path)
    monkeypatch.undo()
    with SqliteStore(path) as store:
        assert store.have([key(1)]) == {key(1)}


def test_a_newer_file_is_refused_and_left_alone(path):
    with SqliteStore(path) as store:
        store.put([record(1)])
    db = sqlite3.connect(path)
    db.execute("update meta set value = '7' where name = 'schema'")
    db.commit()
    db.close()
    before = hashlib.sha256(path.read_bytes()).digest()
    for read_only in (False, True):
        with pytest.raises(NewerStoreError, match=r"version 7.* up to 2"):
            SqliteStore(path, read_only=read_only)
    assert hashlib.sha256(path.read_bytes()).digest() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path, read_only):
    prose, foreign = tmp_path / "prose", tmp_path / "foreign"
    prose.write_bytes(b"The quick brown fox jumps over the lazy dog. " * 400)
    db = sqlite3.connect(foreign)
    db.execute("create table meta(name text)")
    db.close()
    for file, said in ((prose, "not a database"), (foreign, "no store of this library")):
        before = file.read_bytes()
        with pytest.raises(StoreError, match=said):
            SqliteStore(file, read_only=read_only)
        assert file.read_bytes() == before


def test_a_damaged_file_is_told_of(path):
    with SqliteStore(path) as store:
        store.put([record(i, "x" * 2000) for i in range(200)])
    data = bytearray(path.read_bytes())
    data[3 * 16384 : 8 * 16384] = b"\xff" * (5 * 16384)
    path.write_bytes(data)

    def read_all():
        with SqliteStore(path) as store:
            return list(store.scan()), store.get([key(i) for i in range(200)])

    with pytest.raises(StoreError, match="damaged"):
        read_all()


def test_reading_needs_the_file_and_a_folder_that_is_one(tmp_path):
    with pytest.raises(StoreError, match=r"absent\.sqlite"):
        SqliteStore(tmp_path / "absent.sqlite", read_only=True)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        SqliteStore(tmp_path / "file" / "store.sqlite")


def test_put_is_all_or_nothing(path):
    bad = record(2, Reply("a", usage=Usage(2**70)))  # no column holds this number
    with SqliteStore(path) as store:
        with pytest.raises(OverflowError):
            store.put([record(1), bad])
        assert not list(store.scan())
        store.put([record(1)])
        assert store.have([key(1)]) == {key(1)}


def test_a_full_disk_keeps_what_was_committed(path):
    with SqliteStore(path) as store:
        store.put([record(i, "x" * 1000) for i in range(50)])
        (pages,) = store._db.execute("pragma page_count").fetchone()
        store._db.execute(f"pragma max_page_count={pages + 2}")
        with pytest.raises(StoreFullError, match=r"no space left for .*committed before is safe"):
            store.put([record(i, "y" * 1000) for i in range(50, 500)])
        assert [r.key for r in store.scan()] == [key(i) for i in range(50)]
        store._db.execute("pragma max_page_count=1000000")
        store.put([record(50)])
    with SqliteStore(path) as store:
        assert len(store.have(key(i) for i in range(500))) == 51


def test_readers_are_welcome_while_another_writes_and_cannot_write(path):
    with SqliteStore(path) as writer:
        writer.put([record(1)])
        with SqliteStore(path, read_only=True) as reader:
            assert reader.have([key(1), key(2)]) == {key(1)}
            writer.put([record(2)])
            assert reader.have([key(1), key(2)]) == {key(1), key(2)}
            with pytest.raises(StoreError, match="readonly"):
                reader.put([record(3)])


HOLDER = """
import sys
from parrot.adapters.store import SqliteStore
with SqliteStore(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_is_gone_however_it_went(path):
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"open\n"
            with pytest.raises(StoreBusyError, match=f"process {holder.pid}"):
                SqliteStore(path)
        finally:
            holder.kill()
    with SqliteStore(path) as store:
        store.put([record(1)])
        with pytest.raises(StoreBusyError):
            SqliteStore(path)


def test_closing_twice_is_fine_and_frees_the_file(path):
    store = SqliteStore(path)
    store.close()
    store.close()
    SqliteStore(path).close()


def test_safe_from_any_thread(path):
    errors = []

    def work(store, start):
        try:
            for n in range(start, 400, 4):
                store.put([record(n)])
                assert store.have([key(n)])
                sum(1 for _ in store.scan())
        except BaseException as error:  # noqa: BLE001  told to the test
            errors.append(error)

    with SqliteStore(path) as store:
        store._db.execute("pragma synchronous=off")
        threads = [threading.Thread(target=work, args=(store, i)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert len(list(store.scan())) == 400
