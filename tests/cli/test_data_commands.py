"""The commands on data: import, split, overlap and export, as a user calls them."""

import io
import json
import sys

import pytest
from PIL import Image as Pillow

from parrot import cli
from parrot.adapters.datasets.reading import read_pairs


def png(shade):
    out = io.BytesIO()
    Pillow.new("RGB", (4, 4), (shade % 256, shade // 256, 7)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def parrot(monkeypatch, capsys):
    """Runs the command line; gives exit status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["parrot", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.png").write_bytes(png(1))
    (tmp_path / "worse.png").write_bytes(png(2))
    return tmp_path


def rows_file(folder, rows, name="rows.jsonl"):
    file = folder / name
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return file


def row(n=0, **changes):
    whole = {"text": f"cat {n}", "l": "good.png", "r": "worse.png", "pick": "left"}
    return whole | changes


MAP = "prompt=text,image_a=l,image_b=r,label=pick"


def test_import_maps_columns(folder, parrot):
    file = rows_file(folder, [row(0), row(1, pick=" RIGHT")])
    status, said, _ = parrot(
        "import", file, "--map", MAP, "--set", "licence=MIT", "--set", "may_train=false",
        "--out", folder / "out", "--json",
    )  # fmt: skip
    assert status == 0
    assert json.loads(said)["pairs"] == 2
    pairs = list(read_pairs(folder / "out" / "pairs.jsonl"))
    assert [p.label.value for p in pairs] == ["A", "B"]
    assert {(p.licence, p.may_train) for p in pairs} == {("MIT", False)}


def test_import_tells_what_could_not_be_loaded(folder, parrot):
    file = rows_file(folder, [row(0), row(1, r="gone.png")])
    status, said, _ = parrot("import", file, "--map", MAP, "--out", folder / "out")
    assert status == 0
    assert "1 pairs" in said
    assert "1 could not be loaded" in said


def test_import_knows_datasets_by_name(folder, parrot):
    rows = [{"prompt": f"p{n}", "path1": "good.png", "path2": "worse.png"} for n in range(30)]
    (folder / "train.json").write_text(json.dumps(rows))
    status, said, _ = parrot(
        "import", folder / "train.json", "--from", "hpdv3", "--out", folder / "out"
    )
    assert (status, "30 pairs" in said) == (0, True)
    assert len({p.label for p in read_pairs(folder / "out" / "pairs.jsonl")}) == 2


def test_import_takes_a_folder_as_a_hub_dataset(folder, parrot):
    (folder / "repo").mkdir()
    for name in ("good.png", "worse.png"):
        (folder / name).rename(folder / "repo" / name)
    rows_file(folder / "repo", [row(0), row(1)], "train.jsonl")
    status, _, said = parrot(
        "import", f"hub:{folder / 'repo'}", "--map", MAP, "--split", "train",
        "--out", folder / "out",
    )  # fmt: skip
    assert (status, said) == (0, "")
    assert len(list(read_pairs(folder / "out" / "pairs.jsonl"))) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["rows.jsonl", "--map", MAP, "--labels", "x=C"], 2, "VALUE=MEANING"),
        (["rows.jsonl"], 2, "--from"),
        (["rows.jsonl", "--from", "hpd"], 2, "Did you mean 'hpdv3'"),
        (["rows.jsonl", "--from", "hpdv3", "--labels", "0=A"], 2, "--map"),
        (["rows.jsonl", "--map", MAP, "--set", "licence"], 2, "field=value"),
        (["rows.jsonl", "--map", MAP, "--split", "train"], 2, "hub"),
        (["gone.jsonl", "--map", MAP], 2, "no file"),
        (["bad.jsonl", "--map", MAP], 1, "bad.jsonl:2: field 'label': 0 means A in one"),
        (["empty.jsonl", "--map", MAP], 1, "no records"),
        (["twice.jsonl", "--map", MAP + ",id=text"], 1, "already at"),
        (["escape.jsonl", "--map", MAP], 1, "leaves the folder"),
    ],
)
def test_import_says_in_one_line_what_is_wrong(folder, parrot, arguments, status, said):
    rows_file(folder, [row()])
    rows_file(folder, [row(0), row(1, pick=0)], "bad.jsonl")
    rows_file(folder, [], "empty.jsonl")
    rows_file(folder, [row(0), row(0)], "twice.jsonl")
    rows_file(folder, [row(0, l="../good.png")], "escape.jsonl")
    name, *rest = arguments
    ended, _, told = parrot("import", folder / name, *rest, "--out", folder / "out")
    assert (ended, told.count("\n")) == (status, 1)
    assert said in told
    assert not (folder / "out" / "pairs.jsonl").exists()
