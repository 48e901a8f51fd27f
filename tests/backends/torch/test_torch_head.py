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
from parrot.backends.torch.preferring import Preferences, collated_pairs, train_head
from parrot.backends.torch.preparing import Preparer
from parrot.backends.torch.training import Recipe
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError
from parrot.core.pipelines.scoring import scoring_asks
from parrot.core.prompts.judging import Prompt
from parrot.core.prompts.wording import Wording
from parrot.core.rubric import TEXT_TO_IMAGE, Dimension, Level
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Image, Label, PreferencePair, Request

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
SMALL = Recipe(steps=6, batch=2, rate=3e-3, every=2, device="cpu", bf16=False)
PROMPT = Prompt(wording=Wording(*["Judge."] * 7))  # short: the tiny tokenizer counts in bytes
LABELS = (Label.A, Label.B, Label.TIE)


SHORT = evolve(
    TEXT_TO_IMAGE,
    name="short",
    dimensions=(Dimension("looks", "Looks", "Looks.", (Level(4.0, "Fine", "Fine."),)),),
)


@pytest.fixture(autouse=True)
def short_asks(monkeypatch):
    monkeypatch.setattr("parrot.core.pipelines.scoring.rubric_for", lambda _: SHORT)


def pairs(count, labels=LABELS):
    return [
        PreferencePair(
            id=f"p{n}",
            request=Request("a shape" + ", large" * n),  # of different lengths
            image_a=plain_image(9 * n, 0, 200),
            image_b=plain_image(0, 250, 9 * n),
            label=labels[n % len(labels)],
        )
        for n in range(count)
    ]


def learned(*given, **how):
    return train_head(*given, prompt=PROMPT, **how)


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_a_head_learns_which_image_is_liked_and_from_a_tie_neither(checkpoint, tmp_path):
    # Over a frozen base the loss is convex: what is learned does not hang on random weights.
    recipe = evolve(SMALL, rate=1.0, every=100)

    def margins(label):
        some = [evolve(one, label=label) for one in pairs(2)]
        done = learned(checkpoint, some, tmp_path / label, recipe=recipe, frozen=True)
        assert done.steps == 6
        head = open_head(done.folder, prompt=PROMPT)
        found = head.margins(some)
        mirrored = head.margins([one.mirrored() for one in some])
        assert mirrored == pytest.approx([-one for one in found], abs=1e-4)
        # Alone as in a batch, where the shorter ask is padded.
        assert head.margins(some[:1]) == pytest.approx(found[:1], abs=1e-4)
        return found

    first, second = margins(Label.A)
    assert min(first, second) > 0.01
    assert margins(Label.B) == pytest.approx([-first, -second], abs=1e-4)
    assert margins(Label.TIE) == [0.0, 0.0]
    assert "of which 2 ties" in (tmp_path / "TIE" / "README.md").read_text()


def test_a_fresh_head_likes_nothing_and_its_loss_is_that_of_a_coin(checkpoint):
    loaded = load(checkpoint)
    scalar, prepare = Scalar(loaded.model), Preparer(loaded)
    asks = [ask for one in pairs(3) for ask in scoring_asks(one, PROMPT)]
    fed = fed_of([item_of(prepare, ask) for ask in asks])
    shown = [Preferences(loaded, pairs(3), PROMPT)[i] for i in range(3)]
    targets = collated_pairs(shown)["targets"]
    assert targets.tolist() == [1.0, 0.0, 0.5]
    out = scalar(fed, targets)
    assert out["margins"].tolist() == [0.0, 0.0, 0.0]
    assert float(out["loss"]) == pytest.approx(math.log(2))
    with torch.no_grad():
        scalar.head.weight.normal_()
        out = scalar(fed, targets)
        numbers = scalar.rewards(fed)
    gaps = numbers[0::2] - numbers[1::2]
    assert torch.allclose(out["margins"], gaps)
    odds = torch.sigmoid(gaps)
    wanted = -(targets * odds.log() + (1 - targets) * (1 - odds).log()).mean()
    assert float(out["loss"]) == pytest.approx(float(wanted), abs=1e-5)


def test_a_frozen_base_is_left_as_it_was(checkpoint, tmp_path):
    said = []
    done = learned(
        checkpoint, pairs(3), tmp_path / "out", recipe=SMALL, frozen=True,
        held=pairs(5)[3:], say=said.append,
    )  # fmt: skip
    assert [line["step"] for line in said if "eval_loss" in line] == [2, 4, 6]
    before, after = weights(checkpoint), weights(done.folder)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any(margin != 0.0 for margin in open_head(done.folder, prompt=PROMPT).margins(pairs(3)))
    moved = learned(checkpoint, pairs(3), tmp_path / "whole", recipe=SMALL)
    after = weights(moved.folder)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(".visual." in name for name in changed)


class _Killed(Exception):
    pass


def test_a_killed_training_ends_with_the_same_numbers(checkpoint, tmp_path):
    whole = learned(checkpoint, pairs(5), tmp_path / "whole", recipe=SMALL)

    def kill(line):
        if line["step"] >= 4:
            raise _Killed

    with pytest.raises(_Killed):
        learned(checkpoint, pairs(5), tmp_path / "out", recipe=SMALL, say=kill)
    said = []
    again = learned(checkpoint, pairs(5), tmp_path / "out", recipe=SMALL, say=said.append)
    assert min(line["step"] for line in said) > 1  # from a checkpoint, not from the start
    assert not (again.folder / "checkpoints").exists()
    one, other = (
        open_head(done.folder, prompt=PROMPT).margins(pairs(5)) for done in (whole, again)
    )
    assert one == other


def test_the_name_follows_the_weights_of_head_and_backbone(checkpoint, tmp_path):
    first = learned(checkpoint, pairs(3), tmp_path / "a" / "h", recipe=SMALL)
    name = open_head(first.folder, prompt=PROMPT).id
    assert name.startswith("head:h@")
    other = learned(
        checkpoint, pairs(3), tmp_path / "b" / "h", recipe=evolve(SMALL, steps=7), frozen=True
    )
    assert open_head(other.folder, prompt=PROMPT).id != name


def test_an_image_that_does_not_open_fails_alone(checkpoint, tmp_path):
    done = learned(checkpoint, pairs(3), tmp_path / "out", recipe=SMALL)
    head = open_head(done.folder, prompt=PROMPT)
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
        learned(checkpoint, [], tmp_path)
    with pytest.raises(ConfigError, match="1 pairs are learned from and held out, first 'p2'"):
        learned(checkpoint, some, tmp_path, held=some[2:])
    with pytest.raises(ConfigError, match="no adapters"):
        learned(checkpoint, some, tmp_path, recipe=evolve(SMALL, lora=2))
    barred = [*some, evolve(pairs(9)[8], may_train=False)]
    with pytest.raises(ConfigError, match="1 pairs may not"):
        learned(checkpoint, barred, tmp_path)
    recipe = evolve(SMALL, steps=1)
    assert learned(checkpoint, barred, tmp_path / "x", recipe=recipe, force=True).pairs == 4


def test_a_folder_without_a_whole_head_is_one_clear_error(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match="no scalar head"):
        open_head(checkpoint)
    done = learned(checkpoint, pairs(3), tmp_path / "out", recipe=SMALL)
    with pytest.raises(ConfigError, match="trained with the prompt 'prefix-first/"):
        open_head(done.folder)
    (done.folder / "head.safetensors").write_bytes(b"\x00")
    with pytest.raises(ConfigError, match=r"head\.safetensors cannot be read"):
        open_head(done.folder, prompt=PROMPT)
