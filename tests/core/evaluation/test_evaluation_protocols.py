"""Every protocol on rows small enough to count by hand."""

from __future__ import annotations

import pytest
from attrs import evolve

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Order
from parrot.core.errors import ProtocolError, UnknownNameError
from parrot.core.evaluation import EVALUATION_PROTOCOLS, evaluate, evaluation_protocol
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label

SAID = {
    "A": {"winner": Label.A},
    "B": {"winner": Label.B},
    "tie": {"winner": Label.TIE},
    "good": {"winner": Label.TIE, "both": Both.GOOD},
    "bad": {"winner": Label.TIE, "both": Both.BAD},
    "?": {"failure": Failed(FailureKind.UNREADABLE, "no brackets")},
    "-": {"failure": Failed(FailureKind.TIMEOUT, "60 s")},
}
HUMAN = {
    "A": (Label.A, None),
    "B": (Label.B, None),
    "tie": (Label.TIE, None),
    "good": (Label.TIE, Both.GOOD),
    "bad": (Label.TIE, Both.BAD),
}


def row(pair, human, said, *, order=Order.AB, group=None, size=None, **more):
    return Judged(
        Judgement(pair, order=order, **SAID[said], **more),
        *HUMAN[human],
        group=group,
        group_size=size,
    )


def scored(pair, human, a, b, **more):
    return Judged(Judgement(pair, score_a=a, score_b=b, **more), *HUMAN[human])


MIXED = tuple(
    row(f"p{i}", human, said)
    for i, (human, said) in enumerate(
        [
            ("A", "A"),
            ("A", "B"),
            ("B", "B"),
            ("A", "tie"),
            ("good", "good"),
            ("good", "bad"),
            ("bad", "tie"),
            ("good", "A"),
            ("B", "?"),
            ("A", "-"),
            ("bad", "?"),
        ]
    )
)


@pytest.mark.parametrize(
    ("name", "right", "n", "n_strict", "skipped", "unreadable", "missing"),
    [
        ("genai-bench-4way", 4, 11, 11, 0, 2, 1),
        ("genai-bench-3way", 5, 11, 11, 0, 2, 1),
        ("no-tie-strict", 2, 6, 6, 5, 1, 1),
        ("no-tie-decided", 2, 3, 5, 5, 1, 1),
        ("mmrb2-both-orders", 2, 4, 12, 5, 1, 7),
        ("editreward-bench-k2", 5, 10, 11, 0, 2, 1),
        ("hpdv3", 2, 6, 6, 5, 1, 1),
        ("imagereward", 2, 6, 6, 5, 1, 1),
        ("pickapic", 6, 11, 11, 0, 2, 1),
    ],
)
def test_by_hand(name, right, n, n_strict, skipped, unreadable, missing):
    report = evaluate(MIXED, name)
    assert report.accuracy == pytest.approx(100 * right / n)
    assert report.accuracy_strict == pytest.approx(100 * right / n_strict)
    assert (report.n, report.n_strict, report.skipped) == (n, n_strict, skipped)
    assert (report.unreadable, report.missing) == (unreadable, missing)
    assert report.judgements == 11
    assert report.protocol == name
    assert report.definition == EVALUATION_PROTOCOLS[name].definition


def test_the_table_above_and_the_grouped_and_scored_ones_are_all_there_are():
    rest = {"editreward-bench-k3", "editreward-bench-k4", "editreward-bench-eps"}
    named = {mark.args[1][i][0] for mark in test_by_hand.pytestmark for i in range(9)}
    assert named | rest == set(EVALUATION_PROTOCOLS)


def test_a_bare_tie_is_right_for_either_tie_only_under_four_ways():
    rows = [row("p", "bad", "good"), row("q", "good", "tie"), row("r", "bad", "tie")]
    assert evaluate(rows, "genai-bench-4way").accuracy == pytest.approx(200 / 3)
    assert evaluate(rows, "genai-bench-3way").accuracy == 100


def test_four_ways_needs_to_know_which_tie():
    with pytest.raises(ProtocolError, match=r"genai-bench-4way .* GOOD or BAD.*'q'"):
        evaluate([row("p", "A", "A"), row("q", "tie", "tie")], "genai-bench-4way")
    assert evaluate([row("q", "tie", "tie")], "genai-bench-3way").accuracy == 100


# Both orders.


def test_both_orders_are_both_counted_and_an_absent_one_is_missing():
    rows = [
        row("p", "A", "A"),
        row("p", "A", "B", order=Order.BA),  # in the pair's frame, so this one is wrong
        row("q", "B", "B"),
        row("q", "B", "B", order=Order.BA),
        row("r", "B", "B"),
    ]
    report = evaluate(rows, "mmrb2-both-orders")
    assert report.accuracy == 80
    assert report.accuracy_strict == pytest.approx(100 * 4 / 6)
    assert (report.n, report.n_strict, report.missing) == (5, 6, 1)


def test_each_sample_is_to_have_both_orders():
    rows = [
        row("p", "A", "A"),
        row("p", "A", "A", order=Order.BA),
        row("p", "A", "A", sample=1),
    ]
    assert evaluate(rows, "mmrb2-both-orders").missing == 1


# Groups.


def group(name, said, size=3):
    whole = size * (size - 1) // 2
    assert len(said) <= whole
    return [row(f"{name}/{i}", "A", one, group=name, size=size) for i, one in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "counted", "right"),
    [
        ("AAA", True, True),
        ("AAB", True, False),
        ("AA?", True, False),
        ("AA-", True, False),
        ("AA", True, False),  # the third pair is not in the file
        ("---", False, False),
        ("???", True, False),
    ],
)
def test_a_ranking_of_three_is_right_only_as_a_whole(said, counted, right):
    rows = group("g", said) + group("h", "AAA")
    report = evaluate(rows, "editreward-bench-k3")
    assert (report.n, report.n_strict) == (1 + counted, 2)
    assert report.accuracy == 100 * (1 + right) / (1 + counted)
    assert report.accuracy_strict == 100 * (1 + right) / 2
    assert report.missing == said.count("-") + 3 - len(said)
    assert report.unit == "group"


def test_a_ranking_of_four_has_six_pairs():
    rows = group("g", "AAAAAA", 4) + group("h", "AAAAAB", 4) + group("i", "AAAAA", 4)
    report = evaluate(rows, "editreward-bench-k4")
    assert (report.accuracy, report.n, report.missing) == (pytest.approx(100 / 3), 3, 1)


def test_each_protocol_takes_its_own_size_from_a_file_with_all():
    rows = [
        *group("g", "AAA"),
        *group("h", "AAAAAB", 4),
        row("p", "tie", "good"),
        row("q", "A", "B", group="i", size=2),
    ]
    assert evaluate(rows, "editreward-bench-k2").accuracy == 50
    assert evaluate(rows, "editreward-bench-k3").accuracy == 100
    assert evaluate(rows, "editreward-bench-k4").accuracy == 0
    assert evaluate(rows, "editreward-bench-k3").skipped == 8


def test_a_group_in_both_orders_and_two_samples_counts_four_times():
    rows = [
        evolve(one, judgement=evolve(one.judgement, order=order, sample=sample))
        for one in group("g", "AAA")
        for order in Order
        for sample in (0, 1)
    ]
    report = evaluate(rows, "editreward-bench-k3")
    assert (report.accuracy, report.n) == (100, 4)


def test_pairs_of_a_group_may_each_have_been_shown_in_another_order():
    first, second, third = group("g", "AAA")
    turned = evolve(second, judgement=evolve(second.judgement, order=Order.BA))
    assert evaluate([first, turned, third], "editreward-bench-k3").accuracy == 100


def test_too_many_pairs_for_a_group_are_refused():
    rows = [row(f"g/{i}", "A", "A", group="g", size=3) for i in range(4)]
    with pytest.raises(ProtocolError, match="'g' has 4 pairs; a ranking of 3 images has 3"):
        evaluate(rows, "editreward-bench-k3")


def test_a_size_without_a_group_is_refused():
    with pytest.raises(ProtocolError, match="needs groups; pair 'p'"):
        evaluate([row("p", "A", "A", size=3)], "editreward-bench-k3")


# Scores.


def test_without_a_winner_scores_decide_by_sign_and_equal_scores_are_a_tie():
    rows = [scored("p", "A", 2, 1), scored("q", "B", 2, 1), scored("r", "A", 1, 1)]
    assert evaluate(rows, "hpdv3").accuracy == pytest.approx(100 / 3)
    assert evaluate(rows, "no-tie-decided").accuracy == 50


def test_a_winner_stands_before_scores_where_no_threshold_is_fitted():
    rows = [Judged(Judgement("p", Label.A, score_a=0, score_b=1), Label.A)]
    assert evaluate(rows, "imagereward").accuracy == 100


def test_eps_and_pickapic_tie_within_the_threshold_of_the_development_split():
    dev = [scored("d", "tie", 1.0, 1.2), scored("e", "A", 2.0, 1.0)]
    test = [
        scored("p", "tie", 0.0, 0.15),
        scored("q", "A", 0.2, 0.1),
        scored("r", "B", 0.0, 0.5),
        row("s", "A", "-"),
    ]
    report = evaluate(test, "editreward-bench-eps", dev=dev)
    assert report.threshold is not None
    assert report.threshold.value == pytest.approx(0.2)
    assert (report.threshold.accuracy, report.threshold.n) == (100, 2)
    assert report.accuracy == 50
    assert evaluate(test, "pickapic", dev=dev).accuracy == pytest.approx(100 * 2.5 / 4)


def test_eps_needs_scores():
    with pytest.raises(ProtocolError, match="needs scores; pair 'p', order AB, sample 0"):
        evaluate([row("p", "A", "A")], "editreward-bench-eps", dev=[scored("d", "A", 1, 0)])


# What is refused.


def test_an_unknown_name_says_the_nearest():
    with pytest.raises(UnknownNameError, match="'genai-bench-4way'"):
        evaluation_protocol("genai-bench-4-way")
    with pytest.raises(UnknownNameError, match=r"Known: .*pickapic"):
        evaluate(MIXED, "x")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no judgements"),
        ([row("p", "A", "A"), row("p", "A", "B")], "'p', order AB, sample 0 is there twice"),
        (
            [row("p", "A", "A"), row("p", "B", "A", order=Order.BA)],
            "'p' has two different labels",
        ),
        ([row("p", "A", "A", model="x"), row("q", "A", "A", model="y")], "'x' and 'y'"),
        ([row("p", "tie", "A")], "none of the 1 judgements belongs to hpdv3"),
    ],
)
def test_rows_no_protocol_could_be_true_to(rows, message):
    with pytest.raises(ProtocolError, match=message):
        evaluate(rows, "hpdv3")


def test_nothing_decided_is_no_accuracy_rather_than_zero():
    report = evaluate([row("p", "A", "tie"), row("q", "A", "?")], "no-tie-decided")
    assert (report.accuracy, report.ci95, report.n) == (None, None, 0)
    assert (report.accuracy_strict, report.n_strict) == (0, 1)


def test_a_protocol_of_ones_own():
    mine = evolve(
        evaluation_protocol("no-tie-strict"),
        name="half-for-ties",
        credit=lambda row, said: 0.5 if said.label is Label.TIE else float(said.label is row.label),
    )
    assert evaluate(MIXED, mine).accuracy == pytest.approx(100 * 2.5 / 6)
