"""The engine whole, in virtual time: order, bounds, retries, budgets and how a run ends.

No test sleeps or reads the machine's clock: models take their time on a FakeClock.
"""

import asyncio
import random

import pytest

from parrot.core.asks import Ask, Failed, FailureKind, Finish, Reply, Sampling, Turn, Usage
from parrot.core.engine import Budget, Engine, Job, Limits, MemoryStore, Meter, RetryPolicy, stream
from parrot.core.engine.events import Limited, Sent
from parrot.core.errors import (
    AccessError,
    ImageError,
    RefusedError,
    RejectedError,
    RunStopped,
    StopReason,
    StoreFullError,
    ThrottledError,
    TransientError,
)
from parrot.core.keys import key_of
from parrot.core.testing.clock import FakeClock
from parrot.core.testing.fakes import ABLE
from parrot.core.values import Image

USAGE = Usage(10, 0, 5)


def ask(n, **more):
    return Ask((Turn("user", (f"ask {n}",)),), **more)


def jobs(count):
    return [Job(n, (ask(n),)) for n in range(count)]


class Timed:
    """Answers after `latency(text)` virtual seconds with what `script(text, try)` says or raises."""

    id, profile = "fake:timed", ABLE

    def __init__(self, clock, *, latency=lambda _: 1.0, script=lambda text, _: f"re {text}"):
        self.clock, self.latency, self.script = clock, latency, script
        self.log, self.tries, self.within, self.peak = [], {}, 0, 0
        self.cancelled = 0
        self.on_entry = lambda: None

    async def reply(self, ask, /):
        text = ask.turns[-1].parts[0]
        self.log.append((self.clock.now(), text))
        count = self.tries[text] = self.tries.get(text, 0) + 1
        self.within += 1
        self.peak = max(self.peak, self.within)
        self.on_entry()
        try:
            await self.clock.sleep(self.latency(text))
            said = self.script(text, count)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.within -= 1
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(said, usage=USAGE)

    async def aclose(self):
        return None


def run(work):
    return asyncio.run(work)


async def everything(engine, source):
    async with engine:
        return await answers_of(engine, source)


async def answers_of(engine, source):
    return [done async for done in engine.answered(source)]


def whole(model, clock, source, store=None, **more):
    engine = Engine(model, store, clock=clock, **more)
    return run(everything(engine, source))


def test_each_job_comes_back_once_in_input_order_whatever_is_done_first():
    clock, chance = FakeClock(), random.Random(0)
    model = Timed(clock, latency=lambda _: chance.uniform(0.1, 60.0))
    source = [Job(n, tuple(ask(n * 10 + i) for i in range(n % 4))) for n in range(300)]
    done = whole(model, clock, source, max_concurrency=32)
    assert [subject for subject, _ in done] == list(range(300))
    assert all(
        [r.text for r in replies] == [f"re ask {n * 10 + i}" for i in range(n % 4)]
        for n, replies in done
    )
    assert model.within == 0


def test_the_slowest_ask_holds_up_no_other():
    clock = FakeClock()
    model = Timed(clock, latency=lambda text: 500.0 if text == "ask 0" else 1.0)
    whole(model, clock, jobs(900), max_concurrency=16)
    assert clock.now() < 502.0
    others = max(at for at, text in model.log if text != "ask 0")
    assert others < 100.0


def test_equal_asks_are_asked_once_and_other_samples_are_other_asks():
    clock, meter = FakeClock(), Meter()
    model = Timed(clock)
    source = [Job(n, (ask(n % 5), ask(n % 5, sample=1))) for n in range(50)]
    done = whole(model, clock, source, MemoryStore(), observers=(meter,))
    assert len(done) == 50
    assert len(model.log) == 10
    assert meter.progress.answered == 10
    assert meter.progress.joined + meter.progress.cached == 90


@pytest.mark.parametrize("ceiling", [1, 3, 100])
def test_never_more_in_flight_than_the_gate_lets_in(ceiling):
    clock, chance = FakeClock(), random.Random(1)

    def script(text, _):
        return ThrottledError("slow down", retry_after=3.0) if chance.random() < 0.2 else text

    model = Timed(clock, latency=lambda _: chance.uniform(0.5, 1.5), script=script)
    engine = Engine(model, clock=clock, max_concurrency=ceiling)
    over = []
    model.on_entry = lambda: over.append(model.within - engine._calls.gate.limit)
    done = run(everything(engine, jobs(600)))
    assert all(isinstance(reply, Reply) for _, (reply,) in done)
    assert max(over) <= 0
    assert model.peak <= ceiling
    assert engine._calls.gate.in_flight == 0


def test_it_uses_all_that_a_willing_server_takes():
    clock = FakeClock()
    model = Timed(clock)
    whole(model, clock, jobs(3200), max_concurrency=64)
    assert model.peak == 64
    assert clock.now() <= 3200 / 64 + 4.0


def test_a_server_that_admits_sixty_is_kept_busy_and_hardly_bothered():
    clock, refused = FakeClock(), []
    model = Timed(clock)
    served = Full(model, 60, refused)
    whole(served, clock, jobs(6000), max_concurrency=256)
    assert 6000 / clock.now() >= 0.8 * 60
    assert len(refused) <= 60


class Full:
    """A server that refuses beyond `cap` at once."""

    def __init__(self, model, cap, refused):
        self.model, self.cap, self.refused = model, cap, refused
        self.id, self.profile = model.id, model.profile

    async def reply(self, ask, /):
        if self.model.within >= self.cap:
            self.refused.append(ask)
            raise ThrottledError("full", retry_after=1.0)
        return await self.model.reply(ask)

    async def aclose(self):
        return None


def test_the_slot_is_free_while_an_ask_waits_to_be_tried_again():
    clock = FakeClock()

    def script(text, count):
        first = text == "ask 0" and count == 1
        return ThrottledError("later", retry_after=10.0) if first else text

    model = Timed(clock, script=script)
    whole(model, clock, jobs(60), max_concurrency=1)
    times = {text: at for at, text in model.log}
    assert times["ask 9"] <= 10.0
    assert 11.0 <= times["ask 0"] <= 13.0  # and when it is due it goes first
    assert times["ask 59"] <= 60.0


@pytest.mark.parametrize(
    ("error", "tries", "kind"),
    [
        (TransientError("500"), 4, FailureKind.TRANSIENT),
        (ThrottledError("429"), 9, FailureKind.THROTTLED),
        (RejectedError("400"), 1, FailureKind.REJECTED),
        (RefusedError("no"), 1, FailureKind.REFUSED),
        (ImageError("broken"), 1, FailureKind.IMAGE),
    ],
)
def test_one_bad_ask_is_one_failure_with_its_reason(error, tries, kind):
    clock = FakeClock()
    model = Timed(clock, script=lambda text, _: error if text == "ask 7" else text)
    retry = RetryPolicy(attempts=4, throttled=9)
    done = whole(model, clock, jobs(40), retry=retry)
    failed = [(n, r) for n, (r,) in done if isinstance(r, Failed)]
    assert failed == [(7, Failed(kind, str(error), tries))]
    assert model.tries["ask 7"] == tries
    assert len(done) == 40


def test_refusals_for_load_use_up_no_tries_of_an_ask():
    clock = FakeClock()

    def script(text, count):
        throttled = count % 2
        wrong = ThrottledError("429") if throttled else TransientError("500")
        return wrong if count <= 10 else text

    done = whole(Timed(clock, script=script), clock, jobs(1))
    assert isinstance(done[0][1][0], Reply)


def test_errors_other_than_refusals_for_load_leave_the_gate_alone():
    clock, chance, limits = FakeClock(), random.Random(3), []

    def seen(event):
        if isinstance(event, Limited):
            limits.append(event.limit)

    def script(text, _):
        return TransientError("500") if chance.random() < 0.3 else text

    model = Timed(clock, script=script)
    whole(model, clock, jobs(1000), max_concurrency=128, observers=(seen,))
    assert limits == [32, 64, 128]


def test_an_ask_is_given_up_before_a_wait_that_would_end_too_late():
    clock = FakeClock()
    model = Timed(clock, script=lambda *_: ThrottledError("429", retry_after=40.0))
    done = whole(model, clock, jobs(1), retry=RetryPolicy(seconds=100.0))
    assert done[0][1][0].kind is FailureKind.THROTTLED
    assert clock.now() <= 100.0
    assert len(model.log) == 3


def test_a_try_without_end_is_a_time_out():
    class Silent(Timed):
        async def reply(self, ask, /):
            await asyncio.Event().wait()

    clock = FakeClock()
    retry = RetryPolicy(attempts=2, attempt_seconds=0.001)
    done = whole(Silent(clock), clock, jobs(2), retry=retry)
    assert [r.kind for _, (r,) in done] == [FailureKind.TIMEOUT] * 2


class Counted:
    """An endless-looking source that knows how far it was pulled."""

    def __init__(self, count):
        self.count, self.pulled = count, 0

    async def __aiter__(self):
        for n in range(self.count):
            self.pulled = n + 1
            yield Job(n, (ask(n),))


def test_no_more_is_pulled_than_the_window_however_slow_the_consumer():
    async def work():
        clock, source = FakeClock(), Counted(5000)
        engine = Engine(Timed(clock), clock=clock, max_concurrency=8, window=64)
        ahead, taken = [], 0
        async with engine:
            async for _ in engine.answered(source):
                taken += 1
                if taken % 50 == 0:
                    await clock.sleep(1000.0)
                ahead.append(source.pulled - taken)
        return max(ahead), taken

    ahead, taken = run(work())
    assert taken == 5000
    assert ahead <= 64 + 64  # a window, and the chunk that waits for room in it


def test_while_the_first_waits_to_be_tried_again_the_window_stretches_but_not_without_end():
    def script(text, count):
        again = text == "ask 0" and count == 1
        return ThrottledError("later", retry_after=800.0) if again else text

    async def work():
        clock, source, seen = FakeClock(), Counted(5000), []
        engine = Engine(Timed(clock, script=script), clock=clock, max_concurrency=8, window=64)
        async with engine:
            async for n, _ in engine.answered(source):
                if not seen:
                    assert n == 0
                    seen.append(source.pulled)
        return seen[0]

    assert 400 < run(work()) <= 8 * 64 + 256  # and a chunk that waits for room


def test_the_window_stretches_no_further_than_the_images_in_memory_allow(monkeypatch):
    monkeypatch.setattr(stream, "STRETCH_BYTES", 20_000)

    def script(text, count):
        again = text == "ask 0" and count == 1
        return ThrottledError("later", retry_after=800.0) if again else text

    async def source():
        for n in range(2000):
            pulled.append(n)
            shown = Image(f"{n:064x}", "image/png", bytes(1000))
            yield Job(n, (Ask((Turn("user", (f"ask {n}", shown)),)),))

    async def work():
        clock = FakeClock()
        engine = Engine(Timed(clock, script=script), clock=clock, max_concurrency=8, window=64)
        async with engine:
            await anext(engine.answered(source()))
            return len(pulled)

    pulled = []
    assert run(work()) <= 64 + 20 + 64  # and a chunk that waits for room


@pytest.mark.parametrize(
    ("budget", "reason", "sent"),
    [
        (Budget(asks=37), StopReason.ASKS, (37, 37)),
        (Budget(tokens=150), StopReason.TOKENS, (10, 18)),
        (Budget(seconds=20.0), StopReason.SECONDS, (8, 168)),
    ],
)
def test_a_budget_ends_the_run_and_pays_for_what_is_in_flight(budget, reason, sent):
    async def work():
        clock, store, got = FakeClock(), MemoryStore(), []
        model = Timed(clock)
        engine = Engine(model, store, clock=clock, max_concurrency=8, budget=budget)
        with pytest.raises(RunStopped) as stopped:
            async with engine:
                async for n, _ in engine.answered(jobs(1000)):
                    got.append(n)
        assert stopped.value.reason is reason
        assert sent[0] <= len(model.log) <= sent[1]
        assert len(list(store.scan())) == len(model.log)
        assert got == list(range(len(got)))
        again = Timed(clock)
        engine = Engine(again, store, clock=clock, max_concurrency=8)
        done = await everything(engine, jobs(1000))
        assert len(done) == 1000
        assert not {text for _, text in model.log} & {text for _, text in again.log}

    run(work())


def test_too_many_failures_end_the_run_and_the_known_ones_do_not():
    def refuses(text, _):
        return RefusedError("no") if int(text[4:]) % 2 else text

    async def work():
        clock, store = FakeClock(), MemoryStore()
        strict = Budget(failures=0.2, failures_of=50)
        engine = Engine(Timed(clock, script=refuses), store, clock=clock, budget=strict)
        with pytest.raises(RunStopped) as stopped:
            await everything(engine, jobs(400))
        assert stopped.value.reason is StopReason.FAILURES
        kind = Engine(Timed(clock, script=refuses), store, clock=clock, budget=Budget(failures=1.0))
        await everything(kind, jobs(400))
        engine = Engine(Timed(clock, script=refuses), store, clock=clock, budget=strict)
        done = await everything(engine, jobs(400))
        assert sum(isinstance(r, Failed) for _, (r,) in done) == 200

    run(work())


def test_a_wrong_key_ends_the_run_at_once_and_keeps_what_came():
    async def work():
        clock, store = FakeClock(), MemoryStore()
        model = Timed(
            clock, script=lambda text, _: AccessError("401") if text == "ask 40" else text
        )
        engine = Engine(model, store, clock=clock, max_concurrency=8)
        with pytest.raises(RunStopped, match="401") as stopped:
            await everything(engine, jobs(1000))
        assert stopped.value.reason is StopReason.ACCESS
        assert len(model.log) <= 48
        assert len(list(store.scan())) == len(model.log) - 1

    run(work())


@pytest.mark.parametrize(("latency", "hurry"), [(20.0, False), (50.0, False), (20.0, True)])
def test_stop_waits_for_what_is_in_flight_but_not_for_ever(latency, hurry):
    async def work():
        clock, store = FakeClock(), MemoryStore()
        model = Timed(clock, latency=lambda _: latency)
        engine = Engine(model, store, clock=clock, max_concurrency=8)
        full = asyncio.Event()
        model.on_entry = lambda: model.within == 8 and full.set()

        async def interrupt():
            await full.wait()
            model.began = clock.now()
            engine.stop()
            if hurry:
                await clock.sleep(5.0)
                engine.stop()

        interrupting = asyncio.create_task(interrupt())
        with pytest.raises(RunStopped) as stopped:
            await everything(engine, jobs(100))
        await interrupting
        assert stopped.value.reason is StopReason.INTERRUPTED
        assert len(model.log) == 8
        drained = latency <= 30.0 and not hurry
        assert len(list(store.scan())) == 8 * drained
        assert model.cancelled == 8 * (not drained)
        assert engine._calls.gate.in_flight == 0
        assert clock.now() - model.began <= (5.0 if hurry else min(latency, 30.0)) + 0.5

    run(work())


@pytest.mark.parametrize("waits", [True, False])
def test_stop_waits_for_no_retry(waits):
    async def work():
        clock = FakeClock()
        error = ThrottledError("later", retry_after=800.0)
        model = Timed(clock, latency=lambda _: 3.0, script=lambda *_: error)
        engine = Engine(model, clock=clock, max_concurrency=4)

        async def interrupt():
            await clock.sleep(5.0 if waits else 1.0)
            engine.stop()

        interrupting = asyncio.create_task(interrupt())
        with pytest.raises(RunStopped):
            await everything(engine, jobs(4))
        await interrupting
        assert clock.now() <= 6.0

    run(work())


class Held(Timed):
    """Answers the first ask at once and the others when they are let go."""

    async def reply(self, ask, /):
        if ask.turns[-1].parts[0] != "ask 0":
            await self.let_go.wait()
        return await super().reply(ask)


def test_what_came_is_committed_within_a_moment_however_little_it_is():
    async def work():
        clock, store = FakeClock(), MemoryStore()
        model = Held(clock)
        model.let_go = asyncio.Event()
        async with Engine(model, store, clock=clock) as engine:
            answered = engine.answered(jobs(5))
            assert (await anext(answered))[0] == 0
            await clock.sleep(0.3)
            await engine._run.shelf.run(lambda _: None)
            assert [record.outcome.text for record in store.scan()] == ["re ask 0"]
            model.let_go.set()
            assert len([done async for done in answered]) == 4

    run(work())


def test_a_store_that_does_not_keep_up_holds_the_asks_back():
    async def work():
        clock = FakeClock()
        model = Timed(clock)
        engine = Engine(model, MemoryStore(), clock=clock)
        engine._run.shelf.pending += 2000  # as if so many waited for the disk
        async with engine:
            answered = engine.answered(jobs(10))
            first = asyncio.ensure_future(anext(answered))
            for _ in range(5):
                await engine._run.shelf.run(lambda _: None)
                await clock.sleep(10.0)
            assert not model.log
            engine._run.shelf.pending -= 2000
            engine._calls.pump()
            assert (await first)[1][0].text == "re ask 0"
            await answered.aclose()

    run(work())


def test_a_job_whose_asks_are_stored_in_part_is_asked_the_rest():
    clock, store = FakeClock(), MemoryStore()
    whole(Timed(clock), clock, [Job(n, (ask(3 * n + n % 3),)) for n in range(30)], store)
    model = Timed(clock)
    source = [Job(n, tuple(ask(3 * n + i) for i in range(3))) for n in range(30)]
    done = whole(model, clock, source, store)
    assert [[r.text for r in replies] for _, replies in done] == [
        [f"re ask {3 * n + i}" for i in range(3)] for n in range(30)
    ]
    assert len(model.log) == 60


class Failing(MemoryStore):
    def put(self, records, /):
        if len(self._records) >= 100:
            raise StoreFullError("no space left")
        super().put(records)


def test_a_full_store_ends_the_run_with_its_own_error():
    clock = FakeClock()
    with pytest.raises(StoreFullError):
        whole(Timed(clock), clock, jobs(5000), Failing(), max_concurrency=8)


def test_what_is_stored_is_not_asked_again_and_of_cut_replies_only_what_may_be_longer():
    def script(text, _):
        cut = int(text[4:]) % 10 == 0
        return Reply("half", Finish.LENGTH) if cut else text

    async def work():
        clock, store = FakeClock(), MemoryStore()
        for limit, expected in ((100, 50), (100, 0), (50, 0), (200, 5)):
            model = Timed(clock, script=script)
            engine = Engine(model, store, clock=clock)
            source = [Job(n, (ask(n, sampling=Sampling(max_tokens=limit)),)) for n in range(50)]
            assert len(await everything(engine, source)) == 50
            assert len(model.log) == expected

    run(work())


def test_a_limit_of_requests_a_minute_holds_through_retries():
    clock, chance = FakeClock(), random.Random(2)
    sent = []

    def seen(event):
        if isinstance(event, Sent):
            sent.append(event.at)

    def script(text, _):
        return TransientError("500") if chance.random() < 0.3 else text

    whole(
        Timed(clock, latency=lambda _: 0.1, script=script),
        clock,
        jobs(400),
        limits=Limits(requests_per_minute=60),
        observers=(seen,),
    )
    assert len(sent) > 500
    for at in sent[::7]:
        assert sum(at <= other < at + 60.0 for other in sent) <= 60 + 10 + 1
    assert len(sent) / (sent[-1] / 60.0) >= 54


def test_two_models_share_store_budget_and_end_but_not_the_gate():
    async def work():
        clock, store = FakeClock(), MemoryStore()
        one, other = Timed(clock), Timed(clock, latency=lambda _: 0.1)
        other.id = "fake:other"
        engine = Engine(one, store, clock=clock, max_concurrency=2, budget=Budget(asks=120))
        second = engine.beside(other, max_concurrency=5)

        async def fed():
            async for n, (reply,) in engine.answered(jobs(50)):
                yield Job(n, (ask(reply.text),))

        async with engine:
            done = [(n, r.text) async for n, (r,) in second.answered(fed())]
            assert done == [(n, f"re ask re ask {n}") for n in range(50)]
            assert one.peak <= 2
            with pytest.raises(RunStopped):
                async for _ in second.answered([Job(n, (ask(f"x{n}"),)) for n in range(50)]):
                    pass
        assert len(one.log) + len(other.log) == 120

    run(work())


def test_an_error_of_the_source_comes_in_its_place():
    async def broken():
        for n in range(20):
            yield Job(n, (ask(n),))
        raise ZeroDivisionError("of the source")

    async def work():
        clock, got = FakeClock(), []
        with pytest.raises(ZeroDivisionError):
            async with Engine(Timed(clock), clock=clock) as engine:
                async for n, _ in engine.answered(broken()):
                    got.append(n)
        assert got == list(range(20))

    run(work())


def test_a_bug_of_the_model_ends_the_run_and_is_not_taken_for_a_failure():
    clock = FakeClock()
    model = Timed(clock, script=lambda text, _: KeyError("bug") if text == "ask 3" else text)
    with pytest.raises(KeyError):
        whole(model, clock, jobs(20))


def test_an_observer_that_raises_ends_the_run():
    def observer(event):
        if isinstance(event, Sent):
            raise OSError("of the observer")

    clock = FakeClock()
    with pytest.raises(OSError, match="of the observer"):
        whole(Timed(clock), clock, jobs(20), observers=(observer,))


def test_a_stream_left_early_leaves_nothing_behind():
    async def work():
        clock, source = FakeClock(), Counted(10_000)
        model = Timed(clock)
        async with Engine(model, clock=clock, max_concurrency=4, window=16) as engine:
            answered = engine.answered(source)
            async for n, _ in answered:
                if n == 30:
                    break
            await answered.aclose()
            sent = len(model.log)
            assert source.pulled < 100
            assert not engine._calls.idle
            assert (await engine.ask(ask("one more"))).text == "re ask one more"
            assert len(model.log) == sent + 1
        assert model.within == 0
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in others if "FakeClock" not in repr(task)]

    run(work())


def test_an_engine_is_used_open_and_once():
    async def work():
        clock = FakeClock()
        engine = Engine(Timed(clock), clock=clock)
        with pytest.raises(ValueError, match="async with"):
            engine.answered([])
        async with engine:
            pass
        with pytest.raises(RunStopped):
            engine.answered([])
        with pytest.raises(ValueError, match="once"):
            async with engine:
                pass

    run(work())


def test_single_asks_use_the_store_and_end_with_the_run():
    async def work():
        clock, store = FakeClock(), MemoryStore()
        model = Timed(clock, script=lambda text, _: RejectedError("no") if "9" in text else text)
        async with Engine(model, store, clock=clock) as engine:
            first = await asyncio.gather(*(engine.ask(ask(n % 10)) for n in range(40)))
            assert sum(isinstance(r, Failed) for r in first) == 4
            assert len(model.log) == 10
        assert set(store.get([key_of(ask(n), model.id) for n in range(10)]))
        async with Engine(model, store, clock=clock) as engine:
            waiting = asyncio.create_task(engine.ask(ask("long")))
            await clock.sleep(0.5)
            engine.stop()
            engine.stop()
            with pytest.raises(RunStopped):
                await waiting

    run(work())
