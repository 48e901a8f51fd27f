"""What holds of reliability bins, the calibration error and the fitted slope."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.errors import ProtocolError
from parrot.core.evaluation.reliability import (
    Claim,
    fit_slope,
    gap_claims,
    reliability,
    vote_claims,
)
from parrot.core.evaluation.voting import voted
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Label

CLAIMS = st.lists(st.builds(Claim, st.floats(0, 1), st.booleans()), min_size=1, max_size=40)
GAPS = st.floats(-3, 3).filter(lambda gap: abs(gap) > 0.05)


def scored(gap, label, pair="p"):
    return Judged(Judgement(pair, score_a=2.0 + gap, score_b=2.0), label)


ROWS = st.lists(
    st.builds(scored, GAPS, st.sampled_from([Label.A, Label.B])), min_size=1, max_size=20
)


@given(claims=CLAIMS, bins=st.integers(1, 20))
def test_every_claim_is_in_the_one_bin_that_holds_it(claims, bins):
    found = reliability(claims, bins=bins)
    assert found.n == sum(one.n for one in found.bins) == len(claims)
    lows = [one.low for one in found.bins]
    assert lows == sorted(set(lows))
    for one in found.bins:
        assert one.low - 1e-9 <= one.confidence <= one.high + 1e-9
        assert 0 <= one.accuracy <= 1
    right = sum(one.n * one.accuracy for one in found.bins)
    assert right == pytest.approx(sum(claim.right for claim in claims))


@given(claims=CLAIMS, bins=st.integers(1, 20))
def test_the_error_lies_between_the_overall_gap_and_one(claims, bins):
    found = reliability(claims, bins=bins)
    overall = math.fsum(c.right - c.confidence for c in claims) / len(claims)
    assert abs(overall) - 1e-9 <= found.ece <= 1
    assert reliability(claims[::-1], bins=bins).ece == pytest.approx(found.ece)


def test_a_known_error():
    claims = [Claim(0.95, True)] * 3 + [Claim(0.95, False)] + [Claim(0.55, True)] * 4
    found = reliability(claims)
    assert [(one.low, one.n, one.accuracy) for one in found.bins] == [(0.5, 4, 1.0), (0.9, 4, 0.75)]
    assert found.ece == pytest.approx((4 * 0.45 + 4 * 0.2) / 8)
    assert reliability([]) is None


@given(rows=ROWS)
def test_the_fitted_slope_is_the_likeliest_and_mirroring_keeps_it(rows):
    def likelihood(slope):
        signed = [r.judgement.gap * (1 if r.label is Label.A else -1) for r in rows]
        return -math.fsum(math.log1p(math.exp(-min(700, max(-700, slope * g)))) for g in signed)

    slope = fit_slope(rows)
    assert slope >= 0
    for other in (0.0, slope * 0.5, slope * 0.9, slope * 1.1, slope + 0.1):
        assert likelihood(slope) >= likelihood(other) - 1e-6
    assert fit_slope([row.mirrored() for row in rows]) == pytest.approx(slope)


@given(rows=ROWS, slope=st.floats(0, 50))
def test_a_gap_claims_at_least_a_half_and_more_where_it_is_wider(rows, slope):
    claims = gap_claims(rows, slope)
    assert len(claims) == len(rows)
    ordered = sorted(
        zip((abs(r.judgement.gap) for r in rows), claims, strict=True), key=lambda p: p[0]
    )
    sure = [claim.confidence for _, claim in ordered]
    assert all(0.5 <= one <= 1 for one in sure)
    assert sure == sorted(sure)


def test_a_split_without_scores_fits_nothing():
    rows = [Judged(Judgement("p", Label.A), Label.A), scored(1.0, Label.TIE), scored(0.0, Label.A)]
    with pytest.raises(ProtocolError, match="development split"):
        fit_slope(rows)


def test_shares_are_claims_where_both_name_a_winner():
    rows = [Judged(Judgement("p", Label.A, sample=n), Label.A) for n in range(2)]
    rows += [Judged(Judgement("p", Label.B, sample=2), Label.A)]
    rows += [Judged(Judgement("q", Label.TIE), Label.A), Judged(Judgement("r", Label.A), Label.TIE)]
    assert vote_claims(voted(rows)) == (Claim(2 / 3, True),)
