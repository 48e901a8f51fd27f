"""Laws of reply formats: what is written reads back, and arbitrary text invents nothing."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.critiques import NA, Comparison, Critique, Finding, PairFinding, Refinement
from parrot.core.errors import UnknownNameError, Unwritable
from parrot.core.formats import (
    FORMATS,
    JSON,
    MARKUP,
    Choice,
    Form,
    choice_named,
    format_named,
    format_of,
    read_choice,
    write_choice,
)
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE
from parrot.core.testing.strategies import comparisons, critiques, rubrics
from parrot.core.testing.texts import HOSTILE_PIECES, texts
from parrot.core.values import Both, Label

every_format = pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)


@st.composite
def written(draw):
    rubric = draw(rubrics())
    form = draw(st.sampled_from(Form))
    judged = critiques if form is Form.POINTWISE else comparisons
    return draw(judged(rubric)), rubric, form


@every_format
@settings(max_examples=120, deadline=None)
@given(case=written())
def test_what_is_written_reads_back(fmt, case):
    value, rubric, form = case
    try:
        text = fmt.write(value, rubric)
    except Unwritable:
        return
    reading = fmt.read(text, rubric, form)
    assert reading.value == value
    missing = [key for key in rubric.keys if key not in {f.dimension for f in value.findings}]
    assert [p.dimension for p in reading.problems] == missing


@every_format
def test_unwritable_is_rare_and_named(fmt):
    outcomes = Counter()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(case=written())
    def count(case):
        value, rubric, _ = case
        try:
            fmt.write(value, rubric)
            outcomes["written"] += 1
        except Unwritable as error:
            outcomes[str(error)] += 1

    count()
    assert outcomes["written"] >= 0.9 * outcomes.total(), outcomes


@every_format
@settings(max_examples=80, deadline=None)
@given(case=written())
def test_the_shipped_rubrics_are_always_writable(fmt, case):
    value, rubric, _ = case
    if rubric in (TEXT_TO_IMAGE, IMAGE_EDIT) and not (
        isinstance(value, Critique) and value.refinement
    ):
        fmt.write(value, rubric)


@settings(max_examples=80, deadline=None)
@given(case=written())
def test_the_format_is_told_by_the_reply(case):
    value, rubric, form = case
    for fmt in FORMATS.values():
        try:
            text = fmt.write(value, rubric)
        except Unwritable:
            continue
        told = format_of(text, rubric, form)
        assert told.read(text, rubric, form) == fmt.read(text, rubric, form)


@every_format
@settings(max_examples=120, deadline=None)
@given(text=texts() | st.text(), form=st.sampled_from(Form), rubric=rubrics())
def test_arbitrary_text_gives_problems_and_no_score_from_nowhere(fmt, text, form, rubric):
    reading = fmt.read(text, rubric, form)
    assert isinstance(reading.value, Comparison if form is Form.PAIRWISE else Critique)
    found = {f.dimension for f in reading.value.findings}
    assert found.isdisjoint({p.dimension for p in reading.problems})
    assert found | {p.dimension for p in reading.problems} >= set(rubric.keys)
    if not any(c.isdecimal() or c in "nN" for c in text):
        assert not found


@pytest.mark.parametrize("piece", HOSTILE_PIECES)
@every_format
def test_each_hostile_piece_is_only_text(fmt, piece):
    for text in (piece, f"{piece}\n{piece}", f"Well.\n{piece}\nYes.", f"x {piece}"):
        one = Critique(
            tuple(Finding(key, text, 2.0) for key in TEXT_TO_IMAGE.keys),
            text,
            text,
            Refinement(text, f"a cat, {text}"),
        )
        said = fmt.write(one, TEXT_TO_IMAGE)
        assert fmt.read(said, TEXT_TO_IMAGE, Form.POINTWISE).value == one
        two = Comparison(
            tuple(PairFinding(k, text, 3.0, 2.0, Label.A) for k in IMAGE_EDIT.keys), text, text
        )
        assert fmt.read(fmt.write(two, IMAGE_EDIT), IMAGE_EDIT, Form.PAIRWISE).value == two


def good(**changes):
    finding = {"dimension": "text_faithfulness", "justification": "fine", "score": 3.0}
    return Critique((Finding(**{**finding, **changes}),))


@every_format
@pytest.mark.parametrize(
    "value",
    [
        good(score=4.5),
        good(score=float("nan")),
        good(dimension="beauty"),
        Critique(tuple(Finding(k, "", 2.0) for k in reversed(TEXT_TO_IMAGE.keys))),
        Critique((), "", "", Refinement("more light", " ")),
        Comparison((PairFinding("physical_quality", "", 3.0, 2.0, Label.B),)),
        Comparison((PairFinding("physical_quality", "", 3.0, 2.0, NA),)),
    ],
    ids=["off the scale", "nan", "unknown", "order", "no request", "against", "no winner"],
)
def test_what_would_not_read_back_is_refused(fmt, value):
    with pytest.raises(Unwritable):
        fmt.write(value, TEXT_TO_IMAGE)


@every_format
@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("rubric", [TEXT_TO_IMAGE, IMAGE_EDIT], ids=lambda r: r.name)
def test_outlines_name_every_heading_once_and_judge_nothing(fmt, form, rubric):
    outline = fmt.outline(rubric, form)
    for dimension in rubric.dimensions:
        name = dimension.key if fmt is JSON else dimension.heading
        assert outline.count(name) == 1
    assert fmt.read(outline, rubric, form).value.findings == ()
    refined = "refine" in outline.casefold()
    assert refined is (form is Form.POINTWISE)
    assert "refine" not in fmt.outline(rubric, form, refine=False).casefold()


@pytest.mark.parametrize("form", list(Form))
def test_the_schema_demands_every_dimension_and_nothing_else(form):
    schema = JSON.schema(IMAGE_EDIT, form)
    assert MARKUP.schema(IMAGE_EDIT, form) is None
    text = json.dumps(schema)
    for key in IMAGE_EDIT.keys:
        assert json.dumps(key) in text
    assert '"additionalProperties": false' in text


def judged(score):
    return f'{{"judgement": {{"text_faithfulness": {{"justification": "so", {score}}}}}}}'


@pytest.mark.parametrize(
    "score",
    ['"score": 4, "Score": 1', '"score": 4, "score": 1', '"score": ' + "[" * 985 + "]" * 985],
)
def test_a_score_that_stands_twice_or_is_none_is_a_problem_and_no_score(score):
    found = JSON.read(judged(score), TEXT_TO_IMAGE, Form.POINTWISE)
    assert found.value.scores.get("text_faithfulness") is None
    assert "text_faithfulness" in {one.dimension for one in found.problems}
    same = JSON.read(judged('"score": 4, "Score": 4'), TEXT_TO_IMAGE, Form.POINTWISE)
    assert same.value.scores["text_faithfulness"] == 4.0


def test_formats_go_by_name():
    assert {name: format_named(name) for name in FORMATS} == FORMATS
    with pytest.raises(UnknownNameError, match="markup"):
        format_named("markdown")


CHOICES = [Choice(Label.A), Choice(Label.B), *(Choice(Label.TIE, b) for b in (None, *Both))]


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
def test_choices_read_back_and_mirror(choice):
    text = write_choice(choice)
    for around in ("{}", "Image A is crisp; [[nothing]].\n{}", "<think>[[B>A]][[A>B]]</think>{}."):
        reading = read_choice(around.format(text))
        assert reading.value == choice
        assert not reading.problems
    assert choice.mirrored().mirrored() == choice
    assert (choice.mirrored() == choice) is (choice.label is Label.TIE)
    assert choice_named(f" {text[2:-2].lower()} ") == choice


@pytest.mark.parametrize("text", ["", "[[A>B", "A>B", "[[A>C]]", "<think>[[A>B]]"])
def test_no_choice_is_a_problem(text):
    reading = read_choice(text)
    assert reading.value is None
    assert reading.problems


def test_choices_that_differ_are_a_problem():
    assert read_choice("[[A>B]] or [[B>A]]").problems
