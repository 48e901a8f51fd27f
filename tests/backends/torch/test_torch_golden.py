"""What a network is fed here, without torchvision, against what transformers' processors feed it with.

tests/data/golden/make_processor_inputs.py wrote the reference where torchvision works.
"""

import io
import json
import runpy
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from parrot.backends.images import image_from_bytes
from parrot.backends.torch.loading import load
from parrot.backends.torch.preparing import Preparer
from parrot.core.asks import Ask, Turn

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
MAKING = runpy.run_path(str(GOLDEN / "make_processor_inputs.py"))
REFERENCE = json.loads((GOLDEN / "processor_inputs.json").read_text())
LEVEL, MOST, SHARE = 1.01, 10.01, 0.9
"""Most sampled values lie within one grey level of 255; a few at sharp edges of these patterns differ
by up to ten, since Pillow's resizing and torchvision's round their weights differently."""


@pytest.fixture(scope="module", params=sorted(REFERENCE))
def kind(request, checkpoint, tmp_path_factory):
    """A kind's name and a Preparer of a checkpoint with its image settings."""
    folder = tmp_path_factory.mktemp("golden") / request.param
    shutil.copytree(checkpoint, folder)
    settings = MAKING["settings"](request.param)
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return request.param, Preparer(load(folder)), settings


def shown(case):
    out = io.BytesIO()
    MAKING["picture"](*case).save(out, "PNG")
    return image_from_bytes(out.getvalue())


@pytest.mark.parametrize("name", sorted(MAKING["CASES"]))
def test_tokens_grids_and_pixels_are_those_of_the_processor(kind, name):
    of, prepare, settings = kind
    images = [shown(case) for case in MAKING["CASES"][name]]
    made = prepare(Ask((Turn("user", ("Look: ", *images, " which?")),)))
    golden = REFERENCE[of][name]
    text = prepare._tokenizer.decode(made.ids)
    body = text.partition("user\n")[2].partition("<|im_end|>")[0]
    assert body == prepare._tokenizer.decode(golden["ids"])
    assert made.pixels["image_grid_thw"].tolist() == golden["grid"]
    pixels = made.pixels["pixel_values"]
    assert list(pixels.shape) == golden["shape"]
    level = 1 / 255 / min(settings["image_std"])
    assert float(pixels.mean()) == pytest.approx(golden["mean"], abs=level / 2)
    differ = [
        abs(a - b) / level
        for a, b in zip(MAKING["sampled"](pixels), golden["samples"], strict=True)
    ]
    assert max(differ) <= MOST
    assert sum(one <= LEVEL for one in differ) >= SHARE * len(differ)
