"""`parrot miniature pairs`: exit codes, stdout and stderr."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from parrot.cli.miniature import app
from parrot.core.errors import ConfigError


def run(*args):
    return CliRunner().invoke(app, ["pairs", *map(str, args)])


def test_pairs_are_written_and_told_of_as_json(tmp_path):
    said = run("--out", tmp_path, "--n", 4, "--task", "edit", "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert told["simulated"] is True
    assert told["n"] == 4
    assert told["again"] is False
    assert len((tmp_path / "pairs.jsonl").read_text().splitlines()) == 4
    assert json.loads(run("--out", tmp_path, "--n", 4, "--task", "edit", "--json").stdout)["again"]


def test_a_folder_with_other_pairs_is_refused_with_a_reason(tmp_path):
    assert run("--out", tmp_path, "--n", 2).exit_code == 0
    said = run("--out", tmp_path, "--n", 3)
    assert isinstance(said.exception, ConfigError)  # which `parrot` makes one line of
    assert "holds another set of pairs" in str(said.exception)
    assert said.stdout == ""


def test_an_unknown_task_is_named_with_the_known_ones(tmp_path):
    said = run("--out", tmp_path, "--task", "video")
    assert isinstance(said.exception, ConfigError)
    assert "t2i, edit, both" in str(said.exception)
