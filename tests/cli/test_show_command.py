"""`parrot show`: what the teacher saw under the names by which it speaks of it."""

import json
import sys

import pytest

from parrot import cli
from parrot.adapters.runs import RunFolder
from parrot.backends.miniature.files import write_pairs


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["parrot", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    pairs = write_pairs(tmp_path / "pairs", 12, seed=5, task="t2i").pairs
    teacher = ("--teacher", "miniature:teacher")
    run(monkeypatch, "rationalize", pairs, *teacher, "--out", tmp_path / "run", "--filters", "free")
    run(monkeypatch, "project", tmp_path / "run", *teacher)
    capsys.readouterr()
    return tmp_path / "run"


def test_a_critique_in_the_other_order_is_shown_with_its_images_turned(folder, monkeypatch, capsys):
    assert run(monkeypatch, "show", folder, "-n", 99) == 0
    said = {text.split("  (")[0]: text for text in capsys.readouterr().out.split("== ")[1:]}
    seen = 0
    for stored in RunFolder(folder).stored():
        pair, text = stored.pair, said[stored.id]
        a, b, label = pair["image_a"], pair["image_b"], pair["label"]
        if stored.rationale.provenance.order.value == "BA":
            turned = {"A": "B", "B": "A"}.get(label, label)
            assert f"image A (B of the pair): {b}\nimage B (A of the pair): {a}\n" in text
            assert f"label: {turned} ({label} of the pair)" in text
            seen += 1
        else:
            assert f"image A: {a}\nimage B: {b}\nlabel: {label}" in text
    assert seen


def test_a_critique_of_one_image_shows_that_image(folder, monkeypatch, capsys):
    place = folder / "projected"
    assert run(monkeypatch, "show", place, "-n", 99) == 0
    said = {text.split("  (")[0]: text for text in capsys.readouterr().out.split("== ")[1:]}
    for name, candidate in RunFolder(place).candidates():
        side = candidate.rationale.side.value
        image = candidate.pair.image_a if side == "A" else candidate.pair.image_b
        (line,) = [line for line in said[name].splitlines() if line.startswith("image ")]
        assert line.startswith(f"image {side}")
        assert image.source.endswith(line.rpartition("/")[2])


def test_a_tie_says_whether_both_are_good_or_bad(tmp_path, monkeypatch, capsys):
    answer = {"prompt": "a cat", "response": "Both fail. [[A=B=Bad]]", "judge": "j"}
    answer |= {"task": "image_generation", "model_vote": None}
    votes = {"tievote": "both GOOD", "bothbad_vote": "both BAD"}
    rows = [answer | {"idx": n, "human_vote": vote} for n, vote in enumerate(votes)]
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = ("--out", tmp_path / "run")
    assert run(monkeypatch, "filter", file, "--from", "genai-bench-answers", *out) == 0
    capsys.readouterr()
    assert run(monkeypatch, "show", tmp_path / "run", "-n", 9) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("label")]
    assert said == [f"label: TIE, {both}" for both in votes.values()]
