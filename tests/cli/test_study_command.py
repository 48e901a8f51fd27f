"""`parrot study parrot` and `parrot demo --train` on a base that knows nothing: their wiring."""

import json
import sys

import pytest

pytest.importorskip("torch", reason="students are trained with torch")
pytest.importorskip("transformers", reason="students are trained with transformers")
pytest.importorskip("accelerate", reason="transformers' Trainer needs it")

from parrot.cli import main, students

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["parrot", *map(str, args)])
    try:
        main()
    except SystemExit as ended:
        return ended.code or 0
    return 0


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(students, "LONGEST", 12)  # a base that knows nothing never ends


def lines(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_a_study_runs_cell_by_cell_and_goes_on_where_it_was(monkeypatch, capsys, tmp_path, base):
    out = tmp_path / "study"
    what = (
        "study", "parrot", "--out", out, "--base", base, "--sizes", "8", "--seeds", "1",
        "--arms", "blind-agree,anchored-full,scores-only,head", "--tests", "6", "--least", "2",
        "--most", "2", "--device", "cpu",
    )  # fmt: skip
    assert run(monkeypatch, *what, "--part", "1/2") == 0
    first = [line["id"] for line in lines(out)]
    assert first == ["base-0-pairs-seed0", "anchored-full-8-pairs-seed0", "head-8-pairs-seed0"]
    assert run(monkeypatch, *what, "--json") == 0
    said = capsys.readouterr()
    found = {line["id"]: line for line in lines(out)}
    assert len(lines(out)) == len(found) == 5
    report = json.loads(said.out.splitlines()[-1])
    assert {row["arm"] for row in report["rows"]} == {
        "base", "blind-agree", "anchored-full", "scores-only", "head",
    }  # fmt: skip
    assert report["primary"] == "anchored-full against blind-agree"
    assert json.loads((out / "plan.json").read_text())["primary"] == report["primary"]
    assert found["head-8-pairs-seed0"]["pairs"] == 8
    assert found["anchored-full-8-pairs-seed0"]["rows"] > 0
    assert (
        found["scores-only-8-pairs-seed0"]["rows"] == found["anchored-full-8-pairs-seed0"]["rows"]
    )
    assert all(line["steps"] == 2 for name, line in found.items() if not name.startswith("base"))
    for line in found.values():
        assert {order: len(marks) for order, marks in line["marks"].items()} == {"AB": 6, "BA": 6}
    assert set(found["base-0-pairs-seed0"]["marks"]["AB"]) == {"C"}  # it never ends
    head = found["head-8-pairs-seed0"]["marks"]
    assert head["AB"] == head["BA"]
    assert set(head["AB"]) <= set("ABT")
    assert list((out / "cells").iterdir()) == []

    # A line lost is a cell run again, with the same student as before; nothing else is.
    kept = [line for line in lines(out) if line["arm"] != "head"]
    (out / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept) + '{"id')
    assert run(monkeypatch, *what) == 0
    assert "It has not been run" not in capsys.readouterr().out
    again = {r["id"]: r for r in map(_read, (out / "results.jsonl").read_text().splitlines()) if r}
    assert again.keys() == found.keys()
    assert again["head-8-pairs-seed0"]["marks"] == head

    assert run(monkeypatch, "study", "parrot", "--out", out, "--report") == 0
    assert "Primary contrast" in capsys.readouterr().out
    assert (out / "report.md").exists()
    assert (out / "equal-pairs.svg").read_text().startswith("<svg")
    assert run(monkeypatch, *what, "--rate", "0.1") == 2
    assert "holds another study (rate: 0.0005, not 0.1)" in capsys.readouterr().err


def _read(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


def test_what_makes_no_study_is_one_line(monkeypatch, capsys, tmp_path, base):
    what = ("study", "parrot", "--out", tmp_path / "s")
    assert run(monkeypatch, *what, "--report") == 2
    assert "holds no study" in capsys.readouterr().err
    assert run(monkeypatch, *what, "--base", tmp_path / "none") == 2
    assert "is no folder with a checkpoint" in capsys.readouterr().err
    for option, said in (("--sizes", "a"), ("--arms", "none"), ("--budget", "vast")):
        assert run(monkeypatch, *what, "--base", base, option, said) == 2
        assert said in capsys.readouterr().err
    assert run(monkeypatch, *what, "--base", base, "--part", "3/2") == 2
    assert "there is no part 3 of 2" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_the_demo_trains_a_student_and_holds_it_against_its_base(
    monkeypatch, capsys, tmp_path, base
):
    code = run(
        monkeypatch, "demo", "--train", "--base", base, "--out", tmp_path, "--n", "12",
        "--steps", "2", "--tests", "4", "--device", "cpu", "--json",
    )  # fmt: skip
    assert code == 0
    found = json.loads(capsys.readouterr().out)["students"]
    assert found["steps"] == 2
    assert found["pairs"] == 4
    rationales = (
        tmp_path / "run" / "rationales.jsonl",
        tmp_path / "run/projected/rationales.jsonl",
    )
    assert found["examples"] == sum(len(p.read_text().splitlines()) for p in rationales)
    assert {"base", "student", "difference"} <= found.keys()
    assert found["base"]["complete"] == 0.0
    low, high = found["difference"]["overall"][1:]
    assert low <= found["difference"]["overall"][0] <= high
    assert (tmp_path / "student" / "model.safetensors").exists()


def test_a_demo_without_its_base_says_so_before_it_draws_anything(monkeypatch, capsys, tmp_path):
    from parrot.backends.miniature import shipped

    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path / "none")
    out = tmp_path / "out"
    assert run(monkeypatch, "demo", "--train", "--out", out) == 2
    assert "miniature:base does not come with this installation" in capsys.readouterr().err
    assert not out.exists()
