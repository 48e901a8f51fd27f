"""Shards cover everything once; merging is a choice by a total order, whatever the order of runs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind, Reply
from parrot.core.engine.known import WithKnown
from parrot.core.engine.memory import MemoryStore
from parrot.core.errors import ConfigError
from parrot.core.interfaces import Record
from parrot.core.merging import Entry, about_merged, check_alike, merged
from parrot.core.outcomes import End
from parrot.core.sharding import Shard, Share, missing_shards

unhurried = settings(deadline=None, max_examples=40)  # no clock decides
IDS = st.lists(st.text(max_size=6), unique=True, max_size=30)


@unhurried
@given(IDS, st.integers(1, 9))
def test_any_number_of_shards_covers_every_pair_once(ids, of):
    for name in ids:
        assert sum(Shard(of, n).holds(name) for n in range(1, of + 1)) == 1


def test_shards_are_of_like_size_and_the_hash_is_not_changed_silently():
    sizes = [sum(Shard(7, n).holds(f"pair-{i}") for i in range(7000)) for n in range(1, 8)]
    assert min(sizes) > 900
    assert [n for n in range(1, 8) if Shard(7, n).holds("golden")] == [GOLDEN]


GOLDEN = 3


@unhurried
@given(IDS, st.integers(1, 5), st.data())
def test_a_share_tells_where_each_of_its_pairs_stood(ids, of, data):
    share = Share(Shard(of, data.draw(st.integers(1, of))))
    taken = [name for place, name in enumerate(ids) if share.takes(place, name)]
    assert [share.leave(name) for name in taken] == [ids.index(name) for name in taken]
    with pytest.raises(KeyError):
        share.leave("never taken, and longer")


@pytest.mark.parametrize(
    "text", ["4/3", "0/3", "1/0", "3", "a/b", "1/3/5", "-1/3", "", "1/ 3", "１/3"]
)
def test_what_is_no_shard_is_told(text):
    with pytest.raises(ConfigError, match="I/N"):
        Shard.parsed(text)


def test_missing_shards_are_those_of_the_fullest_set():
    there = {Shard(3, 1), Shard(3, 3), Shard(7, 2)}
    assert missing_shards(there) == (Shard(3, 2),)
    assert missing_shards(there | {Shard(3, 2)}) == ()
    assert missing_shards(()) == ()


@st.composite
def entries(draw, place):
    end = draw(st.sampled_from(list(End)))
    lines = {e: tuple(draw(st.lists(st.binary(max_size=2), max_size=2))) for e in End}
    return Entry(place, f"pair {place}", end, lines, draw(st.binary(max_size=2)))


@st.composite
def runs(draw):
    places = draw(st.lists(st.integers(0, 5), unique=True, max_size=5).map(sorted))
    return [draw(entries(place)) for place in places]


@unhurried
@given(st.lists(runs(), min_size=1, max_size=4), st.data())
def test_merging_depends_neither_on_order_nor_on_grouping_nor_on_repetition(parts, data):
    whole = list(merged(parts))
    assert list(merged(data.draw(st.permutations(parts)))) == whole
    assert list(merged([*parts, data.draw(st.sampled_from(parts))])) == whole
    cut = data.draw(st.integers(1, len(parts)))
    halves = [list(merged(parts[:cut])), list(merged(parts[cut:]))]
    assert list(merged(halves)) == whole
    places = [entry.place for entry in whole]
    assert places == sorted({entry.place for part in parts for entry in part})


@unhurried
@given(entries(0), entries(0))
def test_kept_beats_dropped_beats_failed(one, other):
    order = [End.FAILED, End.DROPPED, End.KEPT]
    (won,) = merged([[one], [other]])
    assert order.index(won.end) == max(order.index(one.end), order.index(other.end))


def test_two_pairs_in_one_place_are_refused():
    one, other = (Entry(3, name, End.KEPT, {}, b"") for name in "xy")
    with pytest.raises(ConfigError, match="place 3"):
        list(merged([[one], [other]]))


ABOUT = {"command": "rationalize", "teacher": "m", "pairs": "a/p.jsonl", "status": "done"}


def test_runs_of_one_input_on_two_machines_are_alike_and_others_are_not():
    here, there = ABOUT | {"shard": "1/2"}, ABOUT | {"shard": "2/2", "pairs": "b/p.jsonl"}
    check_alike({"one": here, "two": there})
    assert about_merged([here, there])["status"] == "done"
    for changed in ({"teacher": "n"}, {"pairs": "a/q.jsonl"}, {"samples": 2}):
        with pytest.raises(ConfigError, match=f"one and two .*{next(iter(changed))}"):
            check_alike({"one": here, "two": there | changed})


def test_what_is_missing_is_told_and_carried_on():
    first = about_merged([ABOUT | {"shard": "1/3"}, ABOUT | {"shard": "3/3"}])
    assert "no shard 2/3" in first["status"]
    whole = about_merged([first, ABOUT | {"shard": "2/3"}])
    assert whole["status"] == "done"
    assert not {"shard", "shards"} & set(whole)
    assert "budget" in about_merged([ABOUT, ABOUT | {"status": "stopped: budget"}])["status"]


def test_runs_made_of_stopped_ones_are_alike_and_the_whole_says_so():
    one, other = ABOUT | {"input_status": "stopped: 2 asks"}, ABOUT | {"input_status": "stopped"}
    check_alike({"one": one, "two": other, "three": ABOUT})
    whole = about_merged([one, other, ABOUT])
    assert (whole["status"], whole["input_status"]) == ("done", "stopped; stopped: 2 asks")


def record(key, outcome):
    return Record(key * 16, outcome, "m", 10)


def test_what_another_run_knows_is_found_and_kept_and_its_failures_are_not():
    own, other = MemoryStore(), MemoryStore()
    own.put([record(b"a", Reply("mine")), record(b"b", Failed(FailureKind.TIMEOUT, "late"))])
    other.put([record(b"a", Reply("theirs")), record(b"b", Reply("came"))])
    other.put([record(b"c", Failed(FailureKind.TIMEOUT, "late"))])
    store = WithKnown(own, [other])
    keys = [b"a" * 16, b"b" * 16, b"c" * 16]
    assert store.have(keys) == {b"a" * 16, b"b" * 16}
    assert {k: r.outcome.text for k, r in store.get(keys).items()} == {
        b"a" * 16: "mine",
        b"b" * 16: "came",
    }
    assert own.get(keys)[b"b" * 16].outcome == Reply("came")
