"""Anyone's table as pairs: maps, label words, Hugging Face datasets, and the plain form written."""

import io
import json
import re

import datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from parrot.adapters.datasets.columns import pairs_from, parse_map
from parrot.adapters.datasets.hub import hub_rows, images_root_of
from parrot.adapters.datasets.labels import KNOWN, folded, meaning_of, parse_labels
from parrot.adapters.datasets.reading import read_pairs
from parrot.adapters.datasets.writing import write_pairs
from parrot.backends.images import image_from_bytes, pixels
from parrot.core.errors import ConfigError, RecordError
from parrot.core.values import Both, Image, Label, PreferencePair, Request, Unloadable

MAP = "prompt=caption,image_a=left,image_b=right,label=choice"


def encoded(shade, form="PNG"):
    out = io.BytesIO()
    picture(shade).save(out, form)
    return out.getvalue()


def picture(shade):
    return Pillow.new("RGB", (4, 4), (shade, 3, 7))


def row(choice="left", **changes):
    return {"caption": "a cat", "left": encoded(1), "right": encoded(2), "choice": choice} | changes


@pytest.mark.parametrize(
    ("word", "label", "both"),
    [
        ("A", Label.A, None),
        (" Left ", Label.A, None),
        ("Image_A", Label.A, None),
        ("model-b", Label.B, None),
        ("RIGHTVOTE", Label.B, None),
        ("Tie", Label.TIE, None),
        ("tievote", Label.TIE, Both.GOOD),
        ("[[A=B=Bad]]", Label.TIE, Both.BAD),
        ("bothbad_vote", Label.TIE, Both.BAD),
    ],
)
def test_words_are_understood_whatever_their_case(word, label, both):
    (pair,) = pairs_from([row(word)], MAP)
    assert (pair.label, pair.both) == (label, both)


@pytest.mark.parametrize("value", [0, 1, "1", 0.5, True, "image_1", "model 2", "neither", "both"])
def test_what_is_a_here_and_b_there_is_refused(value):
    with pytest.raises(RecordError, match=re.escape(f"such as `--labels {value}=A`")):
        list(pairs_from([row(value)], MAP))


@pytest.mark.parametrize("value", [0, 0.0, "0", np.int64(0), np.float32(0), " 0 "])
def test_a_number_means_what_the_caller_says(value):
    (pair,) = pairs_from([row(value)], MAP, labels="0=B,1=A,0.5=TIE:GOOD")
    assert pair.label is Label.B


def test_labels_of_the_caller_replace_the_words():
    (pair,) = pairs_from([row("left")], MAP, labels={"LEFT": "B"})
    assert pair.label is Label.B
    with pytest.raises(RecordError):
        list(pairs_from([row("right")], MAP, labels={"left": "B"}))


@given(st.sampled_from(sorted(KNOWN)))
def test_mirrored_words_mean_mirrored_labels(word):
    other = {"a": "b", "left": "right", "first": "second"}
    turned = word
    for one, two in other.items():
        turned = turned.replace(two, "\0").replace(one, two).replace("\0", one)
    if turned in KNOWN and KNOWN[word][0] is not Label.TIE:
        assert KNOWN[turned][0] is KNOWN[word][0].mirrored()
    assert folded(word) == word  # else it could never be found
    assert meaning_of(word.upper(), {}) == KNOWN[word]


@pytest.mark.parametrize("text", ["0", "0=C", "=A", "0=A,0=B", "0=A,0.0=B"])
def test_labels_that_say_nothing_are_refused(text):
    with pytest.raises(ConfigError):
        parse_labels(text)


def test_a_map_in_words():
    assert parse_map(" prompt = p ,sources=s1+s2,label=l") == {
        "prompt": "p",
        "sources": ("s1", "s2"),
        "label": "l",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt", "field=column"),
        ("prompt=a,prompt=b", "twice"),
        ("promt=a", "Did you mean 'prompt'"),
        ("prompt=a,image_a=b,label=c", "image_b"),
        ("prompt=a,image_a=b,image_b=c", "label"),
    ],
)
def test_a_map_that_does_not_hold_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        list(pairs_from([row()], text))


def test_a_column_that_is_not_there_is_told():
    with pytest.raises(RecordError, match="no column 'caption'") as caught:
        list(pairs_from([row(), {"text": 1}], MAP, name="mine"))
    assert (caught.value.file, caught.value.line, caught.value.field) == ("mine", 2, "prompt")


def test_everything_that_can_be_mapped():
    full = row(src=[encoded(5), encoded(6)], mask=encoded(7), key="k1", sure=0.25, ok=False)
    mapping = {**parse_map(MAP), "sources": ("src", "mask"), "id": "key", "strength": "sure"}
    mapping["may_train"] = "ok"
    (pair,) = pairs_from([full], mapping, constants={"licence": "MIT", "source": "mine"})
    assert (pair.id, pair.strength, pair.licence, pair.source) == ("k1", 0.25, "MIT", "mine")
    assert pair.may_train is False
    assert [i.source for i in pair.request.sources] == [encoded(5), encoded(6), encoded(7)]


def test_null_means_absent_but_not_for_what_is_needed():
    full = row(src=None, sure=float("nan"))
    (pair,) = pairs_from([full], f"{MAP},sources=src,strength=sure")
    assert (pair.request.sources, pair.strength) == ((), None)
    for name, field in (("choice", "choice"), ("caption", "caption"), ("left", "left")):
        with pytest.raises(RecordError) as caught:
            list(pairs_from([row(**{name: None})], MAP))
        assert caught.value.field == field


def test_a_table_that_puts_the_preferred_first_is_mirrored_in_half():
    rows = [{"prompt": "p", "chosen": encoded(1), "rejected": encoded(2)} for _ in range(1000)]
    mapping = "prompt=prompt,image_a=chosen,image_b=rejected"
    pairs = list(pairs_from(rows, mapping, preferred_first=True))
    assert 450 <= sum(p.label is Label.A for p in pairs) <= 550
    assert all((p.image_a.source == encoded(1)) == (p.label is Label.A) for p in pairs)
    with pytest.raises(ConfigError, match="label"):
        list(pairs_from(rows, MAP, preferred_first=True))


def test_pillow_images_keep_their_pixels():
    (pair,) = pairs_from([row(left=picture(9))], MAP)
    assert pixels(pair.image_a).getpixel((0, 0)) == (9, 3, 7)


def test_rows_of_pandas_have_numpy_values():
    frame = pd.DataFrame([row(src=[encoded(5)]), row("right", src=[])])
    frame["src"] = [np.array(v, dtype=object) for v in frame["src"]]
    one, two = pairs_from(frame.to_dict("records"), f"{MAP},sources=src")
    assert (len(one.request.sources), len(two.request.sources)) == (1, 0)


def hf_dataset():
    features = datasets.Features(
        {
            "caption": datasets.Value("string"),
            "left": datasets.Image(),
            "right": datasets.Image(),
            "more": datasets.List(datasets.Image()),
            "choice": datasets.ClassLabel(names=["left", "right"]),
        }
    )
    rows = {
        "caption": ["one", "two"],
        "left": [{"bytes": encoded(1, "JPEG"), "path": None}] * 2,
        "right": [{"bytes": encoded(2), "path": None}] * 2,
        "more": [[{"bytes": encoded(3), "path": None}], []],
        "choice": [0, 1],
    }
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_hugging_face_dataset_keeps_its_bytes(streaming):
    dataset = hf_dataset()
    rows = dataset.to_iterable_dataset() if streaming else dataset
    one, two = pairs_from(rows, f"{MAP},sources=more")
    assert one.image_a.source == encoded(1, "JPEG")
    assert [one.label, two.label] == [Label.A, Label.B]
    assert (len(one.request.sources), len(two.request.sources)) == (1, 0)


def test_a_local_folder_is_a_hub_dataset(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    hf_dataset().to_parquet(folder / "train.parquet")
    pairs = list(pairs_from(hub_rows(str(folder)), MAP, images_root=images_root_of(str(folder))))
    assert [p.request.prompt for p in pairs] == ["one", "two"]
    hf_dataset().to_parquet(folder / "test.parquet")
    with pytest.raises(ConfigError, match="splits: train, test"):
        hub_rows(str(folder))
    assert len(list(pairs_from(hub_rows(str(folder), split="test"), MAP))) == 2
    with pytest.raises(ConfigError, match="cannot be loaded"):
        hub_rows(str(folder), split="none")


def pair(n, **changes):
    a, b = (image_from_bytes(encoded(s)) for s in (1, 2))
    return PreferencePair(f"p{n}", Request("a cät"), a, b, Label.A, **changes)


def test_what_is_written_reads_back(tmp_path):
    source = Request("edit", (image_from_bytes(encoded(3, "JPEG")),))
    edit = PreferencePair("e", source, *(image_from_bytes(encoded(s)) for s in (4, 5)), Label.B)
    pairs = [pair(1, licence="MIT", may_train=False, strength=0.5), edit]
    written = write_pairs(iter([pairs[0], Unloadable("lost", "gone"), pairs[1]]), tmp_path / "out")
    assert (written.pairs, written.unloadable) == (2, 1)
    assert list(read_pairs(written.file)) == pairs
    lost = json.loads((tmp_path / "out" / "unloadable.jsonl").read_text())
    assert lost == {"id": "lost", "reason": "gone"}
    assert len(list((tmp_path / "out" / "images").rglob("*.*"))) == 5


def test_writing_is_the_same_every_time(tmp_path):
    files = [write_pairs([pair(1), pair(2)], tmp_path / name).file for name in ("x", "y")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_nothing_half_written_is_left(tmp_path):
    def broken():
        yield pair(1)
        raise RecordError("bad line")

    with pytest.raises(RecordError, match="bad line"):
        write_pairs(broken(), tmp_path / "out")
    assert not list((tmp_path / "out").glob("pairs*"))
    with pytest.raises(RecordError, match="no pair could be loaded"):
        write_pairs([Unloadable("x", "gone")], tmp_path / "out")


def test_pairs_that_are_there_are_not_overwritten(tmp_path):
    write_pairs([pair(1)], tmp_path)
    with pytest.raises(ConfigError, match="exists already"):
        write_pairs([pair(2)], tmp_path)


def test_an_image_changed_since_it_was_read_is_not_written(tmp_path):
    place = tmp_path / "a.png"
    place.write_bytes(encoded(1))
    stale = Image(image_from_bytes(encoded(2)).sha256, "image/png", str(place))
    odd = PreferencePair("p", Request("x"), stale, stale, Label.A)
    with pytest.raises(ValueError, match="changed"):
        write_pairs([odd], tmp_path / "out")
