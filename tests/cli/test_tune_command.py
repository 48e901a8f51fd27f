"""`parrot tune`: requests and a reward in, LoRA out; a configuration for Flow-Factory; refusals."""

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from parrot.adapters.trainers.flow_factory_recipe import Settings, configuration
from parrot.cli import main
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Request

pytestmark = pytest.mark.filterwarnings("ignore")
REWARD = '''
from parrot.backends.images import pixels


def redness(drawings):
    """The mean of red, in [0, 1]."""
    return [pixels(one.image).resize((1, 1)).getpixel((0, 0))[0] / 255 for one in drawings]


nothing = 3
'''
SMALL = (
    "--steps", "2", "--group", "3", "--prompts-per-step", "1", "--sampling-steps", "3", "--size",
    "16", "--max-sequence-length", "8", "--rank", "2", "--no-filter", "--device", "cpu",
)  # fmt: skip


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["parrot", "tune", *map(str, args)])
    try:
        main()
    except SystemExit as ended:
        return ended.code or 0
    return 0


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_reward.py").write_text(REWARD)
    place = tmp_path / "prompts.jsonl"
    place.write_text('{"prompt": "a red circle"}\n{"prompt": "a blue square"}\n')
    return place


@pytest.fixture
def flux(tmp_path):
    pytest.importorskip("torch", reason="the extra `diffusers` is not installed")
    pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
    pytest.importorskip("peft", reason="the extra `diffusers` is not installed")
    place = Path(__file__).parents[1] / "backends" / "diffusers" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny", place)
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    tiny.flux().save_pretrained(tmp_path / "flux", safe_serialization=True)
    return tmp_path / "flux"


@pytest.mark.parametrize("reward", ["python:my_reward:redness", "miniature:teacher"])
def test_a_generator_is_tuned_and_the_same_command_goes_on(
    monkeypatch, capsys, tmp_path, asked, flux, reward
):
    given = ("--generator", flux, "--reward", reward, "--prompts", asked, "--out", "out", *SMALL)
    assert run(monkeypatch, *given, "--json") == 0
    told = capsys.readouterr()
    said = json.loads(told.out)
    assert said["steps"] == 2
    assert said["last"]["drawn"] == 3
    lines = [json.loads(line) for line in told.err.splitlines() if line.startswith("{")]
    assert [line["step"] for line in lines] == [0, 1]
    assert (tmp_path / "out" / "pytorch_lora_weights.safetensors").is_file()
    assert run(monkeypatch, *given) == 0
    assert "2 of 2 steps: out" in capsys.readouterr().out
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "run.json").write_text('{"command": "rationalize"}')
    assert run(monkeypatch, *given, "--out", "taken") == 2
    assert "holds another run" in capsys.readouterr().err
    assert run(monkeypatch, *given, "--method", "grpo") == 2
    assert "(method: 'nft', not 'grpo')" in capsys.readouterr().err


def test_a_signal_ends_with_130_and_the_same_command_goes_on(
    monkeypatch, capsys, tmp_path, asked, flux
):
    reward = ("--reward", "python:my_reward:redness")
    given = ("--generator", flux, *reward, "--prompts", asked, "--out", "out", *SMALL)
    with monkeypatch.context() as pressed:
        pressed.setattr("parrot.cli.tune.stopped_by_signal", lambda: lambda: True)
        assert run(monkeypatch, *given) == 130
    told = capsys.readouterr()
    assert "0 of 2 steps" in told.out
    assert "interrupted; the same command goes on" in told.err
    assert run(monkeypatch, *given) == 0
    assert "2 of 2 steps" in capsys.readouterr().out


def test_the_page_on_tuning_runs_as_it_stands(monkeypatch, capsys, tmp_path, flux):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "tune.md").read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, body in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(body)
    lines = [line for line in page.splitlines() if line.startswith("parrot tune ")]
    assert len(lines) == 3
    for line in lines:
        _, _, *given = shlex.split(line.replace("PATH", str(flux)))
        assert run(monkeypatch, *given) == 0, capsys.readouterr().err
    assert (tmp_path / "redder" / "grids").is_dir()
    assert (tmp_path / "cluster" / "flow-factory.yaml").is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--reward", "python:my_reward:absent"), "no function"),
        (("--reward", "python:my_reward:nothing"), "is no function of drawings"),
        (("--method", "ppo"), "unknown method 'ppo'"),
        (("--advantages", "best"), "unknown kind of advantages 'best'"),
        (("--weight", "text"), "reads KEY=NUMBER"),
        (("--generator", "nowhere"), "no folder with a pipeline"),
        (("--prompts", "nowhere.jsonl"), "is no file"),
    ],
)
def test_wrong_options_are_one_line(monkeypatch, capsys, asked, given, said):
    pytest.importorskip("peft", reason="the extra `diffusers` is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    usual = {"--generator": "x", "--reward": "python:my_reward:redness", "--prompts": asked}
    usual |= dict([given])
    flat = [part for pair in usual.items() for part in pair]
    assert run(monkeypatch, *flat, "--out", "out") == 2
    assert said in capsys.readouterr().err


def test_several_ranks_are_refused(monkeypatch, capsys, asked):
    pytest.importorskip("peft", reason="the extra `diffusers` is not installed")
    monkeypatch.setenv("WORLD_SIZE", "2")
    usual = ("--generator", "x", "--reward", "python:my_reward:redness", "--prompts", asked)
    assert run(monkeypatch, *usual, "--out", "out") == 2
    assert "not in 2 ranks" in capsys.readouterr().err


def test_a_configuration_for_flow_factory_is_written_instead(monkeypatch, capsys, tmp_path, asked):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    out = tmp_path / "ff"
    given = (
        "--generator", "black-forest-labs/FLUX.1-dev", "--reward", "openai:critic@http://h:1/v1",
        "--prompts", asked, "--out", out, "--recipe", "flow-factory", "--kl", "0.00001",
        "--weight", "physical_quality=2",
    )  # fmt: skip
    assert run(monkeypatch, *given) == 0
    assert capsys.readouterr().out.strip() == f"ff-train {out / 'flow-factory.yaml'}"
    read = yaml.safe_load((out / "flow-factory.yaml").read_text())
    asked_ = (Request("a red circle"), Request("a blue square"))
    settings = Settings(
        "black-forest-labs/FLUX.1-dev",
        "openai:critic@http://h:1/v1",
        kl=1e-5,
        weights={"physical_quality": 2.0},
    )
    assert read == configuration(settings, asked_, out)
    assert read["train"]["kl_beta"] == 1e-5
    weights = {one["dimension"]: one["weight"] for one in read["rewards"]}
    assert weights == {"text_faithfulness": 1.0, "physical_quality": 2.0, "text_rendering": 1.0}
    rows = [json.loads(line) for line in (out / "data" / "train.jsonl").read_text().splitlines()]
    assert rows == [{"prompt": "a red circle"}, {"prompt": "a blue square"}]


def test_sources_go_along_and_choose_kontext(monkeypatch, tmp_path, asked):
    image = plain_image(1, 2, 3)
    from parrot.backends.images import original_bytes

    (tmp_path / "source.png").write_bytes(original_bytes(image))
    asked.write_text('{"prompt": "make it blue", "sources": ["source.png"]}\n')
    out = tmp_path / "ff"
    given = ("--generator", "k", "--reward", "openai:b", "--prompts", asked, "--out", out)
    assert run(monkeypatch, *given, "--recipe", "flow-factory", "--method", "grpo") == 0
    (row,) = [json.loads(line) for line in (out / "data" / "train.jsonl").read_text().splitlines()]
    assert (out / "data" / "images" / row["images"][0]).read_bytes() == original_bytes(image)
    text = (out / "flow-factory.yaml").read_text()
    assert 'model_type: "flux1-kontext"' in text
    assert 'name: "image_faithfulness"' in text


def test_what_flow_factory_has_no_word_for_is_refused(monkeypatch, capsys, tmp_path, asked):
    both = (Request("a"), Request("b", (plain_image(1, 2, 3),)))
    with pytest.raises(ConfigError, match="both"):
        configuration(Settings("g", "a:b"), both, tmp_path)
    with pytest.raises(UnknownNameError, match="advantages"):
        configuration(Settings("g", "a:b", credit="ranked"), both[:1], tmp_path)
    given = ("--generator", "k", "--prompts", asked, "--out", tmp_path / "x")
    assert run(monkeypatch, *given, "--reward", "python:a:b", "--recipe", "flow-factory") == 2
    assert "name a function there yourself" in capsys.readouterr().err
    assert run(monkeypatch, *given, "--reward", "openai:b", "--recipe", "verl") == 2
    assert "is no recipe" in capsys.readouterr().err
    for reward, said in (("nope", "kind:target"), ("opnai:b", "Did you mean 'openai'?")):
        assert run(monkeypatch, *given, "--reward", reward, "--recipe", "flow-factory") == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
