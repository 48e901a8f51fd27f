"""Laws of every policy over histories that nothing real has made: pure, so any world will do."""

import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.refine import (
    POLICIES,
    Bounded,
    Draft,
    Draw,
    Fault,
    Gate,
    History,
    KeepBest,
    Paper,
    Rewrite,
    Spent,
    Stop,
    Trace,
    Why,
    best_of,
    gate_of,
    policy_named,
)
from parrot.core.rewards import Reward, Unscored
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Request

WISH = Request("a red fox")
GONE = Failed(FailureKind.TIMEOUT, "late")
units = st.sampled_from((0.0, 0.2, 0.5, 2 / 3, 0.9, 1.0))
costs = st.builds(
    Spent,
    st.just(1),
    st.integers(0, 40).map(float),
    st.integers(0, 40),
    st.integers(0, 40).map(float),
)


@st.composite
def fates(draw):
    """What becomes of a try: image, outcome, refined request, cost."""
    number = draw(st.integers(0, 255))
    image = draw(st.sampled_from((plain_image(number, 0, 0), GONE)))
    if image is GONE:
        return GONE, Unscored(GONE), None, draw(costs)
    if draw(st.booleans()):
        faith, sound = draw(units), draw(units)
        values = {"text_faithfulness": faith, "physical_quality": sound}
        outcome = Reward(values, (faith + sound) / 2)
    else:
        outcome = Unscored(GONE, draw(st.sampled_from(({}, {"text_faithfulness": 0.1}))))
    rewrite = draw(
        st.none()
        | st.builds(Rewrite, st.sampled_from(("a fox", "a big red fox", "")), st.none())
        | st.just(Rewrite("a cat", Fault.LOST, "red"))
    )
    if rewrite is not None and not rewrite.request:
        rewrite = Rewrite("", Fault.EMPTY)
    return image, outcome, rewrite, draw(costs)


keepers = st.builds(
    KeepBest,
    rounds=st.integers(0, 4),
    first=st.integers(1, 3),
    refined=st.integers(1, 2),
    fresh=st.integers(0, 2),
    patience=st.none() | st.integers(1, 2),
    gate=st.none() | st.just(Gate(3.0)),
    from_best=st.booleans(),
)
bounds = {
    "drafts": st.none() | st.integers(1, 6),
    "seconds": st.none() | st.integers(1, 120).map(float),
    "tokens": st.none() | st.integers(1, 120),
    "money": st.none() | st.integers(1, 120).map(float),
}
bounded = st.builds(Bounded, keepers, **bounds)
improving = keepers | bounded | st.integers(1, 4).map(best_of)
everything = improving | st.just(Paper()) | st.builds(Bounded, st.just(Paper()), **bounds)


def run(policy, data, decisions=None):
    history = History(WISH, TEXT_TO_IMAGE, seed=7)
    decisions = [] if decisions is None else decisions
    while True:
        decisions.append(policy(history))
        if isinstance(decisions[-1], Stop):
            return Trace(history, tuple(decisions))
        drafts = list(history.drafts)
        for made in decisions[-1].tries:
            image, outcome, rewrite, cost = data.draw(fates())
            drafts.append(Draft(len(drafts), history.rounds, made, image, outcome, rewrite, cost))
        assert len(drafts) < 60, "a policy that never ends"
        history = History(WISH, TEXT_TO_IMAGE, 7, tuple(drafts))


@given(policy=improving, data=st.data())
def test_no_run_ends_below_its_first_draft(policy, data):
    trace = run(policy, data)
    first = trace.history.drafts[0]
    if first.total is not None:
        assert trace.winner.total >= first.total
    scored = [d.total for d in trace.history.drafts if d.total is not None]
    best = max(scored, default=None)
    assert trace.winner is None or trace.winner.total == best
    if best is not None:
        assert trace.winner is next(d for d in trace.history.drafts if d.total == best)


def test_a_score_of_nothing_is_better_than_no_score():
    first = one_draft({"physical_quality": 0.0}).drafts[0]
    unscored = Draft(1, 0, evolve(first.made, seed=1), plain_image(1, 1, 1), Unscored(GONE))
    for drafts in ((first, unscored), (evolve(unscored, id=0), evolve(first, id=1))):
        best = History(WISH, TEXT_TO_IMAGE, 0, drafts).best
        assert best.total == 0.0


@given(policy=improving, data=st.data())
def test_what_has_no_score_wins_only_where_nothing_has_one(policy, data):
    trace = run(policy, data)
    drafts, winner = trace.history.drafts, trace.winner
    if winner is None:
        assert not any(draft.drawn for draft in drafts)
        return
    assert winner.drawn
    if winner.total is None:
        assert all(draft.total is None for draft in drafts)
        assert any("wins without a score" in note for note in trace.notes)


@given(policy=everything, data=st.data())
def test_a_policy_is_a_function_of_its_history(policy, data):
    trace = run(policy, data)
    for round_, decision in enumerate(trace.decisions[:-1]):
        assert policy(trace.history.until(round_)) == decision
    assert policy(trace.history) == trace.stop


@given(policy=everything, data=st.data())
def test_the_same_thing_is_never_drawn_twice(policy, data):
    made = [draft.made for draft in run(policy, data).history.drafts]
    assert len(made) == len(set(made))
    assert made[0].seed == 7
    assert made[0].request == WISH


@given(policy=keepers, data=st.data())
def test_rounds_and_patience_bound_the_drafts(policy, data):
    trace = run(policy, data)
    drafts = trace.history.drafts
    assert len(drafts) <= policy.first + policy.rounds * (policy.refined + policy.fresh)
    if trace.stop.reason is Why.PATIENCE:
        last = trace.history.rounds - policy.patience
        assert trace.winner.round < last


@given(policy=bounded, data=st.data())
def test_nothing_is_begun_beyond_a_bound(policy, data):
    trace = run(policy, data)
    if policy.drafts is not None:
        assert len(trace.history.drafts) <= policy.drafts
    for round_, decision in enumerate(trace.decisions):
        before = trace.history.until(round_)
        if not (before.drafts and isinstance(decision, Draw)):
            continue
        for name in ("seconds", "tokens", "money"):
            bound = getattr(policy, name)
            if bound is not None:
                dearest = max(getattr(draft.spent, name) for draft in before.drafts)
                ahead = getattr(before.spent, name) + dearest * len(decision.tries)
                assert ahead <= bound + 1e-6


@given(n=st.integers(1, 8), bound=st.integers(1, 100), cost=st.integers(1, 20))
def test_drafts_of_one_cost_never_exceed_a_bound_that_holds_one(n, bound, cost):
    policy = Bounded(best_of(n), tokens=bound)
    history = History(WISH, TEXT_TO_IMAGE)
    while isinstance(decision := policy(history), Draw):
        drafts = list(history.drafts)
        for made in decision.tries:
            reward, number = Reward({}, 0.5), len(drafts)
            image = plain_image(number, 0, 0)
            drafts.append(
                Draft(number, history.rounds, made, image, reward, None, Spent(1, 0.0, cost, 0.0))
            )
        history = History(WISH, TEXT_TO_IMAGE, 0, tuple(drafts))
    assert history.spent.tokens <= max(bound, cost)
    assert len(history.drafts) == min(n, max(1, bound // cost))


@given(data=st.data())
def test_the_paper_looks_at_nothing_but_the_first_draft(data):
    trace = run(Paper(), data)
    drafts = trace.history.drafts
    first = drafts[0]
    low = any(value < 2 / 3 - 1e-9 for value in first.outcome.dimensions.values())
    text = first.rewrite.request if first.rewrite else ""
    assert len(drafts) == 1 + bool(first.drawn and low and text)
    assert len({draft.made.seed for draft in drafts}) == 1
    if len(drafts) == 2 and drafts[1].drawn:
        assert trace.winner is drafts[1]  # better or not
        assert trace.stop.reason is Why.REPLACED


def one_draft(values, rewrite=None, *, total=None):
    total = math.fsum(values.values()) / len(values) if total is None else total
    first = KeepBest()(History(WISH, TEXT_TO_IMAGE)).tries[0]
    draft = Draft(0, 0, first, plain_image(1, 2, 3), Reward(values, total), rewrite)
    return History(WISH, TEXT_TO_IMAGE, 0, (draft,))


def test_gates_look_at_the_dimensions_that_they_name():
    low = {"text_faithfulness": 0.9, "physical_quality": 0.5}
    better = Rewrite("a big fox")
    history = one_draft(low, better)
    assert KeepBest(gate=gate_of("2.5"))(history) == Stop(0, Why.GOOD)
    assert isinstance(KeepBest(gate=gate_of("3.0"))(history), Draw)
    assert KeepBest(gate=gate_of("text_faithfulness=3.0"))(history) == Stop(0, Why.GOOD)
    assert isinstance(KeepBest(gate=gate_of("2.0,physical_quality=2.6"))(history), Draw)
    assert KeepBest(gate=gate_of("text_rendering=4.0"))(history) == Stop(0, Why.GOOD)


def test_a_score_of_exactly_three_passes_the_papers_gate():
    for score, more in ((3.0, False), (2.9, True)):
        # A mean of 25 alike is a rounding below them.
        unit = math.fsum([TEXT_TO_IMAGE.scale.unit(score)] * 25) / 25
        history = one_draft({"text_faithfulness": unit, "physical_quality": 1.0}, Rewrite("fox"))
        assert isinstance(Paper()(history), Draw) is more


def test_refined_drafts_begin_from_the_best_where_it_is_wished():
    history = one_draft({"physical_quality": 0.5}, Rewrite("a big fox"))
    (made,) = KeepBest(from_best=True)(history).tries
    assert (made.request.prompt, made.seed, made.start) == ("a big fox", 0, 0)
    (made,) = KeepBest()(history).tries
    assert made.start is None


def test_nothing_to_gain_is_the_end():
    assert KeepBest()(one_draft({"physical_quality": 1.0}, Rewrite("x"))) == Stop(0, Why.GOOD)


def test_a_refined_request_with_a_fault_is_not_drawn_except_by_the_paper():
    history = one_draft({"physical_quality": 0.5}, Rewrite("a cat", Fault.LOST))
    assert KeepBest()(history) == Stop(0, Why.NO_REQUEST)
    assert Paper()(history).tries[0].request.prompt == "a cat"


@pytest.mark.parametrize("name", POLICIES)
def test_policies_by_name_take_bounds(name):
    policy = policy_named(name, drafts=3)
    assert isinstance(policy, Bounded)
    assert isinstance(policy(History(WISH, TEXT_TO_IMAGE)), Draw)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UnknownNameError, match="keep-best"):
        policy_named("keep_best")
    with pytest.raises(ConfigError, match="needs a bound"):
        policy_named("budget")
    for bound in ({"seconds": 0.0}, {"money": -1.0}, {"drafts": 0}):
        with pytest.raises(ConfigError, match="more than 0"):
            policy_named("keep-best", **bound)
    with pytest.raises(ConfigError, match="draws nothing"):
        KeepBest(refined=0)
    with pytest.raises(ConfigError, match="a gate reads"):
        gate_of("text_faithfulness=much")
