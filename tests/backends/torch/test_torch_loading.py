"""What names a checkpoint, and the one clear error that a bad folder gives."""

import json
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from parrot.backends.torch import open_batch_model
from parrot.core.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def copy(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copy")


def test_equal_folders_of_one_name_are_one_model(checkpoint, tmp_path):
    one = shutil.copytree(checkpoint, tmp_path / "a" / "net")
    other = shutil.copytree(checkpoint, tmp_path / "b" / "net")
    assert open_batch_model(str(one)).id == open_batch_model(str(other)).id
    assert str(tmp_path) not in open_batch_model(str(one)).id


@pytest.mark.parametrize("what", ["weights", "tokenizer", "template", "processor", "dtype", "card"])
def test_the_id_changes_with_what_the_model_says(copy, what):
    before = open_batch_model(str(copy)).id
    options = {}
    if what == "weights":
        from safetensors.torch import load_file, save_file

        held = load_file(copy / "model.safetensors")
        next(iter(held.values()))[0] += 1
        save_file(held, copy / "model.safetensors", metadata={"format": "pt"})
    elif what == "tokenizer":
        data = json.loads((copy / "tokenizer_config.json").read_text())
        (copy / "tokenizer_config.json").write_text(json.dumps(data | {"model_max_length": 77}))
    elif what == "template":
        path = copy / "chat_template.jinja"
        path.write_text(path.read_text().replace("assistant", "judge"))
    elif what == "processor":
        path = copy / "preprocessor_config.json"
        path.write_text(path.read_text().replace("4096", "2048"))
    elif what == "dtype":
        options = {"dtype": "bfloat16"}
    else:
        (copy / "README.md").write_text("a model card")
    after = open_batch_model(str(copy), **options).id
    assert (before == after) is (what == "card")


def _without_norm(copy):
    from safetensors.torch import load_file, save_file

    held = load_file(copy / "model.safetensors")
    del held["model.language_model.norm.weight"]
    save_file(held, copy / "model.safetensors", metadata={"format": "pt"})


def _cut(copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])


SPOILT = {
    "no folder": shutil.rmtree,
    "no config": lambda copy: (copy / "config.json").unlink(),
    "config of no JSON": lambda copy: (copy / "config.json").write_text("{"),
    "another architecture": lambda copy: (copy / "config.json").write_text(
        '{"model_type": "bert"}'
    ),
    "no template": lambda copy: (copy / "chat_template.jinja").unlink(),
    "cut weights": _cut,
    "lacking weights": _without_norm,
    "no tokenizer": lambda copy: [path.unlink() for path in copy.glob("token*")],
    "pickled weights": lambda copy: (copy / "model.safetensors").rename(copy / "model.bin"),
}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no folder", "no folder"),
        ("no config", "no config.json"),
        ("config of no JSON", "config.json cannot be used"),
        ("another architecture", "'bert' model, which does not read images"),
        ("no template", "no chat template"),
        ("cut weights", "the weights in"),
        ("lacking weights", "lack 'model.language_model.norm.weight'"),
        ("no tokenizer", "tokenizer"),
        ("pickled weights", "holds no safetensors"),
    ],
)
def test_a_bad_folder_gives_one_clear_error(copy, how, said):
    SPOILT[how](copy)
    with pytest.raises(ConfigError) as caught:
        open_batch_model(str(copy))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_dtype_is_named(checkpoint):
    with pytest.raises(ConfigError, match="dtype is one of"):
        open_batch_model(str(checkpoint), dtype="int3")
