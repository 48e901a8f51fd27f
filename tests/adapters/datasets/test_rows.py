"""Rows of files: every form gives the same rows, and damage is told with its place."""

import gzip
import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parrot.adapters.datasets import rows as rows_module
from parrot.adapters.datasets.parquet import UNREAD
from parrot.adapters.datasets.rows import placed_rows
from parrot.adapters.datasets.unique import UniqueIds
from parrot.core.errors import ConfigError, RecordError

ROWS = [{"id": "é", "n": 1}, {"id": "]}[{,", "n": 2}, {"id": 'say "x\n', "n": 3}]


def as_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def written(folder, name, rows=ROWS):
    file = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), file)
        return file
    data = as_lines(rows) if "jsonl" in name.lower() else json.dumps(rows).encode()
    file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return file


@pytest.mark.parametrize(
    "name", ["x.jsonl", "X.JSONL", "x.jsonl.gz", "x.json", "x.json.gz", "x.parquet"]
)
def test_every_form_gives_the_same_rows(tmp_path, name):
    found = list(placed_rows(written(tmp_path, name)))
    assert [row for _, row in found] == ROWS
    assert [place.line for place, _ in found] == [1, 2, 3]
    assert [place.index for place, _ in found] == [0, 1, 2]


def test_shards_of_a_folder_are_read_by_name_and_counted_on(tmp_path):
    written(tmp_path, "b.jsonl", ROWS[2:])
    written(tmp_path, "a.jsonl", ROWS[:2])
    (tmp_path / "readme.txt").write_text("not data")
    found = list(placed_rows(tmp_path))
    assert [row for _, row in found] == ROWS
    assert [(place.file[-7:], place.line, place.index) for place, _ in found] == [
        ("a.jsonl", 1, 0),
        ("a.jsonl", 2, 1),
        ("b.jsonl", 1, 2),
    ]


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + as_lines(ROWS[:1]) + b"\n  \n" + as_lines(ROWS[1:2]))
    assert [place.line for place, _ in placed_rows(file)] == [1, 4]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_streams_whatever_its_pieces(tmp_path, monkeypatch, chunk, indent):
    monkeypatch.setattr(rows_module, "_CHUNK", chunk)
    file = tmp_path / "x.json"
    file.write_text(" \n" + json.dumps(ROWS, indent=indent) + "\n")
    assert [row for _, row in placed_rows(file)] == ROWS


@pytest.mark.parametrize("key", ["pairs", "data"])
def test_an_object_around_an_array_is_read(tmp_path, key):
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"version": 1, key: ROWS}))
    assert [row for _, row in placed_rows(file)] == ROWS


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b'{"a": 1}\n{"a": \n', 2, "not JSON"),
        (b'{"a": 1}\n[1]\n', 2, "named fields"),
        (b'{"a": 1}\n{"a": "\xff"}\n', 2, "not UTF-8"),
        (b"[" * 100_000, 1, "not JSON"),
    ],
)
def test_a_broken_line_is_told_with_its_number(tmp_path, text, line, said):
    file = tmp_path / "x.jsonl"
    file.write_bytes(text)
    with pytest.raises(RecordError, match=said) as caught:
        list(placed_rows(file))
    assert (caught.value.file, caught.value.line) == (str(file), line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "[", "[1", '[{"a":1}', '[{"a":1},]', '[{"a":1} {}]', '[{"a" 1}]', "[] x", "{}", "7"],
)
def test_a_broken_array_is_an_error_of_the_file(tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(RecordError) as caught:
        list(placed_rows(file))
    assert caught.value.file == str(file)


def test_a_cut_gzip_is_told_after_what_could_be_read(tmp_path):
    file = tmp_path / "x.jsonl.gz"
    whole = gzip.compress(as_lines([{"id": str(n), "pad": n * 7919} for n in range(5000)]))
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordError, match="damaged"):
        list(placed_rows(file))


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.parquet", "x.json.gz"])
def test_a_file_that_is_not_what_its_name_says(tmp_path, name):
    (tmp_path / name).write_bytes(b"plain text")
    with pytest.raises(RecordError):
        list(placed_rows(tmp_path / name))


def test_what_cannot_be_read_at_all_is_the_callers_mistake(tmp_path):
    with pytest.raises(ConfigError, match="no file"):
        list(placed_rows(tmp_path / "gone.jsonl"))
    (tmp_path / "x.xlsx").write_text("a,b")
    with pytest.raises(ConfigError, match=r"\.parquet"):
        list(placed_rows(tmp_path / "x.xlsx"))
    with pytest.raises(ConfigError, match="holds no"):
        list(placed_rows(tmp_path))


def test_images_of_parquet_stay_unread_only_where_none_is_null(tmp_path):
    file = tmp_path / "x.parquet"
    struct = {"bytes": b"png", "path": None}
    table = [{"n": n, "full": struct, "raw": b"x", "holes": struct if n else None} for n in (0, 1)]
    pq.write_table(pa.Table.from_pylist(table), file)
    first = next(iter(placed_rows(file, images=False)))[1]
    assert first == {"n": 0, "full": UNREAD, "raw": UNREAD, "holes": None}


def test_memory_does_not_grow_with_the_rows(tmp_path):
    def peak(count):
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps([{"id": str(n), "text": "x" * 200} for n in range(count)]))
        tracemalloc.start()
        for _ in placed_rows(file):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(60_000) < 1.5 * peak(20_000)


def test_ids_are_found_again_where_they_were():
    with UniqueIds() as seen:
        assert [seen.add(f"id {n}", f"f:{n}") for n in range(1000)] == [None] * 1000
        assert seen.add("id 7", "f:1001") == "f:7"
        assert seen.add("\ud800", "f:1002") is None


CELLS = 'prompt,n,note\r\n"a fox, ""red""\nand a hen",007,\r\n\r\né,1.0,NA\r\n'
TEXTS = [
    {"prompt": 'a fox, "red"\nand a hen', "n": "007", "note": ""},
    {"prompt": "é", "n": "1.0", "note": "NA"},
]


@pytest.mark.parametrize("name", ["x.csv", "X.CSV", "x.csv.gz", "x.tsv", "x.TSV.gz"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_table_gives_texts_as_they_are_and_the_line_they_begin_in(tmp_path, name, mark):
    text = CELLS.replace(",", "\t") if "tsv" in name.lower() else CELLS
    data = mark + text.replace("fox\t", "fox,").encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    for found in (placed_rows(tmp_path / name), placed_rows(tmp_path)):
        rows = list(found)
        assert [row for _, row in rows] == TEXTS
        assert [(place.line, place.index) for place, _ in rows] == [(2, 0), (5, 1)]


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"a,b\n1\n", 2, "1 values under 2 names"),
        (b"a,b\n1,2\n1,2,3\n", 3, "3 values under 2 names"),
        (b"a,a\n1,2\n", 1, "two columns are named 'a'"),
        (b'a,b\n1,2\n"1,2\n3,4\n', 3, "no sound CSV"),
        (b'a,b\n"1"x,2\n', 2, "no sound CSV"),
        (b"a,b\n1,\xff\n", None, "no sound CSV"),
    ],
)
def test_a_broken_table_is_told_with_its_place(tmp_path, data, line, said):
    file = tmp_path / "x.csv"
    file.write_bytes(data)
    with pytest.raises(RecordError, match=said) as caught:
        list(placed_rows(file))
    assert caught.value.file == str(file)
    assert line in (None, caught.value.line)


def test_a_table_without_rows_has_none(tmp_path):
    for text in ("", "a,b\n"):
        (tmp_path / "x.csv").write_text(text)
        assert list(placed_rows(tmp_path / "x.csv")) == []
