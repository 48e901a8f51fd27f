"""`parrot distil`: run folders in, a student out; refusals are one line."""

import json
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from parrot.backends.miniature.files import write_pairs
from parrot.backends.torch import open_batch_model
from parrot.cli import main

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


@pytest.fixture
def runs(monkeypatch, tmp_path, capsys):
    made = []
    for seed in (0, 1):
        write_pairs(tmp_path / f"pairs{seed}", 6, seed=seed)
        out = tmp_path / f"run{seed}"
        code = run(
            monkeypatch, "rationalize", tmp_path / f"pairs{seed}" / "pairs.jsonl",
            "--teacher", "miniature:teacher-low", "--out", out, "--filters", "free",
        )  # fmt: skip
        assert code == 0
        made.append(out)
    capsys.readouterr()
    return made


def test_a_student_comes_out_of_run_folders(monkeypatch, capsys, tmp_path, base, runs):
    out = tmp_path / "student"
    code = run(
        monkeypatch, "distil", runs[0], "--held", runs[1], "--base", base, "--out", out,
        "--steps", "2", "--batch", "4", "--device", "cpu", "--json",
    )  # fmt: skip
    assert code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["steps"] == 2
    assert said["examples"] > 3
    assert 0.0 <= said["agreement"] <= 1.0
    assert open_batch_model(str(out)).id.startswith("torch:student@")
    before = (out / "model.safetensors").read_bytes()
    for place, held in ((out, "finished checkpoint"), (runs[0], "holds a run")):
        assert run(monkeypatch, "distil", runs[0], "--base", base, "--out", place) == 2
        assert held in capsys.readouterr().err
    assert (out / "model.safetensors").read_bytes() == before


def test_an_unknown_device_is_one_line(monkeypatch, capsys, tmp_path, base, runs):
    given = ("--base", base, "--out", tmp_path / "student", "--device", "nope")
    assert run(monkeypatch, "distil", runs[0], *given) == 2
    assert "is no device" in capsys.readouterr().err


def test_held_out_pairs_that_are_learned_from_are_refused(
    monkeypatch, capsys, tmp_path, base, runs
):
    code = run(
        monkeypatch, "distil", *runs, "--held", runs[0], "--base", base, "--out", tmp_path / "x"
    )
    assert code == 2
    assert "learned from and held out" in capsys.readouterr().err


def test_scores_alone_are_learned_where_that_is_asked(monkeypatch, capsys, tmp_path, base, runs):
    from parrot.backends.torch.distil import Distilled

    given = {}

    def trained(base, examples, out, **how):
        given[out.name] = [one.answer for one in examples], [one.answer for one in how["held"]]
        return Distilled(out, len(examples), 1, 0.0)

    monkeypatch.setattr("parrot.backends.torch.distil.distil", trained)
    what = ("distil", runs[0], "--held", runs[1], "--base", base, "--out")
    assert run(monkeypatch, *what, tmp_path / "whole") == 0
    assert run(monkeypatch, *what, tmp_path / "bare", "--scores-only") == 0
    capsys.readouterr()
    for whole, bare in zip(given["whole"], given["bare"], strict=True):
        for told, silent in zip(whole, bare, strict=True):
            scores = [line for line in told.splitlines() if line.startswith(("## Score", "## Win"))]
            assert scores
            assert [
                line for line in silent.splitlines() if line.startswith(("## Score", "## Win"))
            ] == scores
            assert "## Justification: " in told
            assert "## Justification: " not in silent


def test_a_scalar_head_comes_out_of_pairs_and_judges_them(monkeypatch, capsys, tmp_path, base):
    pairs = write_pairs(tmp_path / "pairs", 6, seed=0).pairs
    out, judged = tmp_path / "head", tmp_path / "judged.jsonl"
    code = run(
        monkeypatch, "train-head", pairs, "--base", base, "--out", out, "--steps", "2",
        "--batch", "2", "--rate", "0.01", "--device", "cpu", "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 6
    code = run(
        monkeypatch, "judge", pairs, "--model", f"head:{out}", "--out", judged, "--both-orders",
        "--json",
    )  # fmt: skip
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["judgements"] == 12
    assert told["model"].startswith("head:head@")
    rows = [json.loads(line) for line in judged.read_text().splitlines()]
    assert all((r["winner"] == "A") == (r["score_a"] > r["score_b"]) for r in rows)
    assert any(r["score_a"] != r["score_b"] for r in rows)
    code = run(monkeypatch, "evaluate", judged, "--protocol", "no-tie-strict", "--json", "-")
    assert code == 0
    assert json.loads(capsys.readouterr().out)["position_bias"]["consistency"] == 100.0
    refused = run(
        monkeypatch, "judge", pairs, "--model", f"head:{out}", "--out", judged, "--samples", "2"
    )
    assert refused == 2
    assert "--samples is 1" in capsys.readouterr().err


def test_a_base_may_be_a_shipped_one_by_name(monkeypatch, capsys, tmp_path, runs):
    begun = []
    monkeypatch.setattr(
        "parrot.backends.torch.distil.distil",
        lambda base, *_, **__: begun.append(base) or pytest.fail("begun"),
    )
    with pytest.raises(pytest.fail.Exception):
        run(monkeypatch, "distil", *runs, "--base", "miniature:base", "--out", tmp_path / "out")
    assert begun[0].name == "student-base"
    assert run(monkeypatch, "distil", *runs, "--base", "miniature:bass", "--out", tmp_path) == 2
    assert "unknown miniature checkpoint 'bass'" in capsys.readouterr().err
