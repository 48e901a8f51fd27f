"""`RewardModel`: from any thread and loop, after fork and spawn, and when the critic fails."""

import asyncio
import math
import multiprocessing
import os
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import parrot
from parrot.adapters.store import SqliteStore
from parrot.core.asks import FailureKind, Finish, Reply, Sampling, TokenLogprob, Until
from parrot.core.engine import MemoryStore, RetryPolicy
from parrot.core.engine.bounded import BoundedStore
from parrot.core.errors import AccessError, ConfigError, RejectedError, RunStopped, StoreError
from parrot.core.formats import Form
from parrot.core.rewards import Drawing, Reward, Unscored, worst
from parrot.core.testing.conformance import check_store
from parrot.core.testing.fakes import ScriptedModel, plain_image
from parrot.core.values import Request

FOX = Request("a red fox")
ONCE = RetryPolicy(attempts=1)


def critique_by_size(ask):
    """Scores that follow from the image's bytes, so that each drawing has its own."""
    shade = int(ask.images[-1].sha256[:4], 16) % 31
    return (
        "# Detailed Judgement\n1. Text Faithfulness:\n## Justification: so\n"
        f"## Score: {1 + shade / 10:.1f}\n2. Physical and Visual Quality:\n## Justification: so\n"
        "## Score: 2.5\n3. Text Rendering:\n## Justification: none\n## Score: N/A\n"
    )


def expected(drawing):
    faith = int(drawing.image.sha256[:4], 16) % 31 / 30
    return pytest.approx((faith + 0.5) / 2)


def opened():
    return ScriptedModel(critique_by_size)


def drawings(count, first=0):
    return [Drawing(FOX, plain_image(n % 256, n // 256, 7)) for n in range(first, first + count)]


def scripted(script, **how):
    return parrot.RewardModel(ScriptedModel(script), retry=ONCE, **how)


def test_five_lines_score_two_images():
    from parrot.backends.miniature.pairs import stream

    pair = next(pair for pair, _ in stream(1, seed=1))
    with parrot.RewardModel("miniature:teacher") as model:
        one, other = model(
            [Drawing(pair.request, pair.image_a), Drawing(pair.request, pair.image_b)]
        )
    assert set(one.dimensions) == {"text_faithfulness", "physical_quality"}
    assert 0.0 <= other.total <= 1.0


def test_it_asks_until_the_last_score_and_only_once():
    critic = opened()
    with parrot.RewardModel(critic) as model:
        batch = drawings(5)
        first = model([*batch, batch[0]])
        assert [one.total for one in first] == [expected(d) for d in (*batch, batch[0])]
        assert model(batch) == first[:5]
    assert len(critic.asked) == 5
    assert {(ask.until, ask.last_score) for ask in critic.asked} == {
        (Until.SCORES, "Text Rendering")
    }
    assert model.metrics["asks/sent"] == 5
    assert model.metrics["scored"] == 11


def test_from_many_threads_and_many_loops_at_once():
    with parrot.RewardModel(opened, max_concurrency=8) as model:

        def blocking(n):
            return model(drawings(20, 20 * n))

        def looping(n):
            return asyncio.run(model.score(drawings(20, 20 * n)))

        with ThreadPoolExecutor(12) as pool:
            futures = [pool.submit((blocking, looping)[n % 2], n % 12) for n in range(48)]
            for n, future in enumerate(futures):
                batch = drawings(20, 20 * (n % 12))
                assert [one.total for one in future.result()] == [expected(d) for d in batch]
        assert model.metrics["asks/sent"] == 240


def test_the_second_batch_of_one_loop_and_an_empty_one():
    async def twice():
        with_loop = parrot.RewardModel(opened)
        try:
            assert await with_loop.score([]) == ()
            return [await with_loop.score(drawings(40, 40 * n)) for n in range(3)]
        finally:
            await with_loop.aclose()

    assert all(isinstance(one, Reward) for batch in asyncio.run(twice()) for one in batch)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_after(method):
    with parrot.RewardModel("miniature:teacher", aggregate=worst) as model:
        from parrot.backends.miniature.pairs import stream

        pair = next(pair for pair, _ in stream(1, seed=3))
        before = model([Drawing(pair.request, pair.image_a)])
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=scored_elsewhere, args=(model, pair, queue))
        process.start()
        there = queue.get()
        process.join(30)
        assert process.exitcode == 0
        assert there == [before[0].total]
        assert model([Drawing(pair.request, pair.image_a)]) == before


def scored_elsewhere(model, pair, queue):
    queue.put([one.total for one in model([Drawing(pair.request, pair.image_a)])])
    model.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_an_open_model_that_was_used_does_not_follow_a_fork():
    with parrot.RewardModel(opened()) as model:
        model(drawings(1))
        pid = os.fork()
        if pid == 0:
            try:
                model(drawings(1))
            except ConfigError as error:
                os._exit(7 if "give its spec" in str(error) else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_copy_in_another_process_takes_settings_and_leaves_threads():
    model = parrot.RewardModel("miniature:teacher", aggregate=worst, samples=2)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.how == model.how


def test_one_failure_is_one_drawings_own():
    batch = drawings(4)
    sick = batch[2].image.sha256

    def script(ask):
        if ask.images[-1].sha256 == sick:
            return RejectedError("cannot see it")
        return critique_by_size(ask)

    with scripted(script) as model:
        found = model(batch)
        assert [isinstance(one, Unscored) for one in found] == [False, False, True, False]
        assert found[2].failure.kind is FailureKind.REJECTED
        told = model.metrics
    assert (told["scored"], told["unscored"], told["unscored/rejected"]) == (3, 1, 1)
    assert told["mean/physical_quality"] == 0.5


def test_a_failure_is_asked_again_and_a_reply_is_not():
    answers = [RejectedError("not now"), critique_by_size]
    asked = []

    def script(ask):
        asked.append(ask)
        answer = answers.pop(0)
        return answer(ask) if callable(answer) else answer

    with scripted(script) as model:
        (one,), (other,), (third,) = model(drawings(1)), model(drawings(1)), model(drawings(1))
    assert isinstance(one, Unscored)
    assert other == third
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("# Detailed Judgement\n1. Text", Finish.LENGTH), FailureKind.CUT),
        (Reply("I would rather not.", Finish.FILTERED), FailureKind.REFUSED),
        (Reply("Nice picture, 4/4."), FailureKind.UNREADABLE),
    ],
)
def test_what_cannot_be_read_is_no_number(reply, kind):
    with scripted(lambda _: reply) as model:
        (found,) = model(drawings(1))
    assert isinstance(found, Unscored)
    assert found.failure.kind is kind


def test_a_wrong_key_stops_the_call_and_the_next_one_tries_anew():
    keys = [AccessError("no such key"), None]

    def script(ask):
        return (keys.pop(0) if keys else None) or critique_by_size(ask)

    with scripted(script) as model:
        with pytest.raises(RunStopped, match="no such key"):
            model(drawings(1))
        assert isinstance(model(drawings(1))[0], Reward)


def test_a_bug_in_a_critic_surfaces_and_the_next_call_tries_anew():
    bugs = [ZeroDivisionError]

    def script(ask):
        if bugs:
            raise bugs.pop()
        return critique_by_size(ask)

    with scripted(script) as model:
        with pytest.raises(ZeroDivisionError):
            model(drawings(3))
        assert isinstance(model(drawings(1))[0], Reward)


def test_an_aggregate_out_of_range_is_the_callers_error_and_harms_nobody_else():
    with scripted(critique_by_size, aggregate=lambda values: 2.0) as model:
        with pytest.raises(ConfigError, match=r"gave 2\.0"):
            model(drawings(1))
        with pytest.raises(ConfigError):
            model(drawings(1))


def test_a_cancelled_caller_leaves_the_others_alone():
    gate = threading.Event()

    class Waiting(ScriptedModel):
        async def reply(self, ask, /):
            await asyncio.to_thread(gate.wait, 30)
            return await super().reply(ask)

    async def main(model):
        gone = asyncio.ensure_future(model.score(drawings(2)))
        stays = asyncio.ensure_future(model.score(drawings(4)))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        gate.set()
        return await stays

    with parrot.RewardModel(Waiting(critique_by_size)) as model:
        assert [one.total for one in asyncio.run(main(model))] == [expected(d) for d in drawings(4)]


def sureness(image):
    return 0.5 + int(image.sha256[0], 16) / 40


@pytest.mark.parametrize("spelt", [True, False])
def test_expected_scores_part_what_is_given_equal_scores(spelt):
    def script(ask):
        assert ask.sampling.top_logprobs
        text = re.sub(r"Score: \d\.\d", "Score: 3", critique_by_size(ask))
        sure, other = sureness(ask.images[0]), 1 - sureness(ask.images[0])
        weighed = TokenLogprob(
            " 3", math.log(sure), ((" 3", math.log(sure)), (" 1", math.log(other)))
        )
        parts = re.split(r"(?<=Score:)( 3)", text)
        tokens = tuple(weighed if part == " 3" else TokenLogprob(part, 0.0) for part in parts)
        return Reply(text, logprobs=tokens if spelt else tokens[1:])

    with scripted(script, expected=True) as model:
        got = model(drawings(6))
    if not spelt:
        assert {one.failure.detail for one in got} == {"no log-probabilities of its scores"}
        return
    for drawing, one in zip(drawings(6), got, strict=True):
        sure = sureness(drawing.image)
        assert one.total == pytest.approx((3 * sure + (1 - sure) - 1) / 3, abs=1e-3)
    assert len({round(one.total, 6) for one in got}) > 2


def test_samples_differ_by_their_index_and_are_averaged():
    def script(ask):
        return critique_by_size(ask).replace("2.5", "4.0" if ask.sample else "1.0")

    critic = ScriptedModel(script)
    with parrot.RewardModel(critic, samples=2) as model:
        (found,) = model(drawings(1))
    assert found.dimensions["physical_quality"] == 0.5
    assert len(found.critiques) == 2
    assert {ask.sampling.temperature for ask in critic.asked} == {0.7}
    given = parrot.RewardModel(critic, sampling=Sampling(temperature=0.1))
    assert given.how.how_to_sample.temperature == 0.1


def comparison_by_size(ask):
    shades = [int(image.sha256[:4], 16) % 31 for image in ask.images]
    a, b = (f"{1 + shade / 10:.1f}" for shade in shades)
    sections = "".join(
        f"{n}. {heading}:\n## Justification: so\n## Score A: {a}\n## Score B: {b}\n## Winner: "
        f"{'A' if a > b else 'B' if b > a else 'Tie'}\n"
        for n, heading in ((1, "Text Faithfulness"), (2, "Physical and Visual Quality"))
    )
    tail = "3. Text Rendering:\n## Justification: none\n## Score A: N/A\n## Score B: N/A\n"
    return f"# Detailed Judgement\n{sections}{tail}## Winner: N/A\n# Summary: so\n"


def test_win_rates_order_a_group_as_scores_do():
    batch = drawings(6)
    shades = [int(d.image.sha256[:4], 16) % 31 for d in batch]
    with scripted(comparison_by_size, form=Form.PAIRWISE) as model:
        alone = Drawing(Request("a blue fox"), batch[0].image)
        *found, lonely = model([*batch, alone])
    assert isinstance(lonely, Unscored)
    beaten = [sum((s > t) + (s == t) / 2 for t in shades) - 0.5 for s in shades]
    assert [one.total for one in found] == [pytest.approx(n / 5) for n in beaten]


def test_a_bounded_store_is_a_store_as_long_as_it_has_room():
    class Kept(BoundedStore):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    check_store(lambda _: Kept(10_000), durable=False, max_examples=15, shrink=False)


def test_it_forgets_what_was_used_least_and_never_writes_behind():
    behind = MemoryStore()
    critic = opened()
    with parrot.RewardModel(critic, cached=3, known=lambda: behind) as model:
        model(drawings(3))
        model(drawings(1))  # the first is used again
        model(drawings(2, 3))
        assert len(critic.asked) == 5
        model(drawings(1))
        assert len(critic.asked) == 5
        model(drawings(1, 1))
        assert len(critic.asked) == 6
        records = tuple(model._store.scan())
    assert not tuple(behind.scan())
    assert len(records) == 3
    behind.put(records)
    again = opened()
    with parrot.RewardModel(again, known=lambda: behind) as model:
        model(drawings(5))
    assert len(again.asked) == 2


def test_a_store_on_disk_is_shared_by_reading(tmp_path):
    from parrot.adapters.store import SqliteStore
    from parrot.core.interfaces import Record
    from parrot.core.keys import key_of

    path = tmp_path / "store.sqlite"
    critic = opened()
    with parrot.RewardModel(critic) as model:
        first = model(drawings(4))
        records = tuple(model._store.scan())
    assert {record.key for record in records} == {key_of(ask, critic.id) for ask in critic.asked}
    assert all(isinstance(record, Record) for record in records)
    with SqliteStore(path) as store:
        store.put(records)
    readers = [opened(), opened()]
    models = [
        parrot.RewardModel(reader, known=lambda: SqliteStore(path, read_only=True))
        for reader in readers
    ]
    for model, reader in zip(models, readers, strict=True):
        assert model(drawings(5))[:4] == first
        assert len(reader.asked) == 1
        model.close()
    with SqliteStore(path, read_only=True) as store:
        assert len(tuple(store.scan())) == 4


class Whole(ScriptedModel):
    """A model that is made without arguments."""

    def __init__(self):
        super().__init__(critique_by_size)


def test_a_class_of_models_is_what_opens_one():
    with parrot.RewardModel(Whole) as model:
        assert isinstance(model(drawings(1))[0], Reward)


def test_a_model_that_gives_no_reply_is_named():
    class Wordy(ScriptedModel):
        async def reply(self, ask, /):
            return "four out of four"

    with (
        parrot.RewardModel(Wordy(critique_by_size)) as model,
        pytest.raises(TypeError, match="gave str, which is no Reply"),
    ):
        model(drawings(1))


def test_what_is_known_is_closed_though_no_critic_opened(tmp_path):
    SqliteStore(tmp_path / "known.sqlite").close()
    opened_stores = []

    def known():
        opened_stores.append(SqliteStore(tmp_path / "known.sqlite", read_only=True))
        return opened_stores[-1]

    model = parrot.RewardModel("minature:teacher", known=known)
    with pytest.raises(ConfigError, match="minature"):
        model(drawings(1))
    model.close()
    with pytest.raises(StoreError):
        opened_stores[0].get([b"0" * 16])


def test_what_is_no_critic_is_refused():
    with pytest.raises(ConfigError, match="a critic is"):
        parrot.RewardModel(3)
    unknown = parrot.RewardModel("minature:teacher")
    with pytest.raises(ConfigError, match="minature"):
        unknown(drawings(1))
    unknown.close()
