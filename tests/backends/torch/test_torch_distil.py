"""Distilling: what is learned, what is left alone, and that a kill changes nothing."""

import shutil

import pytest
from attrs import evolve

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch
from PIL import Image as Pillow

from parrot.backends.images import image_from_bytes, image_from_pixels
from parrot.backends.torch import distil as distilling
from parrot.backends.torch import open_batch_model, training
from parrot.backends.torch.distil import distil
from parrot.backends.torch.lessons import Lessons, collated
from parrot.backends.torch.loading import load
from parrot.backends.torch.training import Recipe, last_checkpoint
from parrot.core.asks import Ask, Sampling, Turn
from parrot.core.errors import ConfigError
from parrot.core.examples import Example
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Label

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
SMALL = Recipe(steps=6, batch=2, rate=5e-3, every=2, device="cpu", bf16=False)


def examples(count, start=0):
    return [
        Example(
            id=f"e{n}",
            turns=(
                Turn("system", ("Judge.",)),
                Turn("user", ("Image A:", plain_image(9 * n, 0, 0), "and", plain_image(0, n, 9))),
            ),
            answer=f"A wins {n}" if n % 2 else "B wins",
            pair_id=f"p{n}",
            form="pairwise",
            label=Label.A if n % 2 else Label.B,
        )
        for n in range(start, start + count)
    ]


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_lessons_hold_what_asking_sends_and_the_answer_alone_is_scored(checkpoint):
    loaded = load(checkpoint)
    some = [*examples(2), evolve(examples(1)[0], turns=(Turn("user", ("text alone",)),))]
    fed = collated([Lessons(loaded, some)[i] for i in range(3)])
    for row, one in enumerate(some):
        labels = fed["labels"][row]
        said = loaded.tokenizer.decode(labels[labels != -100])
        assert said == f"{one.answer}<|im_end|>"
        kept = fed["input_ids"][row][fed["attention_mask"][row].bool()]
        assert loaded.tokenizer.decode(kept).endswith(f"<|im_start|>assistant\n{said}")
    fed.pop("labels")
    own = {k: v for k, v in fed.items() if k != "position_ids"}
    with torch.no_grad():
        ours, theirs = loaded.model(**fed).logits, loaded.model(**own).logits
    held = fed["attention_mask"].bool()
    assert torch.allclose(ours[held], theirs[held], atol=1e-4)


def test_a_student_learns_and_loads_without_this_library(checkpoint, tmp_path):
    from transformers import AutoModelForImageTextToText

    said = []
    recipe = evolve(SMALL, steps=40, every=100)
    done = distil(checkpoint, examples(4), tmp_path / "out", recipe=recipe, say=said.append)
    losses = [line["loss"] for line in said if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    AutoModelForImageTextToText.from_pretrained(done.folder)
    assert open_batch_model(str(done.folder)).id != open_batch_model(str(checkpoint)).id
    assert not (done.folder / "checkpoints").exists()
    assert "4 comparisons" in (done.folder / "README.md").read_text()
    before, after = weights(checkpoint), weights(done.folder)
    towers = [name for name in before if ".visual." in name]
    assert towers
    assert all(torch.equal(before[name], after[name]) for name in towers)
    assert not torch.equal(
        before["model.language_model.norm.weight"], after["model.language_model.norm.weight"]
    )


class _Killed(Exception):
    pass


@pytest.mark.parametrize("partial", [False, True])
def test_a_killed_training_ends_with_the_same_weights(checkpoint, tmp_path, partial):
    whole = distil(checkpoint, examples(5), tmp_path / "whole", recipe=SMALL)

    def kill(line):
        if line["step"] >= 4:
            raise _Killed

    with pytest.raises(_Killed):
        distil(checkpoint, examples(5), tmp_path / "out", recipe=SMALL, say=kill)
    folder = tmp_path / "out" / training.CHECKPOINTS
    assert last_checkpoint(folder)
    if partial:  # the kill came while another checkpoint was being written
        shutil.copytree(last_checkpoint(folder), folder / "checkpoint-5")
        (folder / "checkpoint-5" / "trainer_state.json").write_text('{"epo')
    again = distil(checkpoint, examples(5), tmp_path / "out", recipe=SMALL)
    assert again.steps == whole.steps == 6
    one, other = weights(whole.folder), weights(again.folder)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_adapters_are_merged_into_what_comes_out(checkpoint, tmp_path):
    pytest.importorskip("peft")
    recipe = evolve(SMALL, lora=2)
    done = distil(checkpoint, examples(4), tmp_path / "out", recipe=recipe)
    before, after = weights(checkpoint), weights(done.folder)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("_proj" in name and ".visual." not in name for name in changed)


def test_agreement_is_that_of_the_held_out_comparisons(checkpoint):
    held = examples(6, start=20)
    model = open_batch_model(str(checkpoint))
    asks = [Ask(one.turns, Sampling(temperature=0.0)) for one in held]
    texts = {e.id: r.text for e, r in zip(held, model.reply_batch(asks), strict=True)}

    def right(one, text):
        assert text == texts[one.id]
        return None if one.id == "e20" else one.label is Label.A

    assert distilling.agreement(load(checkpoint), held, right) == (3 / 5, 0)


def test_what_must_not_be_learned_from_is_refused_unless_forced(checkpoint, tmp_path):
    some = examples(3)
    with pytest.raises(ConfigError, match="nothing to learn"):
        distil(checkpoint, [], tmp_path)
    with pytest.raises(ConfigError, match="1 pairs are learned from and held out, first 'p2'"):
        distil(checkpoint, some, tmp_path, held=examples(2, start=2))
    barred = [*some, evolve(examples(1, start=9)[0], may_train=False)]
    with pytest.raises(ConfigError, match="1 examples are of pairs that may not"):
        distil(checkpoint, barred, tmp_path)
    recipe = evolve(SMALL, steps=1)
    assert distil(checkpoint, barred, tmp_path / "x", recipe=recipe, force=True).steps == 1


def cut():
    whole = image_from_pixels(Pillow.new("RGB", (40, 40), "red"))
    return image_from_bytes(whole.source[:60])


def broken(example):
    return evolve(example, turns=(Turn("user", ("Image A:", cut(), "and", cut())),))


def test_what_was_not_answered_is_no_wrong_answer(checkpoint):
    held = examples(3)
    said = distilling.agreement(
        load(checkpoint), [broken(held[0]), *held[1:]], lambda one, text: True
    )
    assert said == (1.0, 1)
    assert distilling.agreement(load(checkpoint), [broken(held[0])], pytest.fail) == (None, 1)


def test_an_image_that_cannot_be_decoded_leaves_out_its_example_and_is_told_of(
    checkpoint, tmp_path
):
    some, said = examples(3), []
    some[1] = broken(some[1])
    held = [broken(one) if n == 0 else one for n, one in enumerate(examples(2, start=9))]
    done = distil(checkpoint, some, tmp_path / "out", recipe=SMALL, held=held, say=said.append)
    assert (done.undecodable, done.examples) == (1, 3)
    (told,) = [line for line in said if "undecodable" in line]
    assert told["first"][0] == "e1"
    assert "cut short" in told["first"][1]
    assert "cannot be decoded: 1 examples" in (done.folder / "README.md").read_text()
    with pytest.raises(ConfigError, match="no image can be decoded"):
        distil(checkpoint, some[1:2], tmp_path / "none", recipe=SMALL)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"recipe": evolve(SMALL, rate=1e-3)}, "rate: 0.005, not 0.001"),
        ({"examples": examples(5, start=1)}, "learned: "),
    ],
)
def test_a_training_does_not_go_on_with_another_ones_checkpoint(
    checkpoint, tmp_path, changed, said
):
    def kill(line):
        if line["step"] >= 4:
            raise _Killed

    given = {"examples": examples(5), "recipe": SMALL}
    with pytest.raises(_Killed):
        distil(checkpoint, out=tmp_path / "out", say=kill, **given)
    with pytest.raises(ConfigError, match=said):
        distil(checkpoint, out=tmp_path / "out", **given | changed)
    # On another device, or shared out otherwise, it is the same training.
    other = evolve(SMALL, batch=1, accumulate=2, bf16=None)
    assert distil(checkpoint, out=tmp_path / "out", **given | {"recipe": other}).steps == 6
