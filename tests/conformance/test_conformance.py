"""Every model, store, filter and generator of ours passes the suite that third parties get."""

import asyncio

import pytest

from parrot.adapters.store import SqliteStore
from parrot.backends.openai import open_model
from parrot.backends.replay import Recorder
from parrot.backends.replay import open_model as open_recording
from parrot.core.candidates import Drop, Keep
from parrot.core.engine import MemoryStore, batched, bridged
from parrot.core.registry import open_model as open_named
from parrot.core.testing.app import Behaviour
from parrot.core.testing.broken_stores import FileStore
from parrot.core.testing.conformance import (
    check_batch_model,
    check_filter,
    check_generator,
    check_model,
    check_store,
)
from parrot.core.testing.fakes import (
    FlakyModel,
    ScriptedBatchModel,
    ScriptedGenerator,
    ScriptedModel,
)
from parrot.core.testing.server import LoopbackServer


@pytest.fixture
def server():
    with LoopbackServer(lambda request: f"heard {len(request.text)}") as running:
        yield running


def test_scripted_models():
    check_model(ScriptedModel)
    check_model(lambda: FlakyModel(ScriptedModel(), failures=0))


def test_openai_models(server):
    check_model(lambda: open_model(server.target()))


@pytest.mark.parametrize("ability", ["logprobs", "images", "seed", "schema", "stream"])
def test_openai_models_that_can_less(server, ability):
    check_model(lambda: open_model(server.target(), **{ability: False}))


def test_openai_models_behind_a_slow_server():
    with LoopbackServer(lambda r: "late", Behaviour(latency_s=0.01)) as slow:
        check_model(lambda: open_model(slow.target(), connections=3))


def test_the_miniature_teacher():
    check_model(lambda: open_named("miniature:teacher"))


def test_recorders_and_their_recordings(tmp_path):
    path = tmp_path / "r.jsonl"
    check_model(lambda: Recorder(ScriptedModel(), path))
    check_model(lambda: open_recording(str(path)))


def test_batched_and_bridged_models():
    check_batch_model(ScriptedBatchModel)
    check_model(lambda: batched(ScriptedBatchModel()))
    check_model(lambda: bridged(ScriptedModel()))


def test_stores():
    check_store(lambda folder: MemoryStore(), durable=False)
    check_store(FileStore)


def test_the_store_on_disk():
    check_store(lambda folder: SqliteStore(folder / "store.sqlite"), max_examples=25)


@pytest.mark.deep
def test_the_store_on_disk_at_length():
    check_store(lambda folder: SqliteStore(folder / "store.sqlite"), max_examples=200, steps=60)


def test_filters():
    check_filter(lambda candidate: Keep())
    check_filter(lambda c: Drop("problems") if c.rationale.problems else Keep())


def test_generators():
    check_generator(ScriptedGenerator)


def test_suites_say_that_they_need_a_loop_of_their_own():
    async def inside():
        check_model(ScriptedModel)

    with pytest.raises(RuntimeError, match="running event loop"):
        asyncio.run(inside())
