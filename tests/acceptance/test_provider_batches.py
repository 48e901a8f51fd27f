"""Provider batches against a server with faults: nothing lost, nothing paid twice that need not be."""

import asyncio
import json
from itertools import count

import pytest
from attrs import evolve

pytest.importorskip("openai", reason="batches are spoken through the SDK")

from hypothesis import given
from hypothesis import strategies as st

from parrot.adapters.ledger import SqliteLedger, open_batches
from parrot.adapters.store import SqliteStore
from parrot.backends.miniature.files import write_pairs
from parrot.backends.openai import open_model
from parrot.backends.openai.batches import OpenAIBatches, served_at
from parrot.cli import app
from parrot.core.asks import Ask, Failed, FailureKind, Reply, Sampling, Turn
from parrot.core.batches import Bounds, Stage, packed
from parrot.core.errors import ConfigError, ModelError
from parrot.core.keys import key_of
from parrot.core.pipelines.batching import Batching
from parrot.core.testing.batches import BatchFaults, BatchServer
from parrot.core.testing.clock import FakeClock
from parrot.core.testing.fakes import plain_image

ASKS = [Ask((Turn("user", (f"question {n}",)),), Sampling(max_tokens=9)) for n in range(70)]


class Crash(BaseException):
    """The process ends here."""


class Crashing(OpenAIBatches):
    """Ends the process after the named call, once."""

    after = ""

    async def upload(self, lines, token, /):
        found = await super().upload(lines, token)
        self._crash("upload")
        return found

    async def create(self, file_id, token, /):
        self._crash("before create")
        found = await super().create(file_id, token)
        self._crash("create")
        return found

    async def rows(self, file_id, /):
        found = await super().rows(file_id)
        self._crash("rows")
        return found

    def _crash(self, where):
        if self.after == where:
            raise Crash


@pytest.fixture
def server():
    with BatchServer(teacher=lambda request: f"said {request.text}") as one:
        yield one


def act(server, folder, what, *, after="", most=30, asks=ASKS, **options):
    numbers = count(len(server.files) * 1000)

    async def work():
        provider = Crashing(open_model(f"m@{server.url}"))
        provider.after = after
        with SqliteStore(folder / "s.sqlite") as store, SqliteLedger(folder / "l.sqlite") as ledger:
            token = (f"token-{n}" for n in numbers)
            batching = Batching(ledger, store, FakeClock(), token.__next__, 9, Bounds(most))
            try:
                if what == "submit":
                    return await batching.submit(asks, provider, provider.model.id)
                return await batching.collect(provider, **options)
            finally:
                await provider.aclose()

    return asyncio.run(work())


def outcomes(folder):
    keys = [key_of(ask, "openai:m") for ask in ASKS]
    with SqliteStore(folder / "s.sqlite", read_only=True) as store:
        there = store.get(keys)
    return [there[key].outcome if key in there else None for key in keys]


def assert_all_answered_and_paid_once(server, folder):
    assert [o.text for o in outcomes(folder)] == [f"said question {n}" for n in range(70)]
    assert len(server.paid) == 70
    assert set(server.paid.values()) == {1}


def test_what_is_submitted_is_collected_once_and_again_to_no_effect(server, tmp_path):
    told = act(server, tmp_path, "submit")
    assert (told.batches, told.asks) == (3, 70)
    again = act(server, tmp_path, "submit")
    assert (again.asks, again.on_their_way) == (0, 70)
    assert act(server, tmp_path, "collect").answered == 70
    assert act(server, tmp_path, "collect").answered == 0
    assert act(server, tmp_path, "submit").stored == 70
    assert_all_answered_and_paid_once(server, tmp_path)


@pytest.mark.parametrize("after", ["upload", "before create", "create", "rows"])
def test_a_crash_at_any_point_loses_nothing_and_pays_nothing_twice(server, tmp_path, after):
    server.faults.repeats = True
    for what in ("submit", "collect"):
        try:
            act(server, tmp_path, what, after=after)
        except Crash:
            act(server, tmp_path, what)
            act(server, tmp_path, "submit")
            act(server, tmp_path, "collect")
    act(server, tmp_path, "submit")
    act(server, tmp_path, "collect")
    assert_all_answered_and_paid_once(server, tmp_path)


def test_a_batch_that_was_made_and_never_told_of_is_found(server, tmp_path):
    server.faults.lost_creates = 2
    act(server, tmp_path, "submit")
    act(server, tmp_path, "collect")
    assert_all_answered_and_paid_once(server, tmp_path)


def test_lost_polls_lose_nothing(server, tmp_path):
    act(server, tmp_path, "submit")
    server.faults.lost_polls = 99
    with pytest.raises(ModelError):
        act(server, tmp_path, "collect")
    server.faults.lost_polls = 2
    act(server, tmp_path, "collect")
    assert_all_answered_and_paid_once(server, tmp_path)


def test_a_batch_that_is_not_over_is_waited_for(server, tmp_path):
    server.faults.polls = 2
    act(server, tmp_path, "submit")
    assert act(server, tmp_path, "collect").waiting == 70
    assert act(server, tmp_path, "collect").answered == 70


def test_expiry_and_errors_of_rows_are_typed_and_can_be_submitted_again(server, tmp_path):
    server.faults = BatchFaults(expires=1, row_errors=0.1, repeats=True)
    act(server, tmp_path, "submit")
    told = act(server, tmp_path, "collect")
    kinds = [o.kind for o in outcomes(tmp_path) if isinstance(o, Failed)]
    assert kinds.count(FailureKind.TIMEOUT) == 15
    assert kinds.count(FailureKind.TRANSIENT) >= 1
    assert told.failed == len(kinds)
    assert told.answered == sum(isinstance(o, Reply) for o in outcomes(tmp_path))
    for _ in range(6):
        act(server, tmp_path, "submit")
        act(server, tmp_path, "collect")
    assert_all_answered_and_paid_once(server, tmp_path)


def test_three_rows_of_a_hundred_fail_among_all_else_that_can(server, tmp_path):
    asks = [Ask((Turn("user", (f"row {n}",)),), Sampling(max_tokens=9)) for n in range(400)]
    server.faults = BatchFaults(lost_creates=1, lost_polls=1, row_errors=0.03, expires=1)
    server.faults.repeats = True
    with pytest.raises(Crash):
        act(server, tmp_path, "submit", asks=asks, most=100, after="upload")
    act(server, tmp_path, "submit", asks=asks, most=100)
    told = act(server, tmp_path, "collect")
    assert (told.answered + told.failed, told.waiting) == (400, 0)
    assert 50 + 3 <= told.failed <= 50 + 30  # half a batch expired, and rows that failed
    for _ in range(6):
        act(server, tmp_path, "submit", asks=asks, most=100)
        act(server, tmp_path, "collect")
    keys = [key_of(ask, "openai:m") for ask in asks]
    with SqliteStore(tmp_path / "s.sqlite", read_only=True) as store:
        there = store.get(keys)
    assert [there[key].outcome.text for key in keys] == [f"said row {n}" for n in range(400)]
    assert len(server.paid) == 400
    assert set(server.paid.values()) == {1}


def test_a_batch_that_the_provider_lost_waits_until_it_is_given_up(server, tmp_path):
    act(server, tmp_path, "submit", most=100)
    server.batches.clear()
    assert act(server, tmp_path, "collect").waiting == 70
    assert act(server, tmp_path, "collect", forget_lost=True).failed == 70
    assert act(server, tmp_path, "submit").asks == 70


def test_an_ask_that_can_be_no_line_fails_alone(server, tmp_path):
    async def work():
        provider = OpenAIBatches(open_model(f"m@{server.url}"))
        with SqliteStore(tmp_path / "s.sqlite") as store, SqliteLedger(tmp_path / "l") as ledger:
            how = Batching(ledger, store, FakeClock(), lambda: "t", 9, Bounds(9, 400))
            long = Ask((Turn("user", ("x" * 500,)),), Sampling(max_tokens=9))
            told = await how.submit([long, ASKS[0]], provider, provider.model.id)
            await provider.aclose()
            key = key_of(long, provider.model.id)
            return told, store.get([key])[key].outcome, ledger.batches()

    told, outcome, batches = asyncio.run(work())
    assert (told.refused, told.asks) == (1, 1)
    assert outcome.kind is FailureKind.REJECTED
    assert [b.stage for b in batches] == [Stage.SUBMITTED]


@given(st.lists(st.binary(max_size=9), max_size=20), st.integers(1, 5), st.integers(9, 30))
def test_packing_keeps_all_in_order_within_the_bounds(lines, most, most_bytes):
    given_ = [(bytes([n]), line) for n, line in enumerate(lines)]
    packs = list(packed(given_, Bounds(most, most_bytes)))
    assert [one for pack in packs for one in pack] == given_
    assert all(0 < len(p) <= most and sum(len(x) for _, x in p) <= most_bytes for p in packs)


def test_images_can_be_sent_as_urls(tmp_path):
    from parrot.core.values import Image

    url_of = served_at("https://h.example/pics/", tmp_path)
    image = Image("0" * 64, "image/png", str(tmp_path / "a b" / "é.png"))
    assert url_of(image) == "https://h.example/pics/a%20b/%C3%A9.png"
    outside = plain_image(1, 2, 3)
    place = tmp_path.parent / "outside.png"
    place.write_bytes(outside.source)
    assert url_of(evolve(outside, source=str(place))) == url_of(outside)
    assert url_of(outside).startswith("data:image/png;base64,")


def parrot(*arguments):
    return app([str(a) for a in arguments], standalone_mode=False)


def test_a_run_in_batches_is_ended_live_and_asks_nothing_twice(tmp_path, capsys):
    pairs = write_pairs(tmp_path / "pairs", 6, seed=3, task="both").pairs
    with BatchServer(faults=BatchFaults(row_errors=0.2)) as server:
        free = ("--filters", "free", "--json")
        asked = ("rationalize", pairs, "--teacher", f"openai:judge@{server.url}", *free)
        parrot(*asked, "--out", tmp_path / "run", "--later")
        assert not server.paid
        parrot("batch", "submit", tmp_path / "run", "--most", 5)
        with pytest.raises(ConfigError, match="on their way"):
            parrot(*asked, "--out", tmp_path / "run")
        parrot("batch", "status", tmp_path / "run", "--json")
        parrot("batch", "collect", tmp_path / "run")
        assert open_batches(tmp_path / "run") == (0, 0)
        there = len(server.paid)
        parrot(*asked, "--out", tmp_path / "run")
        assert server.paid["live"] == 12 - there
        assert 0 < server.paid["live"] < 12
        parrot(*asked, "--out", tmp_path / "live")
    for name in ("rationales.jsonl", "dropped.jsonl", "failed.jsonl", "funnel.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "live" / name).read_bytes()
    capsys.readouterr()
    json.loads((tmp_path / "run" / "run.json").read_text())
