"""`parrot demo`: the whole job to its end, though pairs fail on the way, and again in its folder."""

import json
import sys

import pytest

from parrot import cli


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["parrot", "demo", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


def test_the_demo_comes_to_its_end_though_pairs_fail(tmp_path, monkeypatch, capsys):
    # With this seed critiques are cut, which fails their pairs: all else must go on.
    assert run(monkeypatch, "--n", 60, "--out", tmp_path) == 0
    said = capsys.readouterr().out
    rationales = len((tmp_path / "run" / "rationales.jsonl").read_text().splitlines())
    critiques = len((tmp_path / "run" / "projected" / "rationales.jsonl").read_text().splitlines())
    assert (tmp_path / "run" / "projected" / "failed.jsonl").read_text()
    assert f"exported for LLaMA-Factory: {rationales + critiques} examples" in said
    for level in ("low", "medium", "high"):
        assert f"\n{level} " in said
    assert run(monkeypatch, "--n", 60, "--out", tmp_path, "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["examples"] == rationales + critiques
    assert set(again["audit"]) == {"low", "medium", "high"}


def test_full_tunes_by_the_shipped_student_and_tells_it(tmp_path, monkeypatch, capsys):
    from parrot.cli import demo

    asked = []

    def tuned(*given):
        asked.append(given)
        return {
            "drawings": 8, "seconds": 2.0, "requests": 3, "first_truth": 0.5, "truth": 0.6,
            "gained": [0.1, 0.05, 0.15], "own_gain": 0.4, "kl": 1.5, "lora": "there",
        }  # fmt: skip

    monkeypatch.setattr(demo, "_tuned", tuned)
    monkeypatch.setattr(demo, "_may_judge", lambda flag, *, trained: None)
    monkeypatch.setattr(demo, "_to_tune", lambda generator: tmp_path / str(generator))
    given = ("--n", 10, "--out", tmp_path, "--full", "--generator", "flux", "--tuning-steps", 4)
    assert run(monkeypatch, *given) == 0
    assert asked == [("miniature:student", tmp_path / "flux", tmp_path / "tuned", 4, 48, 0, "auto")]
    said = capsys.readouterr().out
    assert "0.500 -> 0.600: +0.100 (+0.050 to +0.150, 95 % interval over edits, one seed)" in said
    assert run(monkeypatch, *given, "--json") == 0
    assert json.loads(capsys.readouterr().out)["tuned"]["gained"] == [0.1, 0.05, 0.15]
