"""The command: what it writes, and how it says no."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest
from attrs import frozen

from parrot import cli
from parrot.core.evaluation import EVALUATION_PROTOCOLS

ROWS = [
    {"pair_id": "p", "label": "A", "winner": "A", "model": "m"},
    {"pair_id": "q", "label": "B", "winner": "A", "model": "m"},
    {"pair_id": "q", "label": "B", "winner": "B", "order": "BA", "model": "m"},
    {
        "pair_id": "r",
        "label": "TIE",
        "both": "BAD",
        "failure": {"kind": "timeout", "detail": "60 s"},
        "model": "m",
    },
]


@frozen
class Result:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["parrot", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Result(ended.value.code or 0, said.out, said.err)

    return call


@pytest.fixture
def written(tmp_path):
    def write(rows, name="judgements.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


def test_json_on_standard_output_is_the_whole_of_it(run, written):
    result = run(written(ROWS), "--protocol", "genai-bench-3way", "--json", "-")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report == {
        "schema": 1,
        "protocol": "genai-bench-3way",
        "definition": EVALUATION_PROTOCOLS["genai-bench-3way"].definition,
        "source": EVALUATION_PROTOCOLS["genai-bench-3way"].source,
        "reader": "choice",
        "unit": "judgement",
        "model": "m",
        "accuracy": 50.0,
        "accuracy_strict": 50.0,
        "ci95": [0.0, 100.0],
        "n": 4,
        "n_strict": 4,
        "judgements": 4,
        "skipped": 0,
        "unreadable": 0,
        "missing": 1,
        "pairs": 3,
        "requests": 3,
        "position_bias": {
            "share_a": 100.0,
            "share_b": 0.0,
            "share_tie": 0.0,
            "consistency": 0.0,
            "pairs": 1,
        },
        "threshold": None,
        "seed": 0,
        "resamples": 2000,
    }


def test_a_file_gets_the_same_object_and_the_screen_a_table(run, written, tmp_path):
    path, out = written(ROWS), tmp_path / "out.json"
    arguments = (path, "--protocol", "mmrb2-both-orders", "--seed", 3, "--resamples", 50)
    result = run(*arguments, "--json", out)
    assert result.exit_code == 0
    assert json.loads(out.read_text("utf-8")) == json.loads(run(*arguments, "--json", "-").stdout)
    screen = " ".join(result.stdout.split())
    assert "mmrb2-both-orders: Right judgements among those made" in screen
    assert "accuracy 66.67 % of 3 judgements" in screen
    assert "strict 50.00 % of 4 judgements" in screen
    assert "says A 100.00 %" in screen
    assert run(*arguments).stdout == result.stdout


def test_a_threshold_is_told(run, written):
    scored = [{"pair_id": f"t{i}", "label": "A", "score_a": 2, "score_b": 1} for i in range(3)]
    dev = [{"pair_id": "d", "label": "TIE", "score_a": 1.0, "score_b": 1.5}]
    path, split = written(scored), written(dev, "dev.jsonl")
    result = run(path, "--protocol", "editreward-bench-eps", "--dev", split)
    assert result.exit_code == 0
    assert "tie within 0.5 (100.00 % of 1 development rows)" in " ".join(result.stdout.split())
    assert "fitted on dev.jsonl" in " ".join(result.stdout.split())
    told = run(path, "--protocol", "editreward-bench-eps", "--dev", split, "--json", "-")
    assert json.loads(told.stdout)["fitted_on"] == "dev.jsonl"


def test_recorded_answers_are_read_as_they_are(run, tmp_path):
    path = tmp_path / "answers.jsonl.gz"
    votes = ("leftvote", "rightvote", "tievote", "bothbad_vote")
    answers = ("[[A>B]]", "[[A>B]]", "[[A=B=Good]]", "[[B>A=Good]]\n[[A=B=Bad]]")
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for i, (vote, answer) in enumerate(zip(votes, answers, strict=True)):
            row = {
                "idx": i,
                "prompt": "a cat" if i else "a dog",
                "response": f"Verdict: {answer}",
                "model_vote": "[[B>A]]",  # never looked at
                "human_vote": vote,
                "judge": "someone",
                "task": "image_generation",
            }
            file.write(json.dumps(row) + "\n")
    options = ("--from", "genai-bench-answers", "--json", "-", "--protocol")
    report = json.loads(run(path, *options, "genai-bench-4way").stdout)
    assert (report["accuracy"], report["unreadable"]) == (50.0, 1)
    assert (report["model"], report["requests"], report["pairs"]) == ("someone", 2, 4)


# How it says no. Configuration gives 2, broken records 1, and neither writes anything.


def test_an_unknown_protocol(run, written, tmp_path):
    out = tmp_path / "out.json"
    result = run(written(ROWS), "--protocol", "genai-bench-4way ", "--json", out)
    assert result.exit_code == 2
    assert "Did you mean 'genai-bench-4way'?" in result.stderr
    assert "pickapic" in result.stderr
    assert not out.exists()
    assert result.stdout == ""


def test_a_protocol_has_no_default(run, written):
    result = run(written(ROWS))
    assert result.exit_code == 2
    assert "--protocol" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "judgements.jsonl: has no judgements"),
        ("\n\n", "judgements.jsonl: has no judgements"),
        ('{"pair_id": "p", "label": "A", "winner": "A"}\n{"pair', "judgements.jsonl:2: not JSON"),
        ("[1]\n", "judgements.jsonl:1:"),
        ('{"pair_id": "p", "label": "left", "winner": "A"}', "judgements.jsonl:1: field 'label'"),
        (
            '{"pair_id": "p", "label": "A", "winner": "A"}\n' * 2,
            "judgements.jsonl:2: pair 'p', order AB, sample 0 is already on line 1",
        ),
    ],
)
def test_a_bad_file_names_file_and_line(run, tmp_path, text, message):
    path = tmp_path / "judgements.jsonl"
    path.write_text(text, encoding="utf-8")
    result = run(path, "--protocol", "hpdv3", "--json", "-")
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_no_file_no_source_and_no_place_to_write(run, written, tmp_path):
    absent = run(tmp_path / "no.jsonl", "--protocol", "hpdv3")
    assert (absent.exit_code, "there is no file" in absent.stderr) == (2, True)
    source = run(written(ROWS), "--protocol", "hpdv3", "--from", "genai-answers")
    assert source.exit_code == 2
    assert "Did you mean 'genai-bench-answers'?" in source.stderr
    out = run(written(ROWS), "--protocol", "hpdv3", "--json", tmp_path / "no" / "out.json")
    assert (out.exit_code, "cannot write" in out.stderr) == (2, True)


def test_a_split_that_leaks_and_a_split_that_lacks(run, written):
    scored = [{"pair_id": "t", "label": "A", "score_a": 2, "score_b": 1}]
    path = written(scored)
    leaking = run(path, "--protocol", "pickapic", "--dev", path)
    assert (leaking.exit_code, "shares 1 pairs" in leaking.stderr) == (2, True)
    lacking = run(path, "--protocol", "pickapic")
    assert (lacking.exit_code, "development split" in lacking.stderr) == (2, True)


def test_votes_are_counted_once_for_the_table_and_the_reliability(run, written, monkeypatch):
    from parrot.core import evaluation

    counted, plain = [], evaluation.voted
    monkeypatch.setattr(evaluation, "voted", lambda rows: counted.append(len(rows)) or plain(rows))
    more = ("--vote", "--reliability", "votes", "--json", "-")
    result = run(written(ROWS), "--protocol", "no-tie-strict", *more)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["judgements"], told["reliability"]["of"]) == (3, "votes")
    assert [count for count in counted if count] == [4]


def test_importing_the_command_is_light():
    code = (
        "import sys, parrot.cli.evaluate; "
        "print([n for n in ('pydantic', 'rich.table', 'numpy', 'pyarrow', 'parrot.adapters') "
        "if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
