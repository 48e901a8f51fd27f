"""The loop: drafts with their critiques, resumption after any kill, and what goes wrong on the way."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind, Reply, Usage
from parrot.core.critiques import NA, Critique, Finding, Refinement
from parrot.core.engine import Engine, MemoryStore, RetryPolicy
from parrot.core.errors import (
    AccessError,
    ConfigError,
    RejectedError,
    RunStopped,
    ThrottledError,
    TimedOutError,
    TransientError,
)
from parrot.core.formats import MARKUP, Form
from parrot.core.pipelines.rewarding import Rewarding
from parrot.core.refine import (
    Fault,
    KeepBest,
    Paper,
    Refining,
    Why,
    policy_named,
    refine,
    refine_all,
    rewrite_of,
)
from parrot.core.refine.rewriting import repeats
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.testing.clock import FakeClock
from parrot.core.testing.fakes import ScriptedGenerator, ScriptedModel
from parrot.core.values import Image, Request

FOX = Request("a red fox")
ONCE = RetryPolicy(attempts=1)
KEEP_BEST = KeepBest()


def shade_of(image):
    return int(image.sha256[:6], 16)


def critique(image, request="a red fox, seen from {}"):
    shade = shade_of(image)
    findings = (
        Finding("text_faithfulness", "as it is", 1.0 + shade % 31 / 10),
        Finding("physical_quality", "as it is", 2.5),
        Finding("text_rendering", "none", NA),
    )
    again = Refinement("say more", request.format(shade % 97))
    return Critique(findings, "an image", "so so", again)


def judging(ask):
    if "Second version:" in str(ask.turns):
        return "kept: a fox"
    return Reply(MARKUP.write(critique(ask.images[-1]), TEXT_TO_IMAGE), usage=Usage(100, 0, 10))


def run(
    request=FOX, policy=KEEP_BEST, how=None, generator=None, script=judging, store=None, **more
):
    async def work():
        engine = Engine(ScriptedModel(script), store, clock=FakeClock(), retry=ONCE)
        async with engine:
            painter = generator or ScriptedGenerator()
            return await refine(request, painter, engine, policy, how, clock=FakeClock(), **more)

    return asyncio.run(work())


def test_a_run_keeps_all_that_it_made():
    painter = ScriptedGenerator()
    trace = run(generator=painter)
    drafts = trace.history.drafts
    assert len(drafts) == 4
    assert trace.stop.reason is Why.ROUNDS
    assert drafts[0].made.request == FOX
    assert all(d.made.request.prompt.startswith("a red fox, seen from") for d in drafts[1:])
    assert trace.winner.total == max(d.total for d in drafts)
    assert trace.history.spent.tokens == 440
    assert [(r.prompt, s) for r, s, _ in painter.drawn] == [
        (d.made.request.prompt, d.made.seed) for d in drafts
    ]
    assert not trace.notes


def test_rewards_are_of_the_users_own_request():
    asked = []

    def script(ask):
        asked.append(ask)
        return judging(ask)

    run(script=script)
    assert all("\na red fox\n" in str(ask.turns[1].parts[0]) for ask in asked)


policies = st.sampled_from(
    (
        KeepBest(),
        KeepBest(2, first=2, refined=2, fresh=1),
        KeepBest(4, patience=1),
        Paper(),
        policy_named("budget", tokens=500),
        policy_named("mix", seeds=2, from_best=True, drafts=5),
        policy_named("best-of-n"),
    )
)


class Killed(Exception):
    pass


@settings(max_examples=60, deadline=None)
@given(policy=policies, seed=st.integers(0, 500), after=st.integers(0, 6), history=st.booleans())
def test_a_run_that_was_killed_goes_on_to_the_same_end(policy, seed, after, history):
    how = Refining(seed=seed, show_history=history)
    whole = run(policy=policy, how=how)
    kept = {}

    def keep(_, draft):
        if len(kept) == after:
            raise Killed
        kept[draft.id] = draft
        return draft

    painter = ScriptedGenerator()
    try:
        trace = run(policy=policy, how=how, keep=keep)
    except Killed:
        trace = run(policy=policy, how=how, known=kept, generator=painter)
        assert len(painter.drawn) == len(whole.history.drafts) - len(kept)
    assert trace == whole


def test_drafts_of_another_seed_are_not_taken():
    kept = {draft.id: draft for draft in run(how=Refining(seed=1)).history.drafts}
    assert run(how=Refining(seed=2), known=kept) == run(how=Refining(seed=2))


class Faulty(ScriptedGenerator):
    """Raises for the tries whose number (from 0) a table has."""

    def __init__(self, table):
        super().__init__()
        self.table, self.count = table, 0

    async def draw(self, request, /, *, seed, start=None):
        number, self.count = self.count, self.count + 1
        if number in self.table:
            raise self.table[number]
        return await super().draw(request, seed=seed, start=start)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("no room"), FailureKind.REJECTED),
        (RuntimeError("CUDA out of memory"), FailureKind.REJECTED),
        (RejectedError("not that"), FailureKind.REJECTED),
        (TimedOutError("late"), FailureKind.TIMEOUT),
    ],
)
def test_a_drawing_that_fails_ends_with_the_best_of_the_rest(error, kind):
    trace = run(generator=Faulty({1: error}), how=Refining(retry=ONCE))
    failed = trace.history.drafts[1]
    assert isinstance(failed.image, Failed)
    assert failed.image.kind is kind
    assert trace.winner.drawn
    assert "draft 1 was not drawn" in trace.notes[0]


def test_a_generator_that_gives_no_image_is_told_of():
    class Absent(ScriptedGenerator):
        async def draw(self, request, /, *, seed, start=None):
            return None

    trace = run(generator=Absent(), how=Refining(retry=ONCE))
    assert "gave NoneType" in trace.history.drafts[0].image.detail


def test_a_drawing_is_tried_again_where_that_can_help():
    trace = run(generator=Faulty({0: TransientError("reset"), 1: TransientError("reset")}))
    assert trace.history.drafts[0].drawn
    assert trace.history.drafts[0].spent.seconds > 0
    assert [d.image for d in trace.history.drafts] == [d.image for d in run().history.drafts]


def test_a_generator_out_of_reach_ends_the_run():
    with pytest.raises(RunStopped, match="wrong key"):
        run(generator=Faulty({0: AccessError("wrong key")}))


def test_nothing_drawn_at_all_is_said():
    broken = Faulty(dict.fromkeys(range(9), RejectedError("never")))
    trace = run(generator=broken)
    assert trace.winner is None
    assert trace.stop.reason is Why.NOTHING_DRAWN


def test_a_drawing_that_shows_nothing_is_set_aside_unasked():
    black = Failed(FailureKind.REFUSED, "a black image")
    first = asyncio.run(ScriptedGenerator().draw(FOX, seed=0))
    trace = run(how=Refining(look=lambda image: black if image == first else None))
    assert trace.history.drafts[0].image == black
    assert trace.winner is None  # nothing was there to refine
    again = run(
        policy=KeepBest(fresh=1), how=Refining(look=lambda i: black if i == first else None)
    )
    assert again.winner.drawn


def test_a_critic_that_times_out_leaves_the_draft_unscored():
    calls = []

    def script(ask):
        calls.append(ask)
        return TimedOutError("late") if len(calls) == 1 else judging(ask)

    trace = run(script=script)
    assert trace.stop.reason is Why.NO_REQUEST
    assert trace.winner.total is None
    assert trace.notes == (
        "draft 0 has no score: timeout: late",
        "draft 0 wins without a score: no draft has one",
    )
    calls.clear()
    mixed = run(script=script, policy=KeepBest(1, fresh=1))
    assert mixed.winner.id == 1


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("  ", Fault.EMPTY),
        ("A red FOX.", Fault.UNCHANGED),
        ("a red fox " + "very " * 1000, Fault.TOO_LONG),
        ("a red fox as the tail is longer than it should ever be", Fault.CRITIQUE),
        ("a red fox\n## Score: 3", Fault.CRITIQUE),
    ],
)
def test_a_refined_request_that_is_none_is_set_aside(said, fault):
    findings = (Finding("text_faithfulness", "The tail is longer than it should ever be.", 2.0),)
    one = Critique(findings, refinement=Refinement("", said))
    assert rewrite_of((one,), "a red fox").fault is fault


def test_the_first_critique_with_a_refined_request_counts():
    findings = (Finding("text_faithfulness", "fine", 2.0),)
    some = (Critique(findings), Critique(findings, refinement=Refinement("", "a big red fox")))
    assert rewrite_of(some, "a red fox").request == "a big red fox"
    assert rewrite_of(some[:1], "a red fox") is None
    assert not repeats("a big red fox", some[1])


def with_request(text):
    def script(ask):
        return MARKUP.write(critique(ask.images[-1], text), TEXT_TO_IMAGE)

    return script


def test_wishes_are_compared_without_a_model_and_asked_of_one():
    asked = Request('two signs that say "fox"')
    trace = run(asked, script=with_request('signs that say "fox"'))
    assert trace.history.drafts[0].rewrite.fault is Fault.LOST
    assert "number two" in trace.notes[0] or "number two" in str(trace.notes)

    async def checked(answer):
        model = ScriptedModel(with_request("a red fox in snow"))
        async with Engine(model, clock=FakeClock(), retry=ONCE) as engine:
            verifier = engine.beside(ScriptedModel(lambda _: answer, id="fake:verifier"))
            return await refine(FOX, ScriptedGenerator(), engine, Paper(), verifier=verifier)

    lost = asyncio.run(checked("kept: a fox\nlost: red")).history.drafts[0].rewrite
    assert (lost.fault, lost.detail, lost.partial) == (Fault.LOST, "red", False)
    kept = asyncio.run(checked("kept: a fox\nkept: red")).history.drafts[0].rewrite
    assert (kept.fault, kept.partial) == (None, False)
    mute = asyncio.run(checked("well")).history.drafts[0].rewrite
    assert mute.fault is Fault.UNCHECKED


def test_the_history_is_shown_for_the_refined_request_and_not_for_scores():
    asked = []

    def script(ask):
        asked.append(ask)
        if "Earlier tries:" in str(ask.turns):
            return with_request("a red fox, quite another")(ask)
        return judging(ask)

    shown = run(script=script, how=Refining(show_history=True))
    again = [ask for ask in asked if "Earlier tries:" in str(ask.turns)]
    assert len(again) == 3
    assert "a red fox, seen from" in str(again[0].turns[-1].parts[-1])
    assert shown.history.drafts[1].rewrite.request == "a red fox, quite another"
    assert shown.history.drafts[0].total == run().history.drafts[0].total


def test_many_requests_come_back_in_order():
    async def work():
        async with Engine(ScriptedModel(judging), clock=FakeClock()) as engine:

            async def begin(id_, request):
                return await refine(request, ScriptedGenerator(), engine, KeepBest(1))

            wanted = [(str(n), Request(f"a fox {n}")) for n in range(20)]
            return [(i, t) async for i, t in refine_all(wanted, begin, at_once=3)]

    found = asyncio.run(work())
    assert [i for i, _ in found] == [str(n) for n in range(20)]
    assert all(t.history.request.prompt == f"a fox {i}" for i, t in found)


def test_replies_in_the_store_are_not_asked_again():
    store = MemoryStore()
    first = run(store=store)

    def never(ask):
        raise AssertionError(ask)

    assert run(store=store, script=never) == first


def test_an_error_of_the_input_cancels_what_is_under_way():
    def wanted():
        yield "0", FOX
        raise ValueError("a broken line")

    async def work():
        async with Engine(ScriptedModel(judging), clock=FakeClock()) as engine:

            async def begin(id_, request):
                return await refine(request, ScriptedGenerator(), engine)

            return [found async for found in refine_all(wanted(), begin)]

    with pytest.raises(ValueError, match="a broken line"):
        asyncio.run(work())


def test_drafts_are_scored_one_at_a_time_and_critiqued_to_the_end():
    assert Refining(rewarding=Rewarding(samples=2)).rewarding.critiques_whole
    with pytest.raises(ConfigError, match="one at a time"):
        Refining(rewarding=Rewarding(form=Form.PAIRWISE))


def test_being_throttled_does_not_use_up_the_tries_of_other_errors():
    errors = [*[ThrottledError("wait")] * 7, TransientError("hiccup")]

    class Busy(ScriptedGenerator):
        async def draw(self, request, *, seed, start=None):
            if errors:
                raise errors.pop(0)
            return await super().draw(request, seed=seed, start=start)

    trace = run(generator=Busy(), how=Refining(retry=RetryPolicy(attempts=3, base=0.0)))
    assert isinstance(trace.history.drafts[0].image, Image)
