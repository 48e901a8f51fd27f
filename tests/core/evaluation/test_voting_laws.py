"""What holds of votes over any judgements of a pair."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.evaluation.choosing import Lack, choice_of
from parrot.core.evaluation.voting import vote_of, voted
from parrot.core.formats import Choice
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label

SCORES = st.floats(1, 4)
SAID = st.one_of(
    st.sampled_from(
        [
            {"winner": Label.A},
            {"winner": Label.B},
            {"winner": Label.TIE},
            {"winner": Label.TIE, "both": Both.BAD},
            {"answer": "so: [[A>B]]"},
            {"answer": "no verdict"},
            {"failure": Failed(FailureKind.UNREADABLE, "")},
            {"failure": Failed(FailureKind.TIMEOUT, "60 s")},
        ]
    ),
    st.builds(lambda a, b: {"score_a": a, "score_b": b}, SCORES, SCORES),
)


@st.composite
def judgements(draw, pair="p"):
    said = draw(st.lists(SAID, min_size=1, max_size=7))
    return [
        Judged(Judgement(pair, order=draw(st.sampled_from(Order)), sample=n, **one), Label.A)
        for n, one in enumerate(said)
    ]


def row(winner, sample=0, **more):
    return Judged(Judgement("p", winner, sample=sample, **more), Label.A)


@given(rows=judgements(), seed=st.integers(0, 99))
def test_the_order_of_judgements_does_not_matter(rows, seed):
    mixed = list(rows)
    random.Random(seed).shuffle(mixed)
    assert vote_of(mixed) == vote_of(rows)


@given(rows=judgements())
def test_a_vote_of_the_mirrored_is_the_mirrored_vote(rows):
    vote, other = vote_of(rows), vote_of([one.mirrored() for one in rows])
    one, turned = vote.judged.judgement, other.judged.judgement
    assert (other.share, other.judged.label) == (vote.share, vote.judged.label.mirrored())
    assert turned.winner == (one.winner and one.winner.mirrored())
    assert (turned.score_a, turned.score_b) == (one.score_b, one.score_a)


@given(rows=judgements())
def test_the_share_counts_those_that_name_the_winner(rows):
    vote = vote_of(rows)
    said = [choice_of(one.judgement) for one in rows]
    winner = vote.judged.judgement.winner
    named = sum(isinstance(one, Choice) and one.label is winner for one in said)
    assert vote.share == named / len(rows)
    assert (winner is None) == all(isinstance(one, Lack) for one in said)
    counts = {
        label: sum(isinstance(c, Choice) and c.label is label for c in said) for label in Label
    }
    assert winner in (None, Label.TIE) or all(
        counts[winner] > count for label, count in counts.items() if label is not winner
    )


@given(rows=judgements(), more=judgements(pair="q"))
def test_pairs_vote_apart(rows, more):
    mixed = [one for both in zip(rows, more, strict=False) for one in both]
    mixed += rows[len(more) :] + more[len(rows) :]
    assert voted(mixed) == (vote_of(rows), vote_of(more))


@pytest.mark.parametrize(
    ("winners", "winner", "share"),
    [
        ("AAB", Label.A, 2 / 3),
        ("AB", Label.TIE, 0.0),
        ("ABT", Label.TIE, 1 / 3),
        ("TTA", Label.TIE, 2 / 3),
    ],
)
def test_the_most_named_wins_and_a_draw_is_a_tie(winners, winner, share):
    labels = {"A": Label.A, "B": Label.B, "T": Label.TIE}
    vote = vote_of([row(labels[one], n) for n, one in enumerate(winners)])
    assert (vote.judged.judgement.winner, vote.share) == (winner, share)
