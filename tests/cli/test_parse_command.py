"""`parrot parse`: one reply in, one JSON object out, and an exit code that says whether all was read."""

import json

import pytest
from typer.testing import CliRunner

from parrot.cli import app
from parrot.core.formats import JSON, MARKUP, Form
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE

POINTWISE = """# Detailed Judgement
1. **Text Faithfulness**：
## Justification: a cat, as asked
## Score： 3.5/4
2. Physical and Visual Quality:
## Justification: soft
## Score:
[2]
3. Text Rendering:
## Justification: no text
## Score: N/A
# Summary: Fine.
# User Request Refinement:
## Refinement Comments: more light
## Refined Request: a cat in light
"""
PAIRWISE = """# Detailed Judgement
1. Text Faithfulness:
## Justification: x
## Score A: 3
## Score B: 2
## Winner: Image A
2. Image Faithfulness:
## Justification: x
## Score A: 3
## Score B: 3
## Winner: Tie
3. Physical and Visual Quality:
## Justification: x
## Score A: N/A
## Score B: 3
## Winner: B
4. Text Rendering:
## Justification: x
## Score A: N/A
## Score B: N/A
## Winner: N/A
"""


def parse(text, *options):
    result = CliRunner().invoke(app, ["parse", *options], input=text)
    return result.exit_code, json.loads(result.stdout)


def test_a_pointwise_reply():
    code, said = parse(POINTWISE, "--rubric", "t2i", "--form", "pointwise")
    assert code == 0
    assert said == {
        "scores": {"text_faithfulness": 3.5, "physical_quality": 2.0, "text_rendering": "N/A"},
        "refined_request": "a cat in light",
        "summary": "Fine.",
        "problems": [],
    }


def test_a_pairwise_reply_with_a_problem():
    code, said = parse(PAIRWISE, "--rubric", "edit", "--form", "pairwise")
    assert code == 1
    assert said["pairs"] == {
        "text_faithfulness": [3.0, 2.0, "A"],
        "image_faithfulness": [3.0, 3.0, "tie"],
        "text_rendering": ["N/A", "N/A", "N/A"],
    }
    (problem,) = said["problems"]
    assert set(problem) == {"dimension", "code", "detail"}
    assert (problem["dimension"], problem["code"]) == ("physical_quality", "one_sided_na")
    assert said["refined_request"] is said["summary"] is None


@pytest.mark.parametrize(
    "text", ["", "\x00", "no critique at all", "{", "[1, 2]", "# Summary: fine"]
)
def test_nothing_read_is_missing_everywhere_and_exit_1(text):
    code, said = parse(text, "--rubric", "edit")
    assert code == 1
    assert set(said["scores"]) == set(IMAGE_EDIT.keys)
    assert set(said["scores"].values()) == {"missing"}
    assert said["problems"]


def test_bytes_that_are_no_unicode_are_read_as_far_as_they_go():
    data = POINTWISE.encode().replace(b"soft", b"so\xff\xfet")
    result = CliRunner().invoke(app, ["parse"], input=data)
    assert result.exit_code == 0


def test_a_json_reply_is_told_from_markup(tmp_path):
    value = MARKUP.read(POINTWISE, TEXT_TO_IMAGE, Form.POINTWISE).value
    text = JSON.write(value, TEXT_TO_IMAGE)
    expected = parse(POINTWISE)
    for around in ("{}", "```json\n{}\n```", "<think>hm</think>{}"):
        assert parse(around.replace("{}", text)) == expected


def test_a_rubric_of_ones_own(tmp_path):
    file = tmp_path / "rubric.json"
    levels = [
        {"score": 5, "name": "Best", "description": "x"},
        {"score": 1, "name": "Worst"},
    ]
    scale = {"low": 1, "high": 5}
    mood = {"key": "mood", "heading": "Mood", "asks": "Is it calm?", "levels": levels}
    file.write_text(json.dumps({"name": "mine", "scale": scale, "dimensions": [mood]}))
    code, said = parse("1. Mood:\n## Justification: calm\n## Score: 5\n", "--rubric", str(file))
    assert (code, said["scores"]) == (0, {"mood": 5.0})


@pytest.mark.parametrize(
    "options",
    [("--rubric", "absent"), ("--form", "listwise"), ("--rubric", "{tmp}/list.json")],
)
def test_wrong_options_exit_2_with_one_line(tmp_path, options):
    (tmp_path / "list.json").write_text("[]")
    options = [o.replace("{tmp}", str(tmp_path)) for o in options]
    result = CliRunner().invoke(app, ["parse", *options], input=POINTWISE)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
