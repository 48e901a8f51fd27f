"""Refinement's controls: policies that draw as often, and what each way of choosing ends with."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx, mark, raises

from parrot.core.asks import Failed, FailureKind
from parrot.core.critiques import Critique
from parrot.core.errors import ConfigError, RecordError
from parrot.core.refine.drafts import Draft, Draw, History, Rewrite, Stop, Why
from parrot.core.rewards.values import Reward, Unscored
from parrot.core.rubric import rubric_for
from parrot.core.studies.redrawing import (
    Arm,
    Drawn,
    Pick,
    Refined,
    Reworded,
    Run,
    drawn_from_record,
    drawn_to_record,
    policy_of,
)
from parrot.core.studies.redrawn_report import estimated, report_of, table_of
from parrot.core.values import Image, Request

REQUEST = Request("a red circle")
IMAGE = Image("a" * 64, "image/png", b"png")
units = st.floats(0, 1).map(lambda x: round(x, 3))


def drafted(policy, totals, *, better="a large red circle"):
    """What a policy draws where the drafts get these rewards and words; drafts and its end."""
    history = History(REQUEST, rubric_for(REQUEST), seed=7)
    for total in totals:
        decision = policy(history)
        if isinstance(decision, Stop):
            return history.drafts, decision
        for made in decision.tries:
            outcome = (
                Unscored(Failed(FailureKind.TIMEOUT, ""))
                if total is None
                else Reward({}, total, (Critique(()),))
            )
            number = len(history.drafts)
            draft = Draft(number, number, made, IMAGE, outcome, Rewrite(better))
            history = evolve(history, drafts=(*history.drafts, draft))
    return history.drafts, policy(history)


def test_other_words_are_drawn_with_new_seeds_and_the_request_itself_first():
    drafts, end = drafted(Reworded("a red circle, sharp", 2), (0.4, 0.9, 0.5))
    assert [d.made.request.prompt for d in drafts] == [
        "a red circle",
        "a red circle, sharp",
        "a red circle, sharp",
    ]
    assert [d.made.seed for d in drafts] == [7, 7, 8]
    assert end == Stop(1, Why.ROUNDS)


def test_new_seeds_never_draw_the_first_draft_again():
    drafts, _ = drafted(Reworded("a red circle", 3), (0.4, 0.9, 0.5, 0.1))
    assert [d.made.seed for d in drafts] == [7, 8, 9, 10]


def test_the_last_draft_is_refined_though_it_is_worse_and_a_fault_ends_it():
    drafts, end = drafted(Refined(2, last=True), (0.9, 0.1, 0.2))
    assert [d.made.request.prompt for d in drafts[1:]] == ["a large red circle"] * 2
    assert len({d.made for d in drafts}) == 3
    assert end == Stop(0, Why.ROUNDS)


@mark.parametrize("arm", [a for a in Arm if a is not Arm.PAPER])
@given(totals=st.lists(st.none() | st.floats(0, 0.99), min_size=4, max_size=4))
def test_every_arm_but_the_papers_draws_as_often(arm, totals):
    policy = policy_of(arm, prompt=REQUEST.prompt, suffix=", sharp", blind="a circle", rounds=3)
    drafts, end = drafted(policy, totals)
    assert len(drafts) == 4
    assert isinstance(end, Stop)
    assert isinstance(policy(History(REQUEST, rubric_for(REQUEST))), Draw)


@given(
    st.lists(st.tuples(st.none() | units, units), min_size=1, max_size=5),
    st.integers(0, 6),
)
def test_picks_choose_by_what_they_may_see(drafts, rounds):
    run = Run("r", tuple(r for r, _ in drafts), tuple(t for _, t in drafts))
    seen = range(min(rounds + 1, len(drafts)))
    assert run.picked(Pick.FIRST, rounds) == 0
    assert run.picked(Pick.LAST, rounds) == seen[-1]
    assert run.truths[run.picked(Pick.ORACLE, rounds)] == max(run.truths[k] for k in seen)
    scored = [run.rewards[k] for k in seen if run.rewards[k] is not None]
    best = run.rewards[run.picked(Pick.KEEP_BEST, rounds)]
    assert best == (max(scored) if scored else None)


runs = st.builds(
    lambda drafts, tokens: Run(
        "r", tuple(r for r, _ in drafts), tuple(t for _, t in drafts), 0, 0, tokens
    ),
    st.lists(st.tuples(st.none() | units, units), min_size=1, max_size=4),
    st.integers(0, 9),
)


@given(st.sampled_from(Arm), st.integers(0, 9), st.lists(runs, max_size=3))
def test_a_line_of_results_comes_back_as_it_went(arm, seed, some):
    drawn = Drawn(arm, seed, tuple(some), 1.5)
    assert drawn_from_record(drawn_to_record(drawn)) == drawn


def test_a_line_without_its_runs_names_the_field():
    with raises(RecordError, match="runs"):
        drawn_from_record({"arm": "refined", "seed": 0, "seconds": 1.0})


def a_study(gain):
    base = tuple(Run(str(k), (0.5, 0.6), (0.4, 0.5)) for k in range(20))
    better = tuple(Run(str(k), (0.5, 0.7), (0.4, 0.5 + gain)) for k in range(20))
    return [
        Drawn(arm, seed, some)
        for seed in (0, 1)
        for arm, some in ((Arm.REFINED, better), (Arm.NEW_SEED, base))
    ]


@mark.parametrize(("gain", "clear"), [(0.2, True), (0.0, False), (-0.2, True)])
def test_the_contrast_named_beforehand_is_paired_and_signed(gain, clear):
    gap = report_of(a_study(gain), rounds=1, resamples=50).primary
    assert gap is not None
    assert gap.value == approx(gain)
    assert gap.clear is clear
    assert f"{gain:+.3f}" in table_of(report_of(a_study(gain), rounds=1, resamples=50))


def test_arms_that_drew_other_requests_are_not_compared():
    first, second, *_ = a_study(0.1)
    with raises(ConfigError, match="other requests"):
        report_of([evolve(first, runs=first.runs[1:]), second], rounds=1, resamples=5)


@given(st.lists(st.lists(units, min_size=3, max_size=3), min_size=1, max_size=3))
def test_an_interval_holds_what_all_values_lie_between(values):
    found = estimated(values, 40)
    assert min(map(min, values)) - 1e-9 <= found.low <= found.high <= max(map(max, values)) + 1e-9
