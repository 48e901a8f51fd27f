"""The ONNX backend against the torch backend, and what batching must not change."""

import io
import subprocess
import sys

import pytest
from attrs import evolve

pytest.importorskip("onnxruntime", reason="the extra onnx")
pytest.importorskip("onnx", reason="the extra onnx-export makes the graphs")
pytest.importorskip("torch", reason="exporting needs it")
pytest.importorskip("transformers", reason="exporting needs it")

import numpy as np
import torch

from parrot.backends.images import image_from_bytes
from parrot.backends.onnx import open_batch_model, open_model
from parrot.backends.onnx.decoding import nothing, shown
from parrot.backends.onnx.loading import Graph, load
from parrot.backends.onnx.model import OnnxModel
from parrot.backends.onnx.preparing import Preparer
from parrot.backends.onnx.writing import Row
from parrot.backends.torch import open_batch_model as open_torch
from parrot.backends.torch.loading import load as load_torch
from parrot.backends.torch.preparing import Preparer as TorchPreparer
from parrot.core.asks import Ask, Failed, FailureKind, Finish, Sampling, Turn, Until
from parrot.core.registry import open_model as by_spec
from parrot.core.testing.conformance import check_batch_model, check_model
from parrot.core.testing.fakes import plain_image

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def picture(mode, size, colour):
    from PIL import Image

    out = io.BytesIO()
    made = Image.effect_noise(size, 90).convert(mode)
    made.paste(Image.new(mode, (size[0] // 2, size[1] // 2), colour))
    made.save(out, "PNG")
    return image_from_bytes(out.getvalue())


RED, BLUE = plain_image(220, 10, 10), plain_image(10, 10, 220)
TALL = picture("RGBA", (40, 90), (10, 200, 30, 128))
GREY = picture("L", (33, 50), 77)
WIDE = picture("P", (200, 31), 9)


def mixed(asked):
    return [
        asked("short"),
        asked("a much longer question than the other one, with more to read"),
        asked("Look:", RED, "what is it?"),
        asked("Image A:", RED, "Image B:", TALL, "which?"),
        asked(GREY, BLUE, RED, "three"),
        asked(WIDE, RED, RED, "a picture twice, and <|im_end|> <|image_pad|> said"),
        asked("another opening", system="Other words here."),
        Ask((Turn("user", ("no system", BLUE)),), Sampling(0.0, max_tokens=24)),
    ]


def test_it_is_a_batch_model_and_a_chat_model(plain, small):
    check_batch_model(lambda: open_batch_model(str(plain), threads=1))
    check_batch_model(lambda: open_batch_model(str(small), threads=1))
    check_model(lambda: open_model(str(plain), threads=1))


def test_it_is_known_by_its_spec(plain):
    assert by_spec(f"onnx:{plain}").id == open_batch_model(str(plain)).id


@pytest.mark.parametrize("number", range(8))
def test_an_ask_is_put_as_torch_puts_it(checkpoint, plain, asked, number):
    ask, loaded = mixed(asked)[number], load(plain)
    theirs = TorchPreparer(load_torch(checkpoint))(ask)
    ours = Preparer(loaded.card, loaded.tokenizer, loaded.render)(ask)
    assert ours.ids == theirs.ids
    assert ours.shared == theirs.shared
    assert np.array_equal(ours.positions, theirs.positions.numpy())
    if ask.images:
        values = np.concatenate([one.values for one in ours.pictures])
        assert np.array_equal(values, theirs.pixels["pixel_values"].numpy())


def test_pictures_look_to_the_graph_as_they_do_to_torch(checkpoint, plain, asked):
    loaded, network = load(plain), load_torch(checkpoint).model.model
    prepare = Preparer(loaded.card, loaded.tokenizer, loaded.render)
    prompts = [prepare(ask) for ask in mixed(asked)]
    features, starts = shown(prompts, loaded)
    assert not features[:, 0].any()
    for one in {p.name: p for prompt in prompts for p in prompt.pictures}.values():
        grid = torch.tensor([[1, one.rows, one.columns]])
        with torch.no_grad():
            seen = network.get_image_features(torch.tensor(one.values), grid)
        wanted = [seen.pooler_output[0], *(layer[0] for layer in seen.deepstack_features)]
        start = starts[one.name]
        ours = features[:, start : start + one.tokens(loaded.card.looks)]
        assert np.abs(ours - torch.stack(wanted).numpy()).max() < 1e-4


def test_scores_of_a_given_text_are_those_of_torch(checkpoint, plain, asked):
    theirs, loaded = load_torch(checkpoint), load(plain)
    ask = asked("Image A:", RED, "Image B:", TALL, "which? The first one is better.")
    fed = TorchPreparer(theirs)(ask)
    with torch.no_grad():
        wanted = theirs.model(
            input_ids=torch.tensor([fed.ids]), position_ids=fed.positions[:, None], **fed.pixels
        ).logits
    ours = Preparer(loaded.card, loaded.tokenizer, loaded.render)(ask)
    features, starts = shown([ours], loaded)
    seen = np.zeros((1, ours.length), np.int64)
    rows = [starts[p.name] + n for p in ours.pictures for n in range(p.tokens(loaded.card.looks))]
    seen[0, np.array(ours.ids) == loaded.card.image_token] = rows
    scores, _ = loaded.decoder.step(
        {
            "ids": np.array([ours.ids]),
            "positions": ours.positions[:, None],
            "mask": np.ones((1, ours.length), np.int64),
            "seen": seen,
            "features": features,
            "wanted": np.arange(ours.length),
        },
        [loaded.decoder.value(np.zeros((1, 1, 0, 16), np.float32))] * 4,
    )
    assert np.abs(scores - wanted.numpy()).max() < 1e-3
    assert np.abs(wanted.numpy()).max() > 1


def test_a_batch_writes_what_torch_writes(checkpoint, plain, asked):
    asks = mixed(asked)
    wanted = open_torch(str(checkpoint), dtype="float32").reply_batch(asks)
    model = open_batch_model(str(plain))
    for ask, ours, theirs in zip(asks, model.reply_batch(asks), wanted, strict=True):
        assert ours == theirs
        assert model.reply_batch([ask])[0].text == theirs.text


def watched(monkeypatch, look):
    inner = Graph.step

    def step(self, fed, cache):
        look(fed, cache)
        return inner(self, fed, cache)

    monkeypatch.setattr(Graph, "step", step)


def test_the_shared_opening_is_computed_once(plain, asked, monkeypatch):
    shapes = []
    watched(monkeypatch, lambda fed, cache: shapes.append(fed["ids"].shape))
    model = open_batch_model(str(plain))
    asks = [asked(f"question {n}", max_tokens=2) for n in range(6)]
    first = model.reply_batch(asks)
    alone, together = shapes[0], shapes[1]
    assert (alone[0], together[0]) == (1, 6)
    assert first[0].usage.cached == alone[1] > 40
    assert alone[1] + together[1] >= first[0].usage.prompt
    shapes.clear()
    assert [r.text for r in model.reply_batch(asks[::-1])] == [r.text for r in first[::-1]]
    assert shapes[0][0] == 6


def test_rows_that_have_ended_leave_the_batch(plain, asked, monkeypatch):
    rows = []
    watched(monkeypatch, lambda fed, cache: rows.append({v.shape()[0] for v in cache}))
    asks = [asked(f"question {n}", max_tokens=4 * n + 1) for n in range(4)]
    replies = open_batch_model(str(plain)).reply_batch(asks)
    assert (rows[1], rows[-1]) == ({4}, {1})
    assert [r.usage.completion for r in replies] == [1, 5, 9, 13]
    assert all(r.finish is Finish.LENGTH for r in replies)


def test_memory_that_runs_out_halves_the_batch_and_goes_on(plain, asked, monkeypatch):
    asks = [asked(f"question {n}") for n in range(8)]
    wanted = [r.text for r in open_batch_model(str(plain)).reply_batch(asks)]
    most = 3

    def small(fed, cache):
        if len(fed["ids"]) > most:
            raise MemoryError

    watched(monkeypatch, small)
    model = OnnxModel(load(plain), max_batch=8)
    assert [r.text for r in model.reply_batch(asks)] == wanted
    assert model.max_batch == 2
    most = 0
    failed = model.reply_batch(asks[:2])
    assert all(isinstance(f, Failed) and f.kind is FailureKind.REJECTED for f in failed)


def test_onnxruntime_s_own_word_for_a_lack_of_memory_is_understood(plain):
    graph = load(plain).decoder

    class Full:
        said = "BFCArena::AllocateRawInternal Failed to allocate memory for 8"

        def io_binding(self):
            return self

        def bind_ortvalue_input(self, name, value): ...

        def bind_output(self, name, device): ...

        def run_with_iobinding(self, binding):
            raise RuntimeError(self.said)

    graph._session = Full()
    with pytest.raises(MemoryError):
        graph.run({})
    Full.said = "Non-zero status code: shapes"
    with pytest.raises(RuntimeError, match="shapes"):
        graph.run({})


def test_prompts_in_chunks_are_written_on_as_whole_ones_are(plain, asked, monkeypatch):
    asks = mixed(asked)
    wanted = open_batch_model(str(plain)).reply_batch(asks)
    shapes = []
    watched(monkeypatch, lambda fed, cache: shapes.append(fed["ids"].shape))
    monkeypatch.setattr("parrot.backends.onnx.decoding.CHUNK", 40)
    assert open_batch_model(str(plain)).reply_batch(asks) == wanted
    assert max(rows * new for rows, new in shapes if rows > 1) <= 40


class Scripted:
    """A tokenizer of whole words, for rows that are told what to write."""

    words = (
        "<end>", "# Detailed Judgement\n", "1. Text:\n", "## Justification: x\n", "## Score: 3",
        ".4", "\n", "# Summary: y", " stop", " here", " on",
    )  # fmt: skip

    def decode(self, ids, **_):
        return "".join(self.words[i] for i in ids)


def written(ask, ids, stop=()):
    row = Row(ask, "m", Scripted(), ends=frozenset((0,)), stop=stop)
    for token in ids:
        scores = np.full(len(Scripted.words), -5.0, np.float32)
        scores[token] = 5.0
        row.take(scores)
        if row.finish:
            break
    return row.reply(prompt=1, cached=0)


def test_a_reply_ends_behind_its_last_score_and_not_before(asked):
    ask = evolve(asked(), until=Until.SCORES, last_score="Text")
    reply = written(ask, [1, 2, 3, 4, 5, 6, 7, 0])
    assert reply.finish is Finish.SCORES
    assert reply.text.endswith("## Score: 3.4\n")
    assert reply.usage.completion == 6
    assert written(asked(), [1, 2, 3, 4, 5, 6, 7, 0]).finish is Finish.END


def test_a_stop_text_ends_a_reply_and_is_no_part_of_it(asked):
    reply = written(asked(), [7, 10, 8, 9, 10, 0], stop=("stop here",))
    assert reply.text == "# Summary: y on "
    assert reply.finish is Finish.END


def test_samples_differ_and_come_again(plain, asked):
    model = open_batch_model(str(plain))
    hot = {"temperature": 1.0, "max_tokens": 12}
    asks = [evolve(asked("x", **hot), sample=n) for n in range(5)]
    asks += [asked("x", seed=1, **hot), asked("x", seed=2, **hot)]
    texts = [r.text for r in model.reply_batch(asks)]
    assert len(set(texts)) == len(texts)
    assert [model.reply_batch([ask])[0].text for ask in asks] == texts


def drawn(ask, odds, times):
    row = Row(ask, "m", Scripted(), ends=frozenset(), stop=())
    scores = np.log(np.array(odds, np.float32))
    return np.bincount([row.take(scores) for _ in range(times)], minlength=len(odds)) / times


def test_sampling_follows_the_odds_and_leaves_out_the_unlikely(asked):
    hot = asked(temperature=0.5, max_tokens=9999)
    expected = np.array([0.6, 0.3, 0.1]) ** 2
    found = drawn(hot, [0.6, 0.3, 0.1], 4000)
    assert np.allclose(found, expected / expected.sum(), atol=0.03)
    cut = drawn(asked(temperature=1.0, top_p=0.6, max_tokens=9999), [0.3, 0.5, 0.15, 0.05], 300)
    assert list(cut > 0) == [True, True, False, False]


def test_log_probabilities_are_those_that_torch_gives(checkpoint, plain, asked):
    ask = asked("x", RED, top_logprobs=3, max_tokens=6)
    (theirs,) = open_torch(str(checkpoint), dtype="float32").reply_batch([ask])
    (ours,) = open_batch_model(str(plain)).reply_batch([ask])
    assert len(ours.logprobs) == 6
    for one, other in zip(ours.logprobs, theirs.logprobs, strict=True):
        assert one.token == other.token
        assert [text for text, _ in one.top] == [text for text, _ in other.top]
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


def test_what_cannot_be_put_to_the_model_fails_alone(plain, asked):
    thin = picture("RGB", (900, 4), (1, 2, 3))
    good, long, odd = open_batch_model(str(plain)).reply_batch(
        [asked("x"), asked("word " * 4000), asked("y", thin)]
    )
    assert good.text
    assert long.kind is FailureKind.REJECTED
    assert odd.kind is FailureKind.IMAGE


WITHOUT = """
import sys
class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "onnx", "safetensors"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Barred())
from parrot.backends.onnx import open_batch_model
from parrot.core.asks import Ask, Sampling, Turn
from parrot.core.testing.fakes import plain_image
ask = Ask((Turn("user", ("Look:", plain_image(220, 10, 10))),), Sampling(0.0, max_tokens=8))
(reply,) = open_batch_model(sys.argv[1]).reply_batch([ask])
sys.stdout.buffer.write(reply.text.encode())
"""


def test_it_runs_where_there_is_no_torch(plain):
    made = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(plain)], capture_output=True, check=True
    )
    ask = Ask((Turn("user", ("Look:", RED)),), Sampling(0.0, max_tokens=8))
    assert made.stdout.decode() == open_batch_model(str(plain)).reply_batch([ask])[0].text


def test_features_of_nothing_are_nothing(plain):
    loaded = load(plain)
    assert nothing(loaded).shape == (1 + loaded.card.deep, 1, loaded.card.width)
