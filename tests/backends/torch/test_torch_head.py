"""A scalar head: what it learns from labels, what it leaves alone, and how it comes back."""

import math

import pytest
from attrs import evolve

pytest.importorskip("torch", reason="the head is a torch module")
pytest.importorskip("transformers", reason="backbones load through transformers")
pytest.importorskip("accelerate", reason="transformers' Trainer needs it")

import torch

from parrot.backends.torch.head import Scalar, fed_of, item_of, open_head
from parrot.backends.torch.loading import load
from parrot.backends.torch.preferring import train_head
from parrot.backends.torch.preparing import Preparer
from parrot.backends.torch.training import Recipe
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError
from parrot.core.pipelines.scoring import scoring_asks
from parrot.core.prompts.judging import Layout, Prompt
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Image, Label, PreferencePair, Request

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
SMALL = Recipe(steps=6, batch=2, rate=3e-3, every=2, device="cpu", bf16=False)
LABELS = (Label.A, Label.B, Label.TIE)


def pairs(count, labels=LABELS):
    return [
        PreferencePair(
            id=f"p{n}",
            request=Request(f"a shape {n}"),
            image_a=plain_image(9 * n, 0, 200),
            image_b=plain_image(0, 250, 9 * n),
            label=labels[n % len(labels)],
        )
        for n in range(count)
    ]


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_a_head_learns_labels_and_a_tie_draws_numbers_together(checkpoint, tmp_path):
    some = pairs(3)
    recipe = evolve(SMALL, steps=60, batch=3, every=100)
    done = train_head(checkpoint, some, tmp_path / "out", recipe=recipe)
    assert done.steps == 60
    head = open_head(done.folder, device="cpu")
    a, b, tie = head.margins(some)
    assert a > 1.0
    assert b < -1.0
    assert abs(tie) < 0.5 * min(a, -b)
    mirrored = head.margins([one.mirrored() for one in some])
    assert mirrored == pytest.approx([-a, -b, -tie], abs=1e-4)
    assert head.margins(some[1:2]) == pytest.approx([b], abs=1e-4)  # alone as in a batch
    assert "of which 1 ties" in (done.folder / "README.md").read_text()


def test_a_fresh_head_likes_nothing_and_its_loss_is_that_of_a_coin(checkpoint):
    loaded = load(checkpoint)
    scalar, prepare = Scalar(loaded.model), Preparer(loaded)
    asks = [ask for one in pairs(3) for ask in scoring_asks(one, Prompt())]
    fed = fed_of([item_of(prepare, ask) for ask in asks])
    out = scalar(fed, torch.tensor([1.0, 0.0, 0.5]))
    assert out["margins"].tolist() == [0.0, 0.0, 0.0]
    assert float(out["loss"]) == pytest.approx(math.log(2))


def test_a_frozen_base_is_left_as_it_was(checkpoint, tmp_path):
    done = train_head(checkpoint, pairs(3), tmp_path / "out", recipe=SMALL, frozen=True)
    before, after = weights(checkpoint), weights(done.folder)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any(margin != 0.0 for margin in open_head(done.folder).margins(pairs(3)))
    moved = train_head(checkpoint, pairs(3), tmp_path / "whole", recipe=SMALL)
    after = weights(moved.folder)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(".visual." in name for name in changed)


class _Killed(Exception):
    pass


def test_a_killed_training_ends_with_the_same_numbers(checkpoint, tmp_path):
    whole = train_head(checkpoint, pairs(5), tmp_path / "whole", recipe=SMALL)

    def kill(line):
        if line["step"] >= 4:
            raise _Killed

    with pytest.raises(_Killed):
        train_head(checkpoint, pairs(5), tmp_path / "out", recipe=SMALL, say=kill)
    again = train_head(checkpoint, pairs(5), tmp_path / "out", recipe=SMALL)
    assert not (again.folder / "checkpoints").exists()
    one, other = (open_head(done.folder).margins(pairs(5)) for done in (whole, again))
    assert one == other


def test_the_name_follows_the_weights_of_head_and_backbone(checkpoint, tmp_path):
    first = train_head(checkpoint, pairs(3), tmp_path / "a" / "h", recipe=SMALL)
    name = open_head(first.folder).id
    assert name.startswith("head:h@")
    other = train_head(
        checkpoint, pairs(3), tmp_path / "b" / "h", recipe=evolve(SMALL, steps=7), frozen=True
    )
    assert open_head(other.folder).id != name


def test_an_image_that_does_not_open_fails_alone(checkpoint, tmp_path):
    done = train_head(checkpoint, pairs(3), tmp_path / "out", recipe=SMALL)
    head = open_head(done.folder)
    whole = pairs(3)
    broken = evolve(whole[1], image_b=Image("0" * 64, "image/png", b"no image"))
    before, failed, after = head.margins([whole[0], broken, whole[2]])
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.IMAGE
    assert [before, after] == pytest.approx(
        [head.margins([whole[0]])[0], head.margins([whole[2]])[0]], abs=1e-4
    )


def test_what_must_not_be_learned_from_is_refused_unless_forced(checkpoint, tmp_path):
    some = pairs(3)
    with pytest.raises(ConfigError, match="nothing to learn"):
        train_head(checkpoint, [], tmp_path)
    with pytest.raises(ConfigError, match="1 pairs are learned from and held out, first 'p2'"):
        train_head(checkpoint, some, tmp_path, held=some[2:])
    with pytest.raises(ConfigError, match="no adapters"):
        train_head(checkpoint, some, tmp_path, recipe=evolve(SMALL, lora=2))
    barred = [*some, evolve(pairs(9)[8], may_train=False)]
    with pytest.raises(ConfigError, match="1 pairs may not"):
        train_head(checkpoint, barred, tmp_path)
    recipe = evolve(SMALL, steps=1)
    assert train_head(checkpoint, barred, tmp_path / "x", recipe=recipe, force=True).pairs == 4


def test_a_folder_without_a_whole_head_is_one_clear_error(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match="no scalar head"):
        open_head(checkpoint)
    done = train_head(checkpoint, pairs(3), tmp_path / "out", recipe=SMALL)
    with pytest.raises(ConfigError, match="trained with the prompt 'prefix-first/"):
        open_head(done.folder, prompt=Prompt(Layout.RELEASED))
    (done.folder / "head.safetensors").write_bytes(b"\x00")
    with pytest.raises(ConfigError, match=r"head\.safetensors cannot be read"):
        open_head(done.folder)
