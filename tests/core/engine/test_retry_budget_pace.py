"""Retry, budget and pace: pure decisions over numbers, each law held against wrong ones as well."""

import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import FailureKind, Usage
from parrot.core.engine import limits as pacing
from parrot.core.engine.budget import Budget, Price, Tally, overspent
from parrot.core.engine.limits import Limits, Pace
from parrot.core.engine.retry import GiveUp, RetryAfter, RetryPolicy, decide, jitter_of, kind_of
from parrot.core.errors import (
    AccessError,
    ConfigError,
    ModelError,
    RefusedError,
    RejectedError,
    StopReason,
    ThrottledError,
    TimedOutError,
    TransientError,
)

WORTH_ANOTHER_TRY = {
    ThrottledError: FailureKind.THROTTLED,
    TransientError: FailureKind.TRANSIENT,
    TimedOutError: FailureKind.TIMEOUT,
}
FINAL = {
    RejectedError: FailureKind.REJECTED,
    RefusedError: FailureKind.REFUSED,
    AccessError: FailureKind.ACCESS,
    ModelError: FailureKind.REJECTED,
}
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 20),
    throttled=st.integers(1, 40),
    seconds=st.floats(0.0, 5000.0),
    base=st.floats(0.0, 10.0),
    cap=st.floats(0.0, 100.0),
)
jitters = st.floats(0.0, 1.0, exclude_max=True)


@pytest.mark.parametrize(("error", "kind"), FINAL.items())
def test_what_cannot_get_better_is_asked_once(error, kind):
    what = decide(error("no"), attempt=1, elapsed=0.0, jitter=0.5, policy=RetryPolicy())
    assert what == GiveUp(kind, "no")
    assert kind_of(error("no")) is kind


@given(st.sampled_from([*WORTH_ANOTHER_TRY]), policies, jitters, st.none() | st.floats(0.0, 60.0))
def test_tries_and_time_of_one_ask_are_bounded(error, policy, jitter, retry_after):
    elapsed = 0.0
    most = policy.throttled if error is ThrottledError else policy.attempts
    for attempt in range(1, most + 1):
        given_ = error("later", retry_after=retry_after)
        what = decide(given_, attempt=attempt, elapsed=elapsed, jitter=jitter, policy=policy)
        drawn = jitter * min(policy.cap, policy.base * 2.0**attempt)
        named = retry_after and retry_after * (1 + 0.1 * jitter)
        if isinstance(what, GiveUp):
            assert what.kind is WORTH_ANOTHER_TRY[error]
            assert "later" in what.detail
            late = elapsed + max(drawn, named or 0.0) > policy.seconds
            assert attempt == most or late
            return
        elapsed += what.seconds
        assert attempt < most
        assert elapsed <= policy.seconds
        if retry_after is None:
            assert what.seconds == drawn
        elif attempt < policy.attempts:
            assert what.seconds == named
        else:  # what the server named has not helped
            assert what.seconds == max(named, drawn)
    pytest.fail("asked more often than allowed")


def test_waits_are_spread_and_the_same_in_every_run():
    draws = [jitter_of(n.to_bytes(16, "big"), attempt) for n in range(200) for attempt in (1, 2)]
    assert draws == [jitter_of(n.to_bytes(16, "big"), a) for n in range(200) for a in (1, 2)]
    assert len(set(draws)) == 400
    assert 0.4 < sum(draws) / 400 < 0.6
    waits = [
        decide(TransientError(""), attempt=4, elapsed=0.0, jitter=j, policy=RetryPolicy()).seconds
        for j in draws
    ]
    assert min(waits) < 0.5
    assert max(waits) > 7.5


def test_a_huge_attempt_number_overflows_nothing():
    policy = RetryPolicy(attempts=10**9, seconds=math.inf)
    what = decide(TransientError(""), attempt=10**6, elapsed=0.0, jitter=0.9, policy=policy)
    assert what == RetryAfter(27.0)


SPENT = st.builds(
    Tally,
    began=st.just(100.0),
    asks=st.integers(0, 20),
    usage=st.builds(Usage, st.integers(0, 20), st.just(0), st.integers(0, 20)),
    money=st.floats(0.0, 20.0),
)
BOUNDS = st.none() | st.integers(1, 20)


@given(BOUNDS, BOUNDS, BOUNDS, BOUNDS, SPENT, st.floats(0.0, 20.0))
def test_a_run_stops_at_the_first_bound_it_reaches_and_never_before(a, t, m, s, tally, seconds):
    budget = Budget(asks=a, tokens=t, money=m, seconds=s, prices={"m": Price(1, 1)})
    stop = overspent(budget, tally, 100.0 + seconds)
    spent = {
        StopReason.ASKS: (a, tally.asks),
        StopReason.TOKENS: (t, tally.usage.prompt + tally.usage.completion),
        StopReason.MONEY: (m, tally.money),
        StopReason.SECONDS: (s, 100.0 + seconds - 100.0),
    }
    reached = {why for why, (bound, so_far) in spent.items() if bound and so_far >= bound}
    assert (stop is None) == (not reached)
    assert stop is None or stop.reason in reached


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 20), st.floats(0.0, 1.0))
def test_too_many_failures_are_counted_among_the_last_few_alone(ends, window, share):
    tally, budget = Tally(0.0), Budget(failures=share, failures_of=window)
    for end in ends:
        tally.note("cut" if end else None, window=window)
    stop = overspent(budget, tally, 0.0)
    assert (stop is not None) == (sum(ends[-window:]) > share * window)
    assert stop is None or stop.reason is StopReason.FAILURES


def test_money_needs_prices_and_cached_tokens_have_their_own():
    with pytest.raises(ConfigError, match="needs prices"):
        Budget(money=1.0)
    with pytest.raises(ConfigError, match="'other'"):
        Budget(money=1.0, prices={"m": Price(1.0, 2.0)}).price_of("other")
    assert Budget().price_of("any").of(Usage(10**6, 0, 10**6)) == 0.0
    usage = Usage(3_000_000, 1_000_000, 500_000)
    assert Price(2.0, 8.0).of(usage) == 6.0 + 4.0
    assert Price(2.0, 8.0, cached=0.5).of(usage) == 4.0 + 0.5 + 4.0
    tally = Tally(0.0)
    tally.spend(usage, Price(2.0, 8.0))
    tally.spend(usage, Price(2.0, 8.0))
    assert (tally.money, tally.usage.prompt) == (20.0, 6_000_000)


def leavings(pace, seconds, used=500, latency=3.0):
    """When tries leave that are always ready, in virtual time; each reply takes its time."""
    now, left, running = 0.0, [], []
    while now < seconds and len(left) < 20_000:
        while running and running[0][0] <= now:
            pace.settle(running.pop(0)[1], used)
        wait = pace.wait(now)
        if wait == 0.0:
            left.append(now)
            running.append((now + latency, pace.take()))
        else:
            due = min([now + wait, *(at for at, _ in running[:1])])
            now = max(due, math.nextafter(now, math.inf))
    return left


def law_of_requests(make, per_minute):
    """In any minute at most the limit and a burst of ten seconds' worth leave; nearly that do."""
    left = leavings(make(Limits(requests_per_minute=per_minute)), 300.0)
    burst = max(1.0, per_minute / 6)
    for at in left:
        assert sum(at <= other < at + 60.0 for other in left) <= per_minute + burst + 1
    assert len(left) >= 0.95 * (5 * per_minute)


def law_of_tokens(make, per_minute, used):
    """The same of tokens, once it is known how many a reply takes."""
    left = leavings(make(Limits(tokens_per_minute=per_minute)), 1200.0, used)
    late = [at for at in left if at >= 300.0]
    spent = len(late) * used
    assert spent <= 1.05 * (15 * per_minute) + max(used, per_minute / 6)
    assert spent >= 0.9 * (15 * per_minute) - max(used, per_minute / 6)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 1000])
def test_requests_a_minute(per_minute):
    law_of_requests(Pace, per_minute)


@pytest.mark.parametrize(("per_minute", "used"), [(60_000, 500), (60_000, 5000), (600, 3000)])
def test_tokens_a_minute(per_minute, used):
    law_of_tokens(Pace, per_minute, used)


def test_without_limits_nothing_waits():
    assert len(leavings_of_at_once(Pace(Limits()), 1000)) == 1000


def leavings_of_at_once(pace, count):
    return [pace.take() for _ in range(count) if pace.wait(0.0) == 0.0]


def test_a_try_that_brought_no_reply_gives_its_tokens_back():
    pace = Pace(Limits(tokens_per_minute=6 * pacing.FIRST_GUESS))
    for _ in range(20):
        assert pace.wait(0.0) == 0.0
        pace.settle(pace.take(), None)


class Sieve(Pace):
    def take(self):
        return self._guess


class Burst(Pace):
    def __attrs_post_init__(self):
        Pace.__attrs_post_init__(self)
        if self._requests:
            self._requests = WholeMinute(self._requests.rate)


class WholeMinute(pacing._Bucket):
    @property
    def capacity(self):
        return max(1.0, self.rate * 60.0)


class NeverLearns(Pace):
    def settle(self, reserved, used):
        del reserved, used


class Miser(Pace):
    def __attrs_post_init__(self):
        Pace.__attrs_post_init__(self)
        if self._requests:
            self._requests = pacing._Bucket(self._requests.rate / 2)


@pytest.mark.parametrize("broken", [Sieve, Burst, Miser])
def test_a_broken_pace_is_caught_by_requests(broken):
    with pytest.raises(AssertionError):
        law_of_requests(broken, 60)


@pytest.mark.parametrize("broken", [Sieve, NeverLearns])
def test_a_broken_pace_is_caught_by_tokens(broken):
    with pytest.raises(AssertionError):
        law_of_tokens(broken, 60_000, 5000)


def test_a_policy_says_what_makes_no_sense():
    for wrong in ({"attempts": 0}, {"seconds": -1.0}, {"attempt_seconds": 0.0}):
        with pytest.raises(ValueError):
            evolve(RetryPolicy(), **wrong)
