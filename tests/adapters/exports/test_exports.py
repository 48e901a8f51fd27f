"""Training files: images equal placeholders, nothing of the user's acts, refusals name who forbids."""

import io
import json
from itertools import pairwise

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from parrot.adapters.exports import TRAINERS, NotForTrainingError, export_examples
from parrot.adapters.exports.rows import inert, sharegpt, trl, verl
from parrot.backends.images import image_from_bytes
from parrot.core.asks import Turn
from parrot.core.errors import ImageError, RecordError, UnknownNameError
from parrot.core.examples import Example
from parrot.core.values import Image, Label


def picture(shade, form="PNG", **options):
    out = io.BytesIO()
    Pillow.new("RGB", (6, 4), (shade, 3, 7)).save(out, form, **options)
    return image_from_bytes(out.getvalue())


A, B = picture(1), picture(2, "JPEG")


def example(n=0, prompt="a cat", answer="A is sharper", **changes):
    turns = (
        Turn("system", ("You judge.", "Be fair.")),
        Turn("user", (f"Request:\n{prompt}\n", "Image A:", A, "Image B:", B, "Compare.")),
    )
    whole = {
        "pair_id": f"p{n}",
        "form": "pairwise",
        "label": Label.A,
        "teacher": "openai:t",
        "source": "mine",
        "licence": "MIT",
    }
    return Example(f"e{n}", turns, answer, **(whole | changes))


PIECES = [
    "<image>",
    "<video>",
    "<audio>",
    "<|im_end|>",
    "<|image_pad|>",
    "<img>x</img>",
    "<ref-object>",
    "<",
    "<|",
    "|>",
    "a",
    "image>",
]
texts = st.lists(st.sampled_from([*PIECES, "\ud800", "\u200d"]), max_size=6).map("".join)


def keep(image):
    return image.sha256


@given(texts, texts)
def test_placeholders_always_equal_images(prompt, answer):
    one = example(prompt=prompt, answer=answer)
    for row in (sharegpt(one, keep), verl(one, keep)):
        turns = row.get("messages") or row["prompt"]
        whole = "".join(turn["content"] for turn in turns)
        assert whole.count("<image>") == len(row["images"]) == 2
        for mark in ("<video>", "<audio>", "<img>", "<ref-object>", "<|im_end|>", "<|image_pad|>"):
            assert mark not in whole
        json.dumps(row, ensure_ascii=False).encode()
    typed = trl(one, keep)["prompt"][1]["content"]
    assert [part["type"] for part in typed].count("image") == 2
    assert not any("<|im_end|>" in (part["text"] or "") for part in typed)


@given(st.text())
def test_other_text_stays_as_it_is(text):
    if "<" not in text:
        assert inert(text) == text
    assert inert(inert(text)) == inert(text)


@pytest.mark.parametrize("text", ["a < b", "<3", "<b>bold</b>", "<|a b|>", "[[A>B]]", "<IMAGE>"])
def test_what_no_trainer_acts_on_is_left(text):
    assert inert(text) == text


def test_a_turn_reads_as_a_model_is_shown_it():
    row = sharegpt(example(), keep)
    assert row["messages"] == [
        {"role": "system", "content": "You judge.\nBe fair."},
        {
            "role": "user",
            "content": "Request:\na cat\nImage A:<image>Image B:<image>Compare.",
        },
        {"role": "assistant", "content": "A is sharper"},
    ]
    assert row["images"] == [A.sha256, B.sha256]
    typed = trl(example(), keep)["prompt"][1]["content"]
    assert [p["text"] for p in typed] == [
        "Request:\na cat\nImage A:",
        None,
        "Image B:",
        None,
        "Compare.",
    ]


def files_of(folder):
    return {
        str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()
    }


@pytest.mark.parametrize("trainer", TRAINERS)
def test_equal_examples_give_equal_bytes(tmp_path, trainer):
    for name in ("x", "y"):
        export_examples((example(n) for n in range(3)), tmp_path / name, trainer=trainer)
    assert files_of(tmp_path / "x") == files_of(tmp_path / "y")
    assert "README.md" in files_of(tmp_path / "x")
    assert not list(tmp_path.rglob("*.partial"))


def test_llamafactory_gets_its_info_and_images_beside(tmp_path):
    report = export_examples([example(0), example(1)], tmp_path, trainer="llamafactory")
    info = json.loads((tmp_path / "dataset_info.json").read_text())["parrot"]
    rows = [json.loads(line) for line in (tmp_path / info["file_name"]).read_text().splitlines()]
    tags = info["tags"]
    assert {t[tags["role_tag"]] for r in rows for t in r[info["columns"]["messages"]]} == {
        tags["system_tag"], tags["user_tag"], tags["assistant_tag"],
    }  # fmt: skip
    for row in rows:
        assert [(tmp_path / name).read_bytes() for name in row["images"]] == [A.source, B.source]
    assert len(list((tmp_path / "images").iterdir())) == 2
    assert (report.examples, report.images) == (2, 4)


@pytest.mark.parametrize("trainer", ["trl", "verl"])
def test_tables_carry_pictures_that_datasets_decodes(tmp_path, trainer):
    export_examples([example(n) for n in range(70)], tmp_path / "out", trainer=trainer)
    rows = datasets.Dataset.from_parquet(
        str(tmp_path / "out" / "train.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert len(rows) == 70
    first = rows[0]
    assert [image.getpixel((0, 0))[0] for image in first["images"]] == [1, 2]
    assert first["prompt"][1]["role"] == "user"
    if trainer == "verl":
        assert first["reward_model"] == {"style": "rule", "ground_truth": "A"}
        assert first["extra_info"]["pair_id"] == "p0"
    else:
        assert first["completion"][0]["content"][0]["text"] == "A is sharper"


def test_a_critique_has_no_ground_truth():
    row = verl(example(form="pointwise", label=None), keep)
    assert row["reward_model"]["ground_truth"] == ""


def test_an_image_that_lies_on_its_side_is_exported_as_models_see_it(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    turned = picture(5, "JPEG", exif=exif)
    one = example()
    one = Example("e", (Turn("user", (turned,)),), "x", pair_id="p", form="pointwise")
    export_examples([one], tmp_path, trainer="llamafactory")
    (name,) = json.loads((tmp_path / "train.jsonl").read_text())["images"]
    with Pillow.open(tmp_path / name) as seen:
        assert seen.size == (4, 6)


def test_what_may_not_train_is_refused_with_sources_and_counts(tmp_path):
    kept = [example(n) for n in range(3)]
    barred = [
        example(9, source="MMRB2", licence="CC-BY-NC-4.0", may_train=False),
        example(10, source="bench", licence=None, may_train=False),
        example(11, source="MMRB2", licence="CC-BY-NC-4.0", may_train=False),
    ]
    mixed = [kept[0], barred[0], kept[1], barred[1], barred[2], kept[2]]
    with pytest.raises(NotForTrainingError) as caught:
        export_examples(mixed, tmp_path / "out", trainer="llamafactory")
    assert caught.value.sources == {"MMRB2 (CC-BY-NC-4.0)": 2, "bench (licence unknown)": 1}
    assert "3 of 6" in str(caught.value)
    assert files_of(tmp_path / "out") == {}
    report = export_examples(mixed, tmp_path, trainer="llamafactory", allow_no_train=True)
    assert (report.examples, report.to_dict()["may_not_train"]) == (6, 3)
    assert "MMRB2" in (tmp_path / "README.md").read_text()


def test_an_unknown_trainer_or_nothing_to_write_is_an_error(tmp_path):
    with pytest.raises(UnknownNameError, match="llamafactory"):
        export_examples([example()], tmp_path, trainer="llama-factory")
    with pytest.raises(RecordError, match="nothing"):
        export_examples([], tmp_path, trainer="trl")
    assert files_of(tmp_path) == {}


def test_pictures_that_cannot_be_had_leave_nothing_behind(tmp_path):
    gone = Image("0" * 64, "image/png", b"")
    broken = Example("e", (Turn("user", (A, gone)),), "x", pair_id="p", form="pointwise")
    with pytest.raises(ImageError, match="only a name"):
        export_examples([example(), broken], tmp_path, trainer="ms-swift")
    assert files_of(tmp_path) == {}


def test_pictures_that_were_there_before_stay(tmp_path):
    export_examples([example()], tmp_path, trainer="ms-swift")
    before = files_of(tmp_path)
    with pytest.raises(NotForTrainingError):
        export_examples([example(may_train=False)], tmp_path, trainer="ms-swift")
    assert files_of(tmp_path) == before


def test_the_card_tells_the_funnel_and_no_path(tmp_path):
    funnel = {
        "marginal": False,
        "pairs": {"in": 10, "kept": 6, "dropped": 3, "failed": 1},
        "rationales": {"asked": 40, "kept": 20},
        "filters": [{"name": "leak-free", "came": 40, "kept": 20, "dropped": 19, "undecided": 1}],
    }
    run = {"command": "rationalize", "teacher": "openai:t", "images_root": "/home/someone"}
    runs = [run | {"filters": ["leak-free"], "funnel": funnel}]
    export_examples([example()], tmp_path, trainer="trl", runs=runs)
    text = (tmp_path / "README.md").read_text()
    assert "| leak-free | 40 | 20 | 19 | 1 |" in text
    assert "mine (MIT): 1" in text
    assert "someone" not in text
    blanks = [line for line in pairwise(text.splitlines()) if line == ("", "")]
    assert not blanks
