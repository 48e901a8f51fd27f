"""Expected scores: laws over drawn distributions, and what is refused."""

import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Reply, TokenLogprob
from parrot.core.expecting import expected, lean
from parrot.core.formats import MARKUP, Form
from parrot.core.rubric import TEXT_TO_IMAGE

SCALE = TEXT_TO_IMAGE.scale
SHARES = st.lists(st.integers(1, 100), min_size=4, max_size=4).map(
    lambda parts: [p / sum(parts) for p in parts]
)


def score_token(level, shares):
    top = tuple((f" {n}", math.log(p)) for n, p in enumerate(shares, start=1))
    return TokenLogprob(f" {level}", top[level - 1][1], top)


def judged(*tokens):
    """A reply on both dimensions that apply; each score takes two tokens, a level and ".5"."""
    spelt, names = (
        [TokenLogprob("# Detailed Judgement\n", 0.0)],
        ("Text Faithfulness", "Physical and Visual Quality"),
    )
    for n, (name, token) in enumerate(zip(names, tokens, strict=True), start=1):
        spelt += [
            TokenLogprob(f"{n}. {name}:\n## Justification: 2 of 3 wings\n## Score:", -0.1),
            token,
            TokenLogprob(".5", -1.0),
            TokenLogprob("\n", 0.0),
        ]
    return Reply("".join(one.token for one in spelt), logprobs=tuple(spelt))


def scores_of(reply):
    return [f.score for f in MARKUP.read(reply.text, TEXT_TO_IMAGE, Form.POINTWISE).value.findings][
        :2
    ]


@given(SHARES, st.integers(1, 3))
def test_the_mean_over_levels_stands_where_the_score_stood(shares, level):
    reply = judged(score_token(level, shares), score_token(3, [0.0001, 0.0001, 0.9997, 0.0001]))
    first, second = scores_of(expected(reply, SCALE))
    mean = sum(n * p for n, p in enumerate(shares, start=1))
    assert first == pytest.approx(min(4.0, max(1.0, mean + 0.5)), abs=1e-3)
    assert second == pytest.approx(3.5, abs=1e-3)


@given(SHARES, st.integers(1, 4))
def test_the_mean_stays_within_the_levels_weighed(shares, level):
    assert 1 <= level + lean(score_token(level, shares), SCALE) <= 4


@given(st.integers(1, 3))
def test_a_sure_model_is_taken_at_its_word(level):
    sure = TokenLogprob(f" {level}", 0.0, ((f" {level}", 0.0), (" 4", -math.inf), ("N/A", -9.0)))
    assert scores_of(expected(judged(sure, sure), SCALE)) == [level + 0.5] * 2


def test_the_chosen_token_counts_though_it_is_not_among_the_likeliest():
    token = TokenLogprob(" 1", math.log(0.2), ((" 3", math.log(0.8)),))
    assert lean(token, SCALE) == pytest.approx(1.6)


def test_nothing_but_the_scores_is_touched():
    reply = judged(*(score_token(2, [0.1, 0.2, 0.3, 0.4]),) * 2)
    found = expected(reply, SCALE)
    assert found.text.count("2 of 3 wings") == 2
    assert found.text.replace(f"{2.5 + 1.0:.4f}", "2.5") == reply.text


@pytest.mark.parametrize(
    "reply",
    [
        Reply("## Score: 3\n"),
        Reply("no score here", logprobs=(TokenLogprob("no score here", 0.0),)),
        Reply("## Score: 3\n", logprobs=(TokenLogprob("## Score: 2\n", 0.0),)),
    ],
    ids=["no log-probabilities", "no score", "other tokens than text"],
)
def test_what_cannot_be_had_is_none(reply):
    assert expected(reply, SCALE) is None


def test_levels_of_two_digits_are_not_guessed():
    reply = judged(*(score_token(2, [0.1, 0.2, 0.3, 0.4]),) * 2)
    assert expected(reply, evolve(SCALE, high=10.0)) is None


def test_a_winner_of_the_written_scores_does_not_stand_against_the_expected_ones():
    spelt = [TokenLogprob("# Detailed Judgement\n", 0.0)]
    for n, name in enumerate(("Text Faithfulness", "Physical and Visual Quality"), start=1):
        spelt += [
            TokenLogprob(f"{n}. {name}:\n## Justification: both\n## Score A:", 0.0),
            score_token(3, [0.01, 0.01, 0.97, 0.01]),
            TokenLogprob("\n## Score B:", 0.0),
            score_token(3, [0.5, 0.01, 0.48, 0.01]),
            TokenLogprob("\n## Winner: Tie\n", 0.0),
        ]
    reply = Reply("".join(one.token for one in spelt), logprobs=tuple(spelt))
    body = MARKUP.read(expected(reply, SCALE).text, TEXT_TO_IMAGE, Form.PAIRWISE).value
    assert all(one.score_a > one.score_b for one in body.findings[:2])


def test_a_winner_is_never_of_another_dimensions_scores():
    three = score_token(3, [0.01, 0.01, 0.97, 0.01])
    spelt = [TokenLogprob("# Detailed Judgement\n1. Text Faithfulness:\n## Score A:", 0.0), three]
    spelt += [TokenLogprob("\n## Score B:", 0.0), score_token(2, [0.01, 0.97, 0.01, 0.01])]
    spelt += [
        TokenLogprob(".\n## Winner: A\n2. Physical and Visual Quality:\n## Score A:", 0.0),
        three,
    ]
    spelt += [TokenLogprob("\n## Score B: four\n## Winner: B\n", 0.0)]
    reply = Reply("".join(one.token for one in spelt), logprobs=tuple(spelt))
    assert expected(reply, SCALE).text.endswith("Winner: B\n")
    assert expected(reply, SCALE).text.count("Winner: A") == 1
