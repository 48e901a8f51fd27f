"""`parrot study refine` on what is simulated: it ends, goes on where it was, and says what it is."""

import json

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from typer.testing import CliRunner

from parrot.cli import app
from parrot.core.errors import ConfigError

HOW = ["--generator", "miniature:painter", "--critic", "miniature:teacher"]
SMALL = ["--requests", "4", "--rounds", "2"]


def studied(out, *more):
    return CliRunner().invoke(app, ["study", "refine", "--out", str(out), *HOW, *SMALL, *more])


def test_every_arm_ends_as_a_line_and_the_same_command_draws_nothing_again(tmp_path):
    first = studied(tmp_path, "--seeds", "1", "--json")
    assert first.exit_code == 0, first.output
    lines = (tmp_path / "drawn.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert {len(run["truths"]) for run in json.loads(lines[0])["runs"]} == {3}
    again = studied(tmp_path, "--seeds", "1", "--json")
    assert (tmp_path / "drawn.jsonl").read_text().splitlines() == lines
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]


def test_a_torn_line_is_drawn_again_to_the_same_end(tmp_path):
    studied(tmp_path, "--seeds", "1", "--arms", "new-seed,refined")
    place = tmp_path / "drawn.jsonl"
    whole = place.read_text()
    report = (tmp_path / "report.md").read_text()
    place.write_text(whole[: len(whole) - 40])
    assert studied(tmp_path, "--seeds", "1", "--arms", "new-seed,refined").exit_code == 0
    assert (tmp_path / "report.md").read_text() == report


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--arms", "lucky"], "refinement arm"),
        (["--rounds", "3"], "holds another study (rounds:"),
        (["--critic", "nobody"], "kind:target"),
        (["--draw", "fast"], "KEY=VALUE"),
        (["--draw", "num_inference_steps=4"], "holds another study (draw:"),
    ],
)
def test_bad_input_ends_in_one_line(tmp_path, more, said):
    studied(tmp_path, "--seeds", "1", "--arms", "paper")
    other = tmp_path / "other" if "--critic" in more else tmp_path
    ended = studied(other, "--seeds", "1", "--arms", "paper", *more)
    assert ended.exit_code != 0
    assert said in str(ended.exception or "") + ended.output


def test_a_report_of_no_study_says_so(tmp_path):
    ended = studied(tmp_path, "--report")
    assert "holds no study" in str(ended.exception or "") + ended.output


@pytest.mark.parametrize("study", ["refine", "rewards"])
def test_a_report_of_another_study_says_which_it_is(study, tmp_path):
    (tmp_path / "plan.json").write_text('{"primary": "anchored-full against blind-agree"}')
    ended = CliRunner().invoke(app, ["study", study, "--out", str(tmp_path), "--report"])
    assert isinstance(ended.exception, ConfigError)
    assert "holds another study: anchored-full against blind-agree" in str(ended.exception)
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]
