"""Agreement with the truth, its intervals, and differences taken on the same draws."""

import random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.candidates import Order
from parrot.core.errors import ConfigError
from parrot.core.studies.agreeing import Resampled, credits_of, decisive, labelled, overall
from parrot.core.studies.cells import CONTRASTS, Arm, Cell, Equal
from parrot.core.studies.plot import plot_of
from parrot.core.studies.report import report_of, report_to_dict, size_for, table_of
from parrot.core.studies.results import Result, TestPair
from parrot.core.values import Label

LABELS = tuple(Label)
PAIRS = st.lists(
    st.builds(
        TestPair,
        st.just("p"),
        st.sampled_from("abcdef"),
        st.sampled_from(LABELS),
        st.sampled_from(LABELS),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


def result(*marks, arm=Arm.BLIND, size=10, seed=0):
    return Result(Cell(arm, size, seed), dict(zip(Order, marks, strict=False)))


def world(count=60, seed=0):
    rng = random.Random(seed)
    return [
        TestPair(f"p{n}", f"r{n // 2}", rng.choice(LABELS), rng.choice(LABELS), rng.random() < 0.6)
        for n in range(count)
    ]


def student(pairs, right, *, arm, seed, size=10):
    """One that is right on a share of the pairs, in both orders."""
    rng = random.Random(f"{arm}{seed}{size}")
    said = ""
    for pair in pairs:
        true = "A" if pair.truth is Label.A else "B"
        said += true if rng.random() < right else "AB"[true == "A"]
    return result(said, said, arm=arm, seed=seed, size=size)


@given(PAIRS, st.data())
def test_credit_is_that_of_the_truth_and_a_tie_is_half(pairs, data):
    marks = data.draw(st.text("ABTCUX", min_size=len(pairs), max_size=len(pairs)))
    for wanted in (decisive, overall, labelled):
        for pair, mark, credit in zip(
            pairs, marks, credits_of(result(marks), pairs, wanted), strict=True
        ):
            label = pair.label if wanted is labelled else pair.truth
            if label is Label.TIE or (wanted is decisive and not pair.decisive):
                assert credit is None
            elif mark == "T":
                assert credit == 0.5
            else:
                assert credit == float(mark == label.value)


@settings(max_examples=20)
@given(PAIRS, st.data())
def test_a_share_is_the_mean_credit_over_orders_and_lies_in_its_interval(pairs, data):
    marks = [
        data.draw(st.text("ABTCUX", min_size=len(pairs), max_size=len(pairs))) for _ in range(2)
    ]
    one = result(*marks)
    drawn = Resampled(pairs, overall, resamples=30)
    counted = [c for c in credits_of(one, pairs, overall) if c is not None]
    if not counted:
        with pytest.raises(ConfigError, match="no test pair counts"):
            drawn.of(one)
        return
    found = drawn.estimate([one])
    assert found.value == pytest.approx(sum(counted) / len(counted))
    assert 0.0 <= found.low <= found.high <= 1.0
    same = drawn.difference([one], [one])
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert not same.clear


def test_orders_are_judged_in_the_frame_of_the_pair():
    pairs = [TestPair("p", "r", Label.A, Label.A, decisive=True)]
    assert credits_of(result("A", "A"), pairs, decisive) == [1.0]
    assert credits_of(result("A", "B"), pairs, decisive) == [0.5]


def test_an_interval_knows_requests_from_pairs():
    # Twenty requests of five like pairs each say less than a hundred requests.
    many = [TestPair(f"p{n}", f"r{n}", Label.A, Label.A, decisive=True) for n in range(100)]
    few = [evolve(pair, request=f"r{n // 5}") for n, pair in enumerate(many)]
    marks = "".join("AAAAABBBBB"[n // 5 % 2 * 5] for n in range(100))
    wide = [Resampled(p, decisive, resamples=300).estimate([result(marks)]) for p in (many, few)]
    assert wide[1].high - wide[1].low > 1.5 * (wide[0].high - wide[0].low)


def test_an_interval_knows_how_seeds_differ():
    pairs = world(200)
    alike = [student(pairs, 0.8, arm=Arm.BLIND, seed=0) for _ in range(4)]
    apart = [student(pairs, share, arm=Arm.BLIND, seed=seed)
             for seed, share in enumerate((0.5, 0.7, 0.9, 1.0))]  # fmt: skip
    drawn = Resampled(pairs, overall, resamples=300)
    close, wide = drawn.estimate(alike), drawn.estimate(apart)
    assert wide.high - wide.low > 1.5 * (close.high - close.low)
    assert wide.seeds == 4


def test_a_difference_is_paired_on_the_same_pairs():
    pairs = world(200)
    one = student(pairs, 0.7, arm=Arm.BLIND, seed=0)
    marks = dict(one.marks)
    wrong = [n for n, c in enumerate(credits_of(one, pairs, overall)) if c == 0.0][:6]
    for order, said in one.marks.items():
        marks[order] = "".join("AB"[m == "A"] if n in wrong else m for n, m in enumerate(said))
    better = evolve(one, cell=Cell(Arm.ANCHORED, 10), marks=marks)
    drawn = Resampled(pairs, overall, resamples=300)
    gap = drawn.difference([better], [one])
    assert gap.clear  # six pairs ahead and none behind
    assert gap.high - gap.low < drawn.estimate([one]).high - drawn.estimate([one]).low
    with pytest.raises(ConfigError, match="the same seeds"):
        drawn.difference([better], [evolve(one, cell=Cell(Arm.BLIND, 10, 1))])
    with pytest.raises(ConfigError, match="other test pairs"):
        drawn.of(result("AB", arm=Arm.HEAD))


def study(pairs, sizes=(10, 40), seeds=2):
    shares = {Arm.BLIND_AGREE: 0.6, Arm.ANCHORED_FULL: 0.9, Arm.HEAD: 0.55}
    yield student(pairs, 0.5, arm=Arm.BASE, seed=0, size=0)
    for size in sizes:
        for seed in range(seeds):
            for arm, share in shares.items():
                yield student(pairs, share, arm=arm, seed=seed, size=size)


def test_the_report_opens_with_the_contrast_named_beforehand():
    pairs = world(300)
    report = report_of(study(pairs), pairs, resamples=200)
    primary = report.primary
    assert (primary.size, primary.equal) == (40, Equal.PAIRS)
    assert primary.shares["decisive"].low > 0.1
    text = table_of(report)
    assert "Primary contrast, named before the run: anchored-full against blind-agree" in text
    assert "- decisive, size 40: +" in text
    assert text.count("| 40 | anchored-full |") == 1
    assert text.count("| anchored-full against head |") == 2  # one a size
    assert text.count("| anchored-full against base |") == 2
    plain = report_to_dict(report)
    assert plain["tests"]["overall"] == sum(p.truth is not Label.TIE for p in pairs)
    assert {row["arm"] for row in plain["rows"]} == {
        "base",
        *list(Arm)[2:3],
        "anchored-full",
        "head",
    }
    assert {gap["contrast"] for gap in plain["contrasts"]} <= {str(one) for one in CONTRASTS}


def test_what_the_head_needs_lies_between_the_sizes_that_enclose_it():
    pairs = world(300)
    heads = [student(pairs, share, arm=Arm.HEAD, seed=0, size=size)
             for size, share in ((100, 0.5), (400, 0.7), (1600, 0.9))]  # fmt: skip
    report = report_of(heads, pairs, resamples=20)
    shares = [row.shares["decisive"].value for row in report.rows]
    assert size_for(report.rows, 0.0) == 100.0
    assert size_for(report.rows, shares[1]) == pytest.approx(400.0)
    middle = (shares[0] + shares[1]) / 2
    assert size_for(report.rows, middle) == pytest.approx(200.0)
    assert size_for(report.rows, 1.01) is None
    for share, said in ((0.99, "more than 1600"), (0.3, "100 or fewer")):
        both = [*heads, student(pairs, share, arm=Arm.ANCHORED_FULL, seed=0, size=100)]
        told = table_of(report_of(both, pairs, resamples=20))
        assert f"which anchored-full has at 100: the head at {said}." in told


def test_a_study_half_done_is_compared_as_far_as_it_is():
    pairs = world(100)
    some = [one for one in study(pairs) if one.cell.arm is not Arm.HEAD or one.cell.seed == 0]
    gaps = report_of(some, pairs, resamples=20).gaps
    heads = [gap for gap in gaps if gap.contrast.than is Arm.HEAD]
    assert [gap.shares["overall"].seeds for gap in heads] == [1, 1]
    # Of a cell whose first seed failed the later ones still stand against the base.
    later = [one for one in some if one.cell.seed or one.cell.arm is Arm.BASE]
    against = [g for g in report_of(later, pairs, resamples=20).gaps if g.contrast.than is Arm.BASE]
    assert [gap.shares["overall"].seeds for gap in against] == [1, 1]
    nothing = report_of([], pairs, resamples=20)
    assert "It has not been run." in table_of(nothing)
    assert plot_of(nothing) == ""


def test_the_plot_is_well_formed_and_has_a_line_an_arm():
    from xml.etree import ElementTree as ET

    pairs = world(100)
    found = ET.fromstring(plot_of(report_of(study(pairs), pairs, resamples=50)))
    names = [one.text for one in found.iter("{http://www.w3.org/2000/svg}text")]
    assert {"base", "blind-agree", "anchored-full", "head"} <= set(names)
    lines = list(found.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 3
    for line in lines:
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 720
            assert 0 <= y <= 420
