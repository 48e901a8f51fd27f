"""Pipelines of diffusers as generators: seeds, batches, edits, LoRA, families, and what goes wrong."""

import asyncio

import pytest

pytest.importorskip("torch", reason="the extra `diffusers` is not installed")
pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
pytest.importorskip("transformers", reason="the extra `diffusers` is not installed")

import importlib.util
from pathlib import Path

import torch

from parrot.backends.diffusers import DiffusersGenerator, open_batch_generator, open_generator
from parrot.backends.images import image_from_bytes, pixels
from parrot.core.asks import Failed, FailureKind
from parrot.core.engine.batching import batched_generator
from parrot.core.errors import ConfigError, RefusedError, RejectedError, UnknownNameError
from parrot.core.interfaces import Wanted
from parrot.core.testing.conformance import check_generator
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Image, Request

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)

pytestmark = pytest.mark.filterwarnings("ignore")
FAST = {"num_inference_steps": 2, "height": 32, "width": 32, "max_sequence_length": 16}
EDITS = {**FAST, "max_area": 32 * 32, "_auto_resize": False}
FOX = Request("a red circle")
SOURCE = plain_image(9, 99, 9, side=32)


def drawn(generator, *wanted):
    async def work():
        try:
            return await asyncio.gather(
                *(generator.draw(w.request, seed=w.seed, start=w.start) for w in wanted),
                return_exceptions=True,
            )
        finally:
            await generator.aclose()

    return asyncio.run(work())


def test_text_to_image_conforms(folder):
    check_generator(lambda: open_generator(str(folder), **FAST), request=FOX, edits=False)


def test_editing_conforms(folder):
    check_generator(
        lambda: open_generator(str(folder), pipeline="FluxKontextPipeline", **EDITS), request=FOX
    )


class Counting:
    """A pipeline's call, counted by how many prompts it got."""

    def __init__(self, generator):
        self.sizes, self._pipeline = [], generator._pipeline
        kind = type(self._pipeline)

        class Counted(kind):
            def __call__(own, *args, prompt, **more):
                self.sizes.append(len(prompt) if isinstance(prompt, list) else 1)
                return super().__call__(*args, prompt=prompt, **more)

        Counted.__name__ = kind.__name__
        self._pipeline.__class__ = Counted


def near(one, other):
    a, b = (torch.tensor(list(pixels(i).tobytes()), dtype=torch.int16) for i in (one, other))
    return int((a - b).abs().max()) <= 1


def test_concurrent_requests_are_drawn_together_each_with_its_own_seed(folder):
    batch = open_batch_generator(str(folder), max_batch=4, **FAST)
    counted = Counting(batch)
    wanted = [Wanted(Request(f"a {c} circle"), n) for n, c in enumerate(("red", "blue") * 3)]
    together = drawn(batched_generator(batch, max_batch=4, max_wait=5.0), *wanted[:4])
    assert counted.sizes == [4]
    alone = [drawn(open_generator(str(folder), max_batch=1, **FAST), one)[0] for one in wanted[:4]]
    assert all(map(near, together, alone))
    assert len({image.sha256 for image in together}) == 4


def test_edits_of_one_size_go_together_and_others_apart(folder):
    options = {"pipeline": "FluxKontextPipeline", **EDITS}
    batch = open_batch_generator(str(folder), **options)
    counted = Counting(batch)
    sources = [SOURCE, plain_image(200, 0, 0, side=32), plain_image(0, 0, 200, side=16)]
    wanted = [Wanted(Request("make it blue", (s,)), 1) for s in sources]
    together = batch.draw_batch([*wanted, Wanted(FOX, 3)])
    assert sorted(counted.sizes) == [1, 1, 2]
    alone = [open_batch_generator(str(folder), **options).draw_batch([w])[0] for w in wanted]
    assert all(map(near, together, alone))
    assert not near(together[0], together[1])  # the source matters


def test_an_edit_begins_from_the_start_where_there_is_one(folder):
    batch = open_batch_generator(str(folder), pipeline="FluxKontextPipeline", **EDITS)
    other = plain_image(200, 0, 0, side=32)
    edit = Request("make it blue", (SOURCE,))
    started, plain, of_other = batch.draw_batch(
        [Wanted(edit, 1, other), Wanted(edit, 1), Wanted(Request("make it blue", (other,)), 1)]
    )
    assert near(started, of_other)
    assert not near(started, plain)


def test_the_pipelines_own_arguments_keep_their_names_and_enter_the_id(folder):
    some = open_batch_generator(str(folder), **FAST)
    more = open_batch_generator(str(folder), **{**FAST, "num_inference_steps": 3})
    guided = open_batch_generator(
        str(folder), **FAST, negative_prompt="a blue circle", true_cfg_scale=4.0
    )
    assert len({some.id, more.id, guided.id}) == 3
    first, second, third = (one.draw_batch([Wanted(FOX, 1)])[0] for one in (some, more, guided))
    assert first.sha256 != second.sha256
    assert first.sha256 != third.sha256
    for wrong in ({"num_steps": 3}, {"prompt": "mine"}, {"num_images_per_prompt": 2}):
        with pytest.raises(UnknownNameError, match="argument of FluxPipeline"):
            open_batch_generator(str(folder), **wrong)


def test_ids_follow_weights_and_not_names(folder, tmp_path):
    import shutil

    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    assert open_batch_generator(str(copy)).id == open_batch_generator(str(folder)).id
    weights = next((copy / "transformer").glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert open_batch_generator(str(copy)).id != open_batch_generator(str(folder)).id


def test_ids_follow_what_links_lead_to(folder, tmp_path):
    import shutil

    linked = tmp_path / folder.name
    shutil.copytree(folder, linked)
    elsewhere = tmp_path / "shared" / "transformer"
    shutil.move(linked / "transformer", elsewhere)
    (linked / "transformer").symlink_to(elsewhere, target_is_directory=True)
    (linked / "itself").symlink_to(linked, target_is_directory=True)
    before = open_batch_generator(str(linked)).id
    assert before == open_batch_generator(str(folder)).id
    weights = next(elsewhere.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert open_batch_generator(str(linked)).id != before


def test_lora_weights_change_the_drawing_and_the_id(folder, tmp_path):
    peft = pytest.importorskip("peft", reason="the extra `diffusers` is not installed")
    pipeline = tiny.flux()
    pipeline.transformer.add_adapter(
        peft.LoraConfig(r=2, target_modules=["to_q", "to_k"], init_lora_weights="gaussian")
    )
    with torch.no_grad():
        for name, weight in pipeline.transformer.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=2.0)
    layers = peft.get_peft_model_state_dict(pipeline.transformer)
    type(pipeline).save_lora_weights(tmp_path, transformer_lora_layers=layers)
    plain = open_batch_generator(str(folder), **FAST)
    found = {}
    for scale in (0.0, 1.0):
        adapted = open_batch_generator(str(folder), lora=str(tmp_path), lora_scale=scale, **FAST)
        assert adapted.id != plain.id
        found[scale] = adapted.draw_batch([Wanted(FOX, 1)])[0]
    assert near(found[0.0], plain.draw_batch([Wanted(FOX, 1)])[0])
    assert not near(found[1.0], found[0.0])


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_other_families_draw_through_the_same_backend(family):
    make, more = tiny.FAMILIES[family]
    size = {} if family.endswith("edit") else {"height": 32, "width": 32}
    pipeline = make()
    pipeline.set_progress_bar_config(disable=True)
    generator = DiffusersGenerator(
        pipeline, "tiny", call={"num_inference_steps": 2, **size, **more}
    )
    source = (SOURCE,) if family.endswith("edit") else ()
    wanted = [Wanted(Request("a red circle", source), seed) for seed in (1, 2)]
    one, two = generator.draw_batch(wanted)
    assert isinstance(one, Image)
    assert one != two
    assert near(generator.draw_batch(wanted[:1])[0], one)
    if not source:
        (refused,) = generator.draw_batch([Wanted(Request("make it blue", (SOURCE,)), 1)])
        assert refused.kind is FailureKind.REJECTED
        assert "takes no image" in refused.detail


class Fake:
    """A pipeline that does what a function of its arguments says."""

    def __init__(self, do):
        self.do, self.asked = do, []

    def __call__(self, prompt=None, generator=None, image=None):
        self.asked.append(prompt)
        return self.do(prompt)


class Out:
    def __init__(self, number, unsafe=None):
        self.images = [pixels(plain_image(n, 1, 1)) for n in range(number)]
        self.nsfw_content_detected = unsafe


def count(prompt):
    return len(prompt) if isinstance(prompt, list) else 1


def test_where_memory_runs_out_fewer_are_drawn_at_once():
    def do(prompt):
        if count(prompt) > 2:
            raise torch.OutOfMemoryError("no room")
        return Out(count(prompt))

    fake = Fake(do)
    generator = DiffusersGenerator(fake, "fake", max_batch=8)
    made = generator.draw_batch([Wanted(Request(str(n)), n) for n in range(7)])
    assert all(isinstance(image, Image) for image in made)
    assert generator.max_batch == 2
    assert [p for batch in fake.asked[2:] for p in batch] == [str(n) for n in range(7)]


def test_what_a_pipeline_raises_fails_its_own_drawings_alone():
    def do(prompt):
        raise torch.OutOfMemoryError("no room") if prompt == "big" else KeyError("odd")

    generator = DiffusersGenerator(Fake(do), "fake", max_batch=1)
    big, odd, unread = generator.draw_batch(
        [
            Wanted(Request("big"), 1),
            Wanted(Request("odd"), 1),
            Wanted(Request("x", (image_from_bytes(b"\x89PNG\r\n\x1a\n"),)), 1),
        ]
    )
    assert big == Failed(FailureKind.REJECTED, "one drawing does not fit into memory")
    assert odd.detail == "KeyError: 'odd'"
    assert unread.kind is FailureKind.IMAGE


def test_a_request_that_cannot_be_drawn_takes_no_other_with_it():
    def do(prompt):
        if "odd" in prompt:
            raise KeyError("odd")
        return Out(count(prompt))

    generator = DiffusersGenerator(Fake(do), "fake", max_batch=4)
    made = generator.draw_batch([Wanted(Request(name), 1) for name in ("a", "odd", "b", "c", "d")])
    assert [isinstance(one, Image) for one in made] == [True, False, True, True, True]
    assert made[1].detail == "KeyError: 'odd'"
    assert generator.max_batch == 4


def test_what_a_safety_checker_blanks_is_refused():
    fake = Fake(lambda prompt: Out(2, [False, True]))
    batch = DiffusersGenerator(fake, "fake", max_batch=2)
    generator = batched_generator(batch, max_batch=2, max_wait=5.0)
    good, bad = drawn(generator, Wanted(FOX, 1), Wanted(FOX, 2))
    assert isinstance(good, Image)
    assert isinstance(bad, RefusedError)


def test_a_closed_generator_draws_no_more():
    batch = DiffusersGenerator(Fake(lambda p: Out(1)), "fake")
    batch.close()
    (failed,) = batch.draw_batch([Wanted(FOX, 1)])
    assert "is closed" in failed.detail
    generator = batched_generator(DiffusersGenerator(Fake(lambda p: Out(1)), "fake"))

    async def late():
        await generator.aclose()
        await generator.draw(FOX, seed=1)

    with pytest.raises(RejectedError, match="is closed"):
        asyncio.run(late())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pipeline": "NoSuchPipeline"}, "has no pipeline"),
        ({"dtype": "int4"}, "unknown dtype"),
        ({"lora": "nowhere"}, "no file or folder of LoRA"),
        ({"device": "cuda:9"}, "cannot be put on"),
        ({"max_batch": 0}, "at least 1"),
    ],
)
def test_wrong_options_say_what_is_wrong(folder, options, said):
    with pytest.raises(ConfigError, match=said):
        open_batch_generator(str(folder), **options)


def test_what_is_no_pipeline_is_said(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="so it is no pipeline"):
        open_batch_generator(str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="local cache"):
        open_batch_generator("nobody/nothing")
