"""Every command tells of itself, and a package that is not installed is one line with its cure."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from parrot import cli

WITHOUT = (
    "import sys\n"
    "for name in {gone!r}: sys.modules[name] = None\n"
    "from parrot.cli import main\n"
    "sys.argv[0] = 'parrot'\n"
    "main()"
)


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["parrot", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0, capsys.readouterr().out


@pytest.mark.parametrize("name", [*cli.COMMANDS, "miniature pairs"])
def test_every_command_has_help_that_is_not_cut(name, monkeypatch, capsys):
    status, said = run(monkeypatch, capsys, *name.split(), "--help")
    assert status == 0
    assert f"Usage: parrot {name}" in said
    assert "install-completion" not in said
    assert "…" not in said  # an option's name or default that did not fit


def test_a_command_is_whole_whatever_the_process_was_called_with(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["someone-else"])
    done = CliRunner().invoke(cli.app, ["doctor", "--json"])
    assert "extras" in json.loads(done.stdout)


def test_doctor_knows_what_is_here_and_tells_no_key(monkeypatch, capsys):
    monkeypatch.setenv("PARROT_API_KEY_SOMEWHERE", "sk-do-not-tell")
    status, said = run(monkeypatch, capsys, "doctor", "--json")
    told = json.loads(said)
    assert (status, told["problems"]) == (0, [])
    assert told["keys"]["PARROT_API_KEY_SOMEWHERE"] is True
    assert told["extras"]["miniature"]["installed"]
    assert "sk-do-not-tell" not in said


@pytest.mark.parametrize(
    ("arguments", "gone", "cure"),
    [
        (("demo",), ["numpy"], "parrot-rewards[miniature]"),
        (("miniature", "pairs", "--out", "x"), ["numpy"], "parrot-rewards[miniature]"),
        (("import", "hub:a/b", "--from", "hpdv3", "--out", "x"), ["datasets"], "[data]"),
        (
            ("rationalize", "PAIRS", "--teacher", "openai:m@http://localhost:1", "--out", "x"),
            ["openai"],
            "parrot-rewards[openai]",
        ),
    ],
)
def test_a_package_that_is_missing_is_one_line(arguments, gone, cure, tmp_path):
    row = {"id": "1", "prompt": "p", "image_a": "a.png", "image_b": "b.png", "label": "A"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row))
    given = ["pairs.jsonl" if part == "PAIRS" else part for part in arguments]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(gone=gone), *given],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 2
    assert not list(tmp_path.glob("parrot-*"))  # no folder for a job that cannot begin
    assert done.stderr.count("\n") == 1
    assert cure in done.stderr
