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
