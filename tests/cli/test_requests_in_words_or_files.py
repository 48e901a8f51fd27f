"""The name of a file is never drawn as if it were a request: with a paid generator that costs money."""

import json

import pytest

pytest.importorskip("numpy", reason="the miniature draws with numpy")

from parrot.backends.miniature.files import write_pairs
from parrot.cli.requesting import names_file

WHO = ("--generator", "miniature:painter", "--critic", "miniature:teacher")
LINE = json.dumps({"prompt": "a red circle"}) + "\n"


@pytest.mark.parametrize(
    ("name", "there", "said"),
    [
        ("requests.json", True, "is no file of requests that can be read: .jsonl, .ndjson"),
        ("requests.jsonl.gz", True, "can be read"),
        ("requests.txt", False, "can be read"),
        ("requests.parquet", False, "can be read"),
        ("requests.CSV", False, "can be read"),
        ("requests", True, "can be read"),
        ("folder", True, "can be read"),
        ("gone.jsonl", False, "is no file"),
        ("gone.ndjson", False, "is no file"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_drawn(name, there, said, tmp_path, parrot):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif there:
        (tmp_path / name).write_text(LINE)
    out = tmp_path / "run"
    status, _, told = parrot("refine", tmp_path / name, *WHO, "--out", out)
    assert (status, len(told)) == (2, 1)
    assert name in told[0]
    assert said in told[0]
    assert not out.exists()


def test_lines_have_either_ending(tmp_path, parrot):
    place = tmp_path / "requests.ndjson"
    place.write_text(LINE + LINE)
    status, said, _ = parrot("refine", place, *WHO, "--rounds", 0, "--json")
    assert (status, json.loads(said)["requests"]) == (0, 2)


@pytest.mark.parametrize("request_", ["a red fox. Then a file", "f" * 5000, "a\0b", "notes.md?"])
def test_words_are_no_file(request_):
    assert not names_file(request_)


def test_a_critique_is_by_words_not_by_a_file_of_them(tmp_path, parrot):
    pairs = write_pairs(tmp_path / "pairs", 1, seed=1, task="t2i").pairs
    image = pairs.parent / json.loads(pairs.read_text())["image_a"]
    (tmp_path / "wanted").write_text("a red circle")
    for named in (tmp_path / "wanted", "wanted.txt"):
        command = ("critique", image, "--request", named, "--model", "miniature:teacher")
        status, said, told = parrot(*command)
        assert (status, said, len(told)) == (2, "", 1)
        assert "--request is said in words" in told[0]


def test_a_run_that_is_called_like_its_request_goes_on(tmp_path, parrot, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        status, out, told = parrot(
            "refine", "a red circle", *WHO, "--out", "a red circle", "--json"
        )
        assert (status, told) == (0, [])
        assert json.loads("".join(out))["result"]


def test_a_request_may_speak_of_a_file():
    assert not names_file("a terminal window that shows notes.txt")
    assert names_file("wanted/notes.txt")
