"""Two processes on the CPU train one student, as one process does at the same effective batch."""

import json
import os
import socket
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch
from safetensors.torch import load_file

from parrot.backends.torch.training import Recipe
from parrot.core.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore")
CODE = """
import json, sys
from attrs import evolve
from parrot.backends.torch.distil import distil
from parrot.backends.torch.training import Recipe
from parrot.core.asks import Turn
from parrot.core.examples import Example
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Label

base, out, recipe = sys.argv[1], sys.argv[2], Recipe(**json.loads(sys.argv[3]))
examples = [
    Example(
        id=f"e{n}",
        turns=(Turn("user", ("Image A:", plain_image(9 * n, 0, 0), "B", plain_image(0, n, 9))),),
        answer="A wins " + "again " * (n % 5) if n % 2 else "B wins",
        pair_id=f"p{n}", form="pairwise", label=Label.A if n % 2 else Label.B,
    )
    for n in range(24)
]
said = []
done = distil(base, examples, out, recipe=recipe, say=lambda line: said.append(dict(line)))
print("TOLD" + json.dumps({"loss": done.loss, "steps": done.steps, "said": said}))
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def trained(base, out, recipe, ranks):
    """What each rank told; launched as torchrun launches."""
    port = str(free_port())
    common = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(base), str(out), json.dumps(recipe)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            | ({**common, "RANK": str(n), "LOCAL_RANK": str(n)} if ranks > 1 else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(ranks)
    ]
    ended = [child.communicate(timeout=600) for child in children]
    for child, (_, errors) in zip(children, ended, strict=True):
        assert child.returncode == 0, errors
    lines = [out.partition("TOLD")[2] for out, _ in ended]
    return [json.loads(line.splitlines()[0]) for line in lines]


@pytest.mark.deep
# What one process adds up in two halves: in one sum the first step's loss is the same and its
# gradient differs by rounding, of which Adam's first step at this rate makes a hundredth.
@pytest.mark.parametrize("parted", [{"batch": 2, "accumulate": 2}, {"batch": 3, "accumulate": 2}])
def test_two_ranks_reach_the_loss_of_one(checkpoint, tmp_path, parted, capsys):
    recipe = {"steps": 7, "rate": 5e-3, "every": 3, "device": "cpu", "bf16": False, **parted}
    (one,) = trained(checkpoint, tmp_path / "one", recipe, 1)
    first, second = trained(checkpoint, tmp_path / "two", recipe, 2)
    losses = [[line["loss"] for line in told["said"] if "loss" in line] for told in (one, first)]
    with capsys.disabled():
        print(f"\n{parted}: one process {one['loss']:.6f}, two {first['loss']:.6f}")
    assert first["steps"] == one["steps"] == 7
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert first["loss"] == pytest.approx(one["loss"], abs=1e-4)
    assert second["loss"] == first["loss"]
    assert not second["said"]
    mine, theirs = (load_file(tmp_path / n / "model.safetensors") for n in ("one", "two"))
    assert all(torch.allclose(mine[k], theirs[k], atol=1e-3) for k in mine)
    assert not (tmp_path / "two" / "checkpoints").exists()


def test_the_effective_batch_is_parted_and_never_changed():
    for ranks in (1, 2, 3, 4, 6):
        part = Recipe(batch=4, accumulate=3).on(ranks) if ranks != 6 else Recipe(batch=6).on(6)
        whole = 12 if ranks != 6 else 6
        assert part.batch * part.accumulate * ranks == whole
    with pytest.raises(ConfigError, match="5 processes"):
        Recipe(batch=4, accumulate=3).on(5)
