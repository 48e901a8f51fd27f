"""Exported folders: what is refused, what names them, and the one clear error of a bad one."""

import json
import shutil

import pytest
from attrs import evolve

pytest.importorskip("onnxruntime", reason="the extra onnx")
pytest.importorskip("onnx", reason="the extra onnx-export makes the graphs")
pytest.importorskip("torch", reason="exporting needs it")
pytest.importorskip("transformers", reason="exporting needs it")

from typer.testing import CliRunner

from parrot.backends.onnx import open_batch_model
from parrot.backends.onnx.card import CARD, read_card
from parrot.backends.onnx.export import export
from parrot.backends.torch.loading import Options, load
from parrot.cli import app
from parrot.core.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def copy(plain, tmp_path):
    return shutil.copytree(plain, tmp_path / "copy")


def test_the_command_exports_and_says_so(checkpoint, tmp_path):
    out = tmp_path / "out"
    said = CliRunner().invoke(app, ["export-onnx", str(checkpoint), "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "MB of fp32 graphs" in said.output
    assert sorted(one.name for one in out.iterdir()) == [
        "chat_template.jinja", "decoder.onnx", "parrot-onnx.json", "tokenizer.json", "tower.onnx",
    ]  # fmt: skip
    assert open_batch_model(str(out)).max_batch == 16


def test_eight_bits_are_smaller(plain, small):
    size = (plain / "decoder.onnx").stat().st_size
    assert (small / "decoder.onnx").stat().st_size < 0.8 * size
    assert read_card(small).dtype == "int8"
    assert open_batch_model(str(small)).id.partition("@")[2] != ""


def test_a_checkpoint_of_another_kind_or_dtype_is_not_exported(checkpoint, tmp_path):
    loaded = load(checkpoint, Options(dtype="float32", device="cpu"))
    rest = loaded.tokenizer, loaded.images, tmp_path / "out"
    with pytest.raises(ConfigError, match="dtype is one of fp32, int8, int4, not 'int3'"):
        export(loaded.model, *rest, name="x", dtype="int3")
    loaded.model.config.model_type = "llava"
    with pytest.raises(ConfigError, match="exported are qwen3_vl models, not 'llava'"):
        export(loaded.model, *rest, name="x")
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "mine").write_text("kept")
    loaded = load(checkpoint, Options(dtype="float32", device="cpu"))
    with pytest.raises(ConfigError, match="has something in it"):
        export(loaded.model, loaded.tokenizer, loaded.images, tmp_path, name="x")
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("what", ["graph", "tokenizer", "template", "card", "notes"])
def test_the_id_changes_with_what_the_model_says(copy, what):
    before = open_batch_model(str(copy)).id
    if what == "graph":
        import onnx

        held = onnx.load(str(copy / "tower.onnx"))
        held.doc_string = "another"
        onnx.save(held, str(copy / "tower.onnx"))
    elif what == "tokenizer":
        path = copy / "tokenizer.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"padding": None}, indent=1))
    elif what == "template":
        path = copy / "chat_template.jinja"
        path.write_text(path.read_text().replace("assistant", "judge"))
    elif what == "card":
        path = copy / CARD
        path.write_text(path.read_text().replace("4096", "2048"))
    else:
        (copy / "README.md").write_text("notes")
    assert (open_batch_model(str(copy)).id == before) is (what == "notes")


def _changed(copy, **fields):
    path = copy / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _cut(path):
    path.write_bytes(path.read_bytes()[:2000])


SPOILT = {
    "no folder": (shutil.rmtree, "no folder with an exported model"),
    "no card": (lambda copy: (copy / CARD).unlink(), "`parrot export-onnx` makes such folders"),
    "card of no JSON": (lambda copy: (copy / CARD).write_text("{"), "cannot be used"),
    "card of a list": (lambda copy: (copy / CARD).write_text("[]"), "cannot be used"),
    "another architecture": (lambda copy: _changed(copy, architecture="bert"), "is of 'bert'"),
    "a later schema": (lambda copy: _changed(copy, schema=9), "schema 9"),
    "an odd field": (lambda copy: _changed(copy, layers="two"), "cannot be used"),
    "a field too many": (lambda copy: _changed(copy, colour="red"), "cannot be used"),
    "another number of layers": (lambda copy: _changed(copy, layers=3), "not the graph that"),
    "no template": (lambda copy: (copy / "chat_template.jinja").unlink(), "has no chat template"),
    "broken template": (
        lambda copy: (copy / "chat_template.jinja").write_text("{% for"),
        "the chat template is broken",
    ),
    "no tokenizer": (lambda copy: (copy / "tokenizer.json").unlink(), "holds no tokenizer"),
    "broken tokenizer": (lambda copy: (copy / "tokenizer.json").write_text("{}"), "tokenizer.json"),
    "no graph": (lambda copy: (copy / "tower.onnx").unlink(), "the graph"),
    "cut graph": (lambda copy: _cut(copy / "decoder.onnx"), "the graph"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_bad_folder_gives_one_clear_error(copy, how):
    spoil, said = SPOILT[how]
    spoil(copy)
    with pytest.raises(ConfigError) as caught:
        open_batch_model(str(copy))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_checkpoint_is_not_exported(checkpoint, tmp_path):
    broken = shutil.copytree(checkpoint, tmp_path / "broken")
    (broken / "chat_template.jinja").unlink()
    said = CliRunner().invoke(app, ["export-onnx", str(broken), "--out", str(tmp_path / "out")])
    assert isinstance(said.exception, ConfigError)
    assert "no chat template" in str(said.exception)
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_named(plain):
    with pytest.raises(ConfigError, match="auto, cpu or cuda"):
        open_batch_model(str(plain), device="tpu")
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigError, match="the extra onnx-gpu"):
            open_batch_model(str(plain), device="cuda")


def test_an_image_processor_that_is_not_imitated_is_refused(checkpoint, tmp_path):
    loaded = load(checkpoint, Options(dtype="float32", device="cpu"))
    loaded.images.do_normalize = False
    with pytest.raises(ConfigError, match="do_normalize off"):
        export(loaded.model, loaded.tokenizer, loaded.images, tmp_path / "out", name="x")


def test_a_card_is_read_as_it_was_written(plain, tmp_path):
    from parrot.backends.onnx.card import write_card

    card = evolve(read_card(plain), name="other")
    write_card(tmp_path, card)
    assert read_card(tmp_path) == card
