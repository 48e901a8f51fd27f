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


@pytest.mark.parametrize(("name", "mark"), [("votes.csv", ","), ("votes.tsv", "\t")])
def test_import_reads_tables_of_text(folder, parrot, name, mark):
    lines = [("text", "l", "r", "pick"), ('"a cat, ""here"""', "good.png", "worse.png", "1")]
    (folder / name).write_text("".join(mark.join(line) + "\n" for line in lines))
    command = ("import", folder / name, "--map", MAP, "--labels", "0=A,1=B")
    assert parrot(*command, "--out", folder / "out")[0] == 0
    [pair] = read_pairs(folder / "out" / "pairs.jsonl")
    assert (pair.request.prompt, pair.label) == ('a cat, "here"', "B")


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
        (["rows.jsonl", "--from", "hpdv3", "--map", MAP], 2, "one of --from and --map is taken"),
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


def plain(n, **changes):
    whole = {
        "id": f"p{n}",
        "prompt": f"thing number {n}",
        "image_a": f"{n}a.png",
        "image_b": f"{n}b.png",
        "label": "A",
    }
    return whole | changes


def plain_file(folder, count, name="pairs.jsonl", start=0, **changes):
    for n in range(start, start + count):
        (folder / f"{n}a.png").write_bytes(png(3 * n + 1))
        (folder / f"{n}b.png").write_bytes(png(3 * n + 2))
    return rows_file(folder, [plain(n, **changes) for n in range(start, start + count)], name)


def test_split_gives_disjoint_parts_that_read_again(tmp_path, parrot):
    file = plain_file(tmp_path, 40)
    lines = file.read_text().splitlines()
    lines[1] = json.dumps(plain(1, prompt="Thing number 0!"))  # shares a request with p0
    lines[2] = json.dumps(plain(2, image_b="1b.png"))  # and an image with p1
    file.write_text("\n".join(lines))
    status, said, _ = parrot("split", file, "--out", tmp_path / "out", "--json", "--seed", 3)
    done = json.loads(said)
    assert (status, done["parts"], done["largest"]) == (0, {"train": 36, "test": 4}, 3)
    parts = {n: list(read_pairs(tmp_path / "out" / f"{n}.jsonl")) for n in ("train", "test")}
    assert {p.id for ps in parts.values() for p in ps} == {f"p{n}" for n in range(40)}
    assert any({"p0", "p1", "p2"} <= {p.id for p in ps} for ps in parts.values())
    status, said, _ = parrot(
        "overlap", *(tmp_path / "out" / f"{n}.jsonl" for n in parts), "--exact"
    )
    assert (status, said.split("\n")[0]) == (
        0, "0 of 4 EVAL pairs (0.0%) overlap with 36 TRAIN pairs",
    )  # fmt: skip


def test_split_is_the_same_every_time_and_counts_what_is_lost(tmp_path, parrot):
    file = plain_file(tmp_path, 20)
    (tmp_path / "7a.png").unlink()
    for name in ("x", "y"):
        status, said, _ = parrot("split", file, "--out", tmp_path / name)
        assert (status, "1 could not be loaded" in said) == (0, True)
    for name in ("train.jsonl", "test.jsonl", "unloadable.jsonl"):
        assert (tmp_path / "x" / name).read_bytes() == (tmp_path / "y" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--shares", "train=0.9"], 2, "sum to 1"),
        (["--shares", "train=0.5,dev=0.3,test=0.2"], 1, "too few"),
    ],
)
def test_split_says_what_is_wrong(tmp_path, parrot, arguments, status, said):
    file = plain_file(tmp_path, 2)
    ended, _, told = parrot("split", file, "--out", tmp_path / "out", *arguments)
    assert (ended, told.count("\n"), said in told) == (status, 1, True)
    assert not list((tmp_path / "out").glob("*.jsonl"))


def test_overlap_finds_the_same_and_the_near(tmp_path, parrot):
    for name in ("train", "eval"):
        (tmp_path / name).mkdir()
    scene = Pillow.linear_gradient("L").convert("RGB")
    scene.paste((200, 30, 60), (40, 60, 130, 190))
    train = plain_file(tmp_path / "train", 5)
    test = plain_file(tmp_path / "eval", 5, start=100)
    scene.save(tmp_path / "train" / "3a.png")
    scene.resize((120, 120)).save(tmp_path / "eval" / "103b.png", "JPEG", quality=60)
    lines = test.read_text().replace("thing number 101", "THING: number 4")
    test.write_text(lines)
    (tmp_path / "eval" / "104a.png").write_bytes((tmp_path / "train" / "2b.png").read_bytes())
    status, said, _ = parrot("overlap", train, test, "--json", "--near-text", "1")
    report = json.loads(said)
    assert status == 1
    assert {(m["kind"], m["eval"], m["train"]) for m in report["matches"]} == {
        ("same-request", "p101", "p4"),
        ("same-image", "p104", "p2"),
        ("near-image", "p103", "p3"),
    }
    assert (report["touched"], report["eval"], report["train"]) == (3, 5, 5)
    status, said, _ = parrot("overlap", train, test, "--exact")
    assert (status, "2 of 5 EVAL pairs" in said) == (1, True)
