"""The student's tokenizer, network and run: what is written loads, and a kill changes nothing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

import torch
import transformers

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.training.student import run, seeing
from parrot.backends.miniature.training.student.batches import (
    collated,
    encoded,
    patches,
    pool,
    prompted,
)
from parrot.backends.miniature.training.student.lens import Lens
from parrot.backends.miniature.training.student.lessons import (
    SPECIALS,
    TEMPLATE,
    chat_text,
)
from parrot.backends.miniature.training.student.run import Setup, Training, train_student
from parrot.backends.miniature.training.student.tokens import (
    tokenizer_of,
    vocabulary,
    write_files,
)
from parrot.backends.miniature.training.student.vocabulary import LESSONS, gathered, passages
from parrot.core.asks import Turn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def words():
    return vocabulary()


@pytest.fixture(scope="module")
def tokenizer(words):
    return tokenizer_of(words)


@pytest.fixture(scope="module")
def folder(words, tmp_path_factory):
    home = tmp_path_factory.mktemp("files")
    write_files(home, words)
    return home


@given(st.text(max_size=60))
@settings(max_examples=80)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_scores_and_headings_are_single_tokens(tokenizer):
    for text in [f" {n}" for n in range(10)] + [f".{n}" for n in range(10)]:
        assert len(tokenizer.encode(text).ids) == 1
    for text in (
        "\n## Score A:",
        "\n## Justification:",
        "\n1. Text Faithfulness:",
        " N",
        " circles",
    ):
        assert len(tokenizer.encode(text).ids) == 1
    assert tokenizer.encode("\n## Score: 3.4\n").tokens[1:3] == ["Ġ3", ".4"]


def test_lessons_are_short_and_hold_no_spelled_out_words(tokenizer, words):
    known = set(words.words) | set(passages())
    for make in LESSONS:
        for n in range(40):
            one = make(Chance("tokens", n), "test")
            ask, answer = tokenizer.encode(one.ask), tokenizer.encode(one.answer)
            assert len(ask.ids) < 260
            assert len(answer.ids) < 270
    assert len(known) == len(words.words) + len(words.passages)


def test_the_vocabulary_is_the_same_again(words):
    def cut(text):
        return text.split(" ")

    assert gathered(cut).passages == words.passages
    assert len(words) == len(SPECIALS) + 256 + len(words.words) + len(words.passages)


def test_transformers_loads_the_same_tokenizer(folder, tokenizer):
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    one = LESSONS[-2](Chance(5), "train")
    for text in (one.ask, one.answer, "Grüße 日本 🦜 <|im_end|>\n 1.25 3.4"):
        assert loaded(text).input_ids == tokenizer.encode(text).ids
        assert loaded.decode(loaded(text).input_ids) == text
    assert loaded.eos_token == "<|im_end|>"
    assert loaded.pad_token == "<|endoftext|>"


def test_the_chat_markup_is_that_of_the_template(folder):
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    assert loaded.chat_template == TEMPLATE
    turns = (Turn("system", ("be brief",)), Turn("user", ("look", seeing.SLOT, "and say")))
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "be brief"}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image"},
                {"type": "text", "text": "and say"},
            ],
        },
    ]
    text = loaded.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text.replace("<|image_pad|>", "<|image_pad|>" * 4) == chat_text(turns)


def test_patches_are_those_of_the_image_processor(folder):
    import numpy as np
    from PIL import Image

    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    pictures = [seeing.caption(Chance(n), "train").pictures[0] for n in range(5)]
    made = processor(images=[Image.fromarray(p) for p in pictures], return_tensors="pt")
    assert torch.equal(made["pixel_values"], patches(np.stack(pictures)))
    assert made["image_grid_thw"].tolist() == [[1, 4, 4]] * 5


def test_labels_stand_on_answers_alone_and_prompts_end_where_they_begin(tokenizer):
    lessons = [make(Chance(n), "train") for n, make in enumerate(LESSONS)]
    batch = encoded(tokenizer, lessons)
    fed, asked = collated(batch), prompted(batch)
    for row, one in enumerate(lessons):
        labels = fed["labels"][row]
        said = tokenizer.decode(labels[labels != -100].tolist(), skip_special_tokens=False)
        assert said == f"{one.answer}<|im_end|>"
        held = asked["attention_mask"][row].bool()
        text = tokenizer.decode(asked["input_ids"][row][held].tolist(), skip_special_tokens=False)
        assert text == one.ask
    assert fed["mm_token_type_ids"].sum() == 4 * len(fed["image_grid_thw"])


def test_a_pool_is_the_same_again_and_another_by_number(tokenizer):
    one, again, other = (
        pool(n, stage=1, seed=3, tokenizer=tokenizer, lens=Lens()) for n in (0, 0, 1)
    )
    assert [[e.answer for e in b] for b in one] == [[e.answer for e in b] for b in again]
    assert [[e.answer for e in b] for b in one] != [[e.answer for e in b] for b in other]
    assert sum(map(len, one)) == 512


class _Ticks:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        self.at += 1.0
        return self.at


@pytest.fixture
def small(monkeypatch, words):
    monkeypatch.setattr(run, "TOWER_STEPS", 2)
    monkeypatch.setattr(run, "SEE_STEPS", 1)
    monkeypatch.setattr(run, "vocabulary", lambda: words)
    monkeypatch.setattr(run, "POOL", 24, raising=False)
    monkeypatch.setattr("parrot.backends.miniature.training.student.batches.POOL", 24)
    monkeypatch.setattr("parrot.backends.miniature.training.student.batches.TOKENS", 700)
    monkeypatch.setattr("parrot.backends.miniature.training.student.tower.IMAGES", 4)


def test_a_run_taken_up_again_is_the_run_that_never_stopped(small, tmp_path):
    whole = Training(Setup(state=tmp_path / "whole"))
    for _ in range(7):
        whole.learn()
    for steps in (1, 3, 3):  # in stage 0, across stages, across pools
        parts = Training(Setup(state=tmp_path / "parts"))
        for _ in range(steps):
            parts.learn()
        parts.saver.save()
    assert parts.step == whole.step == 7
    pairs = zip(
        whole.average.state_dict().values(), parts.average.state_dict().values(), strict=True
    )
    assert all(torch.equal(a, b) for a, b in pairs)
    pairs = zip(whole.model.parameters(), parts.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_what_is_shipped_loads_and_is_bf16(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Training, "figures", lambda self: {"caption exact": 0.0})
    lines = []
    setup = Setup(state=tmp_path / "state", out=tmp_path / "out", seconds=4.0)
    train_student(setup, lines.append, _Ticks())
    shipped = transformers.AutoModelForImageTextToText.from_pretrained(tmp_path / "out")
    assert type(shipped).__name__ == "Qwen3VLForConditionalGeneration"
    assert shipped.dtype is torch.bfloat16
    size = sum(p.stat().st_size for p in (tmp_path / "out").iterdir())
    assert size < 4_000_000
    json.dumps(lines)
    assert lines[-1]["shipped"]


def test_another_seed_is_refused(small, tmp_path):
    Training(Setup(state=tmp_path)).saver.save()
    with pytest.raises(ValueError, match="begun with seed 0"):
        Training(Setup(state=tmp_path, seed=1))


def test_a_run_without_a_state_goes_on_from_a_shipped_base(small, tmp_path):
    first = Training(Setup(state=tmp_path / "first"))
    first.learn()
    first.ship(tmp_path / "out")
    run = Training(Setup(state=tmp_path / "next", begin=tmp_path / "out", seed=1))
    assert run.step == 3  # past the stages of seeing alone
    kept = first.averaged().to(torch.bfloat16).float().state_dict()
    assert all(torch.equal(kept[name], value) for name, value in run.model.state_dict().items())
    moved = run.model.state_dict()["model.language_model.norm.weight"].clone()
    run.learn()
    run.saver.save()
    again = Training(Setup(state=tmp_path / "next", begin=tmp_path / "out", seed=1))
    assert again.step == 4
    assert not torch.equal(again.model.state_dict()["model.language_model.norm.weight"], moved)
    with pytest.raises(ValueError, match="no student lies in"):
        Training(Setup(state=tmp_path / "third", begin=tmp_path / "nowhere"))


def test_only_digits_of_scores_count_little(tokenizer):
    weights = run.score_weights(tokenizer)
    light = {tokenizer.decode([i]) for i in (weights < 1).nonzero()[:, 0].tolist()}
    assert light == {f"{mark}{n}" for mark in (" ", ".") for n in range(10)}
    assert len(weights) == run.student_of(len(weights), seed=0).lm_head.out_features
