"""A reply is stopped behind its last score, never before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.core.formats import MARKUP, MARKUP_SCORE_FIRST, Form
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE
from parrot.core.stopping import end_of_scores
from parrot.core.testing.strategies import critiques

LAST = TEXT_TO_IMAGE.dimensions[-1].heading


def stopped(text, last=LAST):
    """What a listener keeps that hears the text a character at a time."""
    for n in range(len(text) + 1):
        end = end_of_scores(text[:n], last)
        if end is not None:
            return text[:end]
    return None


def body(score, before="", after="# Summary: fine\n"):
    fields = f"## Justification: x\n## Score: {score}\n"
    return f"{before}# Detailed Judgement:\n1. {LAST}:\n{fields}{after}"


@pytest.mark.parametrize(
    "score", ["3", "3.5", "N/A", "[3.5]", "**2**", "\n3.5", "3.5/4", "1 (poor)", "\n\n2"]
)
def test_a_score_is_out_when_its_line_is_closed(score):
    text = body(score)
    assert stopped(text) == text[: text.index("# Summary")]
    assert stopped(body(score, after="").rstrip("\n")) is None


@pytest.mark.parametrize(
    "heading",
    [
        LAST,
        f"3. {LAST}:",
        f"**3. {LAST}**",
        f"### {LAST} (1-4):",
        LAST.upper(),
        LAST.replace(" ", "_"),
    ],
)
def test_headings_in_any_dress(heading):
    assert (
        stopped(f"# Detailed Judgement\n{heading}\nScore: 2\nmore")
        == f"# Detailed Judgement\n{heading}\nScore: 2\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{LAST} matters here.\nScore: 3\n",  # prose, not a heading
        f"# Detailed Judgement\n1. Other:\n## Score: 3\n2. {LAST}:\n## Justification: score 3\n",
        f"{LAST}:\n## Score: [score or N/A]\n# Summary: [one sentence]\n",  # the form, quoted
        f"<think>{LAST}:\nScore: 2\n",
        f"1. {LAST}:\nScore A: 3\n",  # B's is still to come
        f"Score: 3\n1. {LAST}:\n",
        "",
    ],
)
def test_what_is_not_the_last_score(text):
    assert stopped(text) is None


def test_a_judgement_in_the_thinking_does_not_count():
    text = f"<think>1. {LAST}:\nScore: 2\n</think>\n" + body("3")
    assert stopped(text).endswith("## Score: 3\n")


def test_a_judgement_quoted_in_the_analysis_ends_too_late_rather_than_too_soon():
    quoted = body("[score]")
    assert stopped(quoted + body("3")).endswith("## Score: 3\n")


@given(
    st.data(),
    st.sampled_from([MARKUP, MARKUP_SCORE_FIRST]),
    st.sampled_from([TEXT_TO_IMAGE, IMAGE_EDIT]),
)
@settings(max_examples=60)
def test_what_is_kept_reads_as_the_same_scores(data, fmt, rubric):
    critique = data.draw(critiques(rubric))
    try:
        text = fmt.write(critique, rubric)
    except ValueError:
        return
    last = rubric.dimensions[-1]
    end = end_of_scores(text + "\n", last.heading)
    if last.key not in critique.scores:
        return
    assert end is not None
    kept = fmt.read((text + "\n")[:end], rubric, Form.POINTWISE).value
    assert kept.scores == fmt.read(text, rubric, Form.POINTWISE).value.scores


@given(st.text(max_size=200))
def test_any_text_stops_within_itself(text):
    end = end_of_scores(text, LAST)
    assert end is None or 0 < end <= len(text)
