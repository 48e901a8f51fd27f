"""A folder of pairs as input: its `pairs.jsonl` alone, where it has one."""

import json

import pytest

from parrot.adapters.datasets.reading import check_pairs
from parrot.adapters.datasets.rows import files_of
from parrot.adapters.datasets.writing import write_pairs
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Label, PreferencePair, Request, Unloadable


@pytest.mark.parametrize("beside", ["truth.jsonl", "unloadable.jsonl", "train.parquet"])
def test_what_lies_beside_the_pairs_is_not_read(tmp_path, beside):
    for name in ("pairs.jsonl", beside):
        (tmp_path / name).touch()
    assert files_of(tmp_path) == [tmp_path / "pairs.jsonl"]


def test_without_pairs_all_files_of_one_ending_are_read(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "c.json"):
        (tmp_path / name).touch()
    assert files_of(tmp_path) == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]


def test_an_imported_folder_is_an_input(tmp_path):
    pair = PreferencePair(
        "p", Request("a cat"), plain_image(1, 2, 3), plain_image(3, 2, 1), Label.A
    )
    write_pairs([pair, Unloadable("q", "torn")], tmp_path)
    assert json.loads((tmp_path / "unloadable.jsonl").read_text())["id"] == "q"
    assert check_pairs(tmp_path).pairs == 1


def test_a_folder_of_the_miniature_is_an_input(tmp_path):
    pytest.importorskip("numpy", reason="the miniature needs the extra miniature")
    from parrot.backends.miniature.files import write_pairs as draw_pairs

    draw_pairs(tmp_path, 3, seed=1, task="t2i")
    assert (tmp_path / "truth.jsonl").is_file()
    assert check_pairs(tmp_path).pairs == 3
