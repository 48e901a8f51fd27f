"""The plain form read from files: images in every shape, and bad input told before it costs."""

import base64
import io
import json
import re
import struct
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from parrot.adapters.datasets.reading import Checked, check_pairs, pairs_in, read_pairs
from parrot.core.errors import ConfigError, RecordError
from parrot.core.values import Label, PreferencePair, Unloadable


def png(shade=0):
    out = io.BytesIO()
    Pillow.new("RGB", (4, 4), (shade % 256, shade // 256 % 256, 7)).save(out, "PNG")
    return out.getvalue()


def bomb():
    """A PNG header that claims 60,000 by 60,000 pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name, shade in (("a", 1), ("b", 2), ("s", 3)):
        (tmp_path / "images" / f"{name}.png").write_bytes(png(shade))
    (tmp_path.parent / f"{tmp_path.name}-outside.png").write_bytes(png(9))
    return tmp_path


def record(n=1, **changes):
    whole = {
        "id": f"p{n}",
        "prompt": "a cat",
        "image_a": "images/a.png",
        "image_b": "images/b.png",
        "label": "A",
    }
    return whole | changes


def lines(folder, *records, name="pairs.jsonl"):
    file = folder / name
    file.write_text("".join(json.dumps(r) + "\n" for r in records))
    return file


def test_a_pair_is_read_whole(folder):
    whole = record(
        sources=["images/s.png"],
        label="TIE",
        both="BAD",
        strength=0.5,
        votes={"a": 1, "b": 2, "tie": 3},
        dimension_labels={"physical_quality": "B"},
        source="ours",
        licence="MIT",
        may_train=False,
    )
    (pair,) = read_pairs(lines(folder, whole))
    assert isinstance(pair, PreferencePair)
    assert pair.label is Label.TIE
    assert pair.request.is_edit
    assert (pair.source, pair.licence, pair.may_train) == ("ours", "MIT", False)
    assert pair.votes.tie == 3
    assert pair.dimension_labels == {"physical_quality": Label.B}


def test_images_may_be_files_bytes_objects_or_data_urls(folder):
    url = "data:image/png;base64," + base64.b64encode(png(1)).decode()
    shapes = ["images/a.png", {"path": "images/a.png", "bytes": None}, url]
    pairs = list(read_pairs(lines(folder, *(record(n, image_a=s) for n, s in enumerate(shapes)))))
    table = folder / "pairs.parquet"
    raw = {"path": "ignored/elsewhere.png", "bytes": png(1)}
    pq.write_table(pa.Table.from_pylist([record(image_a=raw)]), table)
    pairs += read_pairs(table)
    pq.write_table(pa.Table.from_pylist([record(image_a=png(1))]), table)
    pairs += read_pairs(table)
    assert len({pair.image_a for pair in pairs}) == 1
    assert len(pairs) == 5


def test_a_parquet_table_with_gaps_reads_like_lines(folder):
    records = [
        record(1, sources=["images/s.png"], votes={"a": 1, "b": 0, "tie": 0}, licence="MIT"),
        record(2, dimension_labels={"x": "A"}, label="TIE", both="GOOD"),
    ]
    table = folder / "pairs.parquet"
    names = dict.fromkeys(name for one in records for name in one)
    pq.write_table(pa.Table.from_pylist([names | one for one in records]), table)
    assert list(read_pairs(table)) == list(read_pairs(lines(folder, *records)))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.png", None, "No such file"),
        ("text.png", b"hello", "no known image format"),
        ("bomb.png", bomb(), "pixels"),
        ("cut.png", png()[:40], "cut short|decoded"),
        ("empty.png", b"", "is empty"),
    ],
)
def test_an_image_that_cannot_be_had_makes_its_pair_unloadable(folder, name, content, said):
    if content is not None:
        (folder / name).write_bytes(content)
    file = lines(folder, record(1, image_b=name), record(2))
    broken, sound = read_pairs(file)
    assert isinstance(broken, Unloadable)
    assert broken.id == "p1"
    assert f"{file}:1" in broken.reason
    assert re.search(said, broken.reason)
    assert isinstance(sound, PreferencePair)
    assert check_pairs(file).pairs == 2  # opens no image


@pytest.mark.parametrize("read", [lambda f: list(read_pairs(f)), check_pairs])
@pytest.mark.parametrize(
    ("records", "line", "field"),
    [
        ([record(1), record(2, label="left")], 2, "label"),
        ([record(1), record(2, prompt=None)], 2, "prompt"),
        ([record(1), record(1)], 2, "id"),
        ([record(1, image_a="../outside.png")], 1, "image_a"),
        ([record(1, image_a="images/../../outside.png")], 1, "image_a"),
        ([record(1, image_b="/etc/passwd")], 1, "image_b"),
        ([record(1, image_b={"path": "/etc/passwd"})], 1, "image_b"),
        ([record(1, sources=["images/a.png", "../s.png"])], 1, "sources.1"),
        ([record(1, image_b="images/a\0.png")], 1, "image_b"),
        ([record(1, maytrain=False)], 1, "maytrain"),
        ([record(1, schema=9)], 1, "schema"),
    ],
)
def test_bad_input_is_refused_with_file_line_and_field(folder, read, records, line, field):
    file = lines(folder, *records)
    with pytest.raises(RecordError) as caught:
        read(file)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(file), line, field)
    assert "\n" not in str(caught.value)


def test_a_repeated_id_names_the_first_place(folder):
    file = lines(folder, record(1), record(2), record(1))
    with pytest.raises(RecordError, match=f"'p1' was already at {file}:1"):
        check_pairs(file)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_set_is_refused(folder, content):
    file = folder / "pairs.jsonl"
    file.write_text(content)
    for read in (lambda f: list(read_pairs(f)), check_pairs):
        with pytest.raises(RecordError, match="no records"):
            read(file)


def test_a_link_out_of_the_folder_is_not_followed(folder):
    (folder / "images" / "link.png").symlink_to(folder.parent / f"{folder.name}-outside.png")
    (found,) = read_pairs(lines(folder, record(image_a="images/link.png")))
    assert isinstance(found, Unloadable)
    assert "leaves" in found.reason


def test_images_root_is_where_paths_start_and_end(folder):
    (folder / "lists").mkdir()
    file = lines(folder / "lists", record(), name="pairs.jsonl")
    assert all(isinstance(p, Unloadable) for p in read_pairs(file))
    (pair,) = read_pairs(file, images_root=folder)
    assert isinstance(pair, PreferencePair)
    (pair,) = read_pairs(
        lines(folder / "lists", record(image_a=str(folder / "images/a.png"))), images_root=folder
    )
    assert isinstance(pair, PreferencePair)
    with pytest.raises(RecordError, match="leaves"):
        check_pairs(lines(folder, record(image_a="../x.png")), images_root=folder / "images")


def test_a_check_counts_what_a_run_would_spend_on(folder):
    file = lines(
        folder,
        record(1, source="x", may_train=False),
        record(2, source="x", label="TIE"),
        record(3, label="B"),
    )
    assert check_pairs(file) == Checked(3, 0, 1, {"A": 1, "TIE": 1, "B": 1}, {"x": 2, "": 1})


def test_reading_is_lazy(folder):
    file = lines(folder, record(1), record(2, label="left"))
    pairs = read_pairs(file)
    assert next(pairs).id == "p1"
    with pytest.raises(RecordError):
        next(pairs)


def test_rows_in_memory_read_alike(folder):
    rows = [record(1), record(2, label="TIE")]
    assert list(pairs_in(rows, images_root=folder)) == list(read_pairs(lines(folder, *rows)))


def test_an_unknown_schema_names_the_nearest(folder):
    with pytest.raises(ConfigError, match="Did you mean 'hpdv3'"):
        check_pairs(lines(folder, record()), schema="hpdv")


def test_a_path_that_is_no_text_is_told_of(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {"id": "a", "prompt": "p", "image_a": {"path": 5}, "image_b": {"path": "b.png"}}
    path.write_text(json.dumps(row | {"label": "A"}))
    with pytest.raises(RecordError, match=r"rows\.jsonl:1.*text, not int"):
        check_pairs(path)


def test_a_data_url_of_half_a_character_is_an_image_that_cannot_be_had(tmp_path):
    path = tmp_path / "rows.jsonl"
    url = "data:image/png;base64,\ud83d"
    row = {"id": "a", "prompt": "p", "image_a": url, "image_b": url, "label": "A"}
    path.write_text(json.dumps(row))
    (lost,) = read_pairs(path)
    assert "cannot be decoded" in lost.reason
