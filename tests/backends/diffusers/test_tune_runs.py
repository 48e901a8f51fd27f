"""Tuning a tiny pipeline: what it draws, what it learns from, and a run that was killed."""

import importlib.util
import json
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `diffusers` is not installed")
pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
pytest.importorskip("peft", reason="the extra `diffusers` is not installed")

import torch

from parrot.backends.diffusers import open_batch_generator
from parrot.backends.diffusers.tune import Recipe, Tuning, run, running
from parrot.backends.diffusers.tune.credits import chosen, credits_of
from parrot.backends.diffusers.tune.curves import Curves, grids_of
from parrot.backends.diffusers.tune.drawing import sheets_of
from parrot.backends.diffusers.tune.flows import flow_of
from parrot.backends.diffusers.tune.sampling import draw, log_probability
from parrot.backends.diffusers.tune.state import STATE
from parrot.backends.images import pixels
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError, UnscoredError
from parrot.core.interfaces import Wanted
from parrot.core.rewards import Called, GroupFilter, Reward, Unscored
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Request

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)

pytestmark = pytest.mark.filterwarnings("ignore")
ASKED = (Request("a red circle"), Request("a blue square"))
EDIT = Request("make it blue", (plain_image(9, 99, 9, side=32),))
SMALL = Recipe(
    steps=2, group=4, prompts=2, rate=1e-2, guidance=1.0, sampling=4, size=16, words=8, rank=2,
    keeps=None, batch=4, every=2, levels=2, device="cpu",
)  # fmt: skip


def small(method="nft", **more):
    from attrs import evolve

    return evolve(SMALL, method=method, **more)


def redness(drawings):
    """In [0, 1], and no two alike."""
    out = []
    for one in drawings:
        red, green, blue = pixels(one.image).convert("RGB").resize((1, 1)).getpixel((0, 0))
        out.append(min(1.0, max(0.0, 0.5 + (2 * red - green - blue) / 1020)))
    return out


def tuning(recipe, score=None, asked=ASKED, seed=0):
    return Tuning(tiny.flux(seed), "tiny", asked, score or Called(redness), recipe)


def weights(made):
    return {name: one.detach().clone() for name, one in made.policy.weights.items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def shaken(made):
    """Adapters that change something."""
    with torch.no_grad():
        for n, one in enumerate(made.policy.weights.values()):
            one.normal_(std=0.1, generator=torch.Generator().manual_seed(n))
    made.policy.settle(0.0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("make", "request_", "guidance"),
    [(tiny.flux, ASKED[0], 1.0), (tiny.flux, EDIT, 3.0), (tiny.sd3, ASKED[0], 3.0)],
)
def test_a_flow_draws_by_the_ode_what_its_pipeline_draws(make, request_, guidance):
    from diffusers import FluxKontextPipeline

    pipeline = make()
    pipeline.set_progress_bar_config(disable=True)
    flow = flow_of(pipeline, guidance=guidance, size=32, words=8)
    condition = flow.condition(request_, 3)
    noise = torch.randn(2, *condition.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = draw(lambda x, s: flow.velocity(condition, x, s), noise, condition.sigmas)
    call = {
        "prompt": [request_.prompt] * 2, "height": 32, "width": 32, "num_inference_steps": 3,
        "latents": noise, "output_type": "latent", "max_sequence_length": 8,
    }  # fmt: skip
    if make is tiny.sd3:
        call |= {"guidance_scale": guidance, "negative_prompt": ["", ""]}
    else:
        call |= {"true_cfg_scale": guidance, "negative_prompt": ["", ""]}
    if request_.sources:
        pipeline = FluxKontextPipeline(**pipeline.components)
        pipeline.set_progress_bar_config(disable=True)
        source = pixels(request_.sources[0])
        call |= {"image": [source] * 2, "max_area": 32 * 32, "_auto_resize": False}
    theirs = pipeline(**call).images
    # The tiny model is loud: rounding alone is 7e-4 of the spread under guidance.
    assert float((made.latents[-1] - theirs).abs().max()) < 5e-3 * float(theirs.std())
    assert len(flow.pictures(condition, made.latents[-1])) == 2


def test_on_policy_the_ratio_is_one_at_every_step():
    made = tuning(small("grpo", sampling=6))
    shaken(made)
    (sheet, _) = sheets_of(made.flow, made.policy, ASKED, made.recipe, 0)
    assert sheet.way.noisy_steps == (0, 1, 2, 3, 4)
    for k in sheet.way.noisy_steps:
        here, after = sheet.way.latents[k], sheet.way.latents[k + 1]
        at = torch.full((len(here),), sheet.way.sigmas[k])
        step = sheet.way.step(made.flow.velocity(sheet.condition, here, at), k)
        ratio = torch.exp(log_probability(after, step) - sheet.way.log_probabilities[k])
        assert float((ratio - 1).abs().max()) < 1e-5
    figures, _ = made.step(0)
    assert figures["ratio_off"] < 1e-5
    assert figures["clipped"] == 0.0


def test_off_policy_the_ratio_leaves_one():
    figures, _ = tuning(small("grpo", updates=2, rate=0.1)).step(0)
    assert figures["ratio_off"] > 1e-5


@pytest.mark.parametrize("method", ["nft", "grpo"])
def test_a_constant_reward_moves_no_weight(method):
    made = tuning(small(method), Called(lambda drawings: [0.5] * len(drawings)))
    before = weights(made)
    for step in range(2):
        figures, _ = made.step(step)
        assert figures["learned"] == 8
    assert same(before, weights(made))
    told = tuning(small(method))
    told.step(0)
    assert not same(before, weights(told))  # and one that varies does


@pytest.mark.parametrize("method", ["nft", "grpo"])
def test_what_has_no_reward_has_no_part_in_what_is_learned(method, monkeypatch):
    def some(drawings):
        return [None if n % 4 == 1 else v for n, v in enumerate(redness(drawings))]

    plain = tuning(small(method, steps=1), Called(some))
    figures, _ = plain.step(0)
    assert (figures["drawn"], figures["learned"]) == (8, 6)
    assert figures["unscored"] == {"unreadable": 2}

    def spoilt(*args):
        sheets = sheets_of(*args)
        for sheet in sheets:
            for latents in (*sheet.way.latents, *sheet.way.log_probabilities):
                if latents is not None:
                    latents[1] = float("nan")
        return sheets

    monkeypatch.setattr(running, "sheets_of", spoilt)
    other = tuning(small(method, steps=1), Called(some))
    other.step(0)
    assert same(weights(plain), weights(other))
    assert all(bool(one.isfinite().all()) for one in weights(other).values())


@pytest.mark.parametrize("method", ["nft", "grpo"])
def test_a_run_that_was_killed_goes_on_to_the_same_weights(method, tmp_path):
    recipe = small(method, steps=4)
    through = tuning(recipe)
    run(through, tmp_path / "through")
    child = os.fork()
    if child == 0:

        def killed(line):
            if line["step"] == 2:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            run(tuning(recipe), tmp_path / "killed", say=killed)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert len((tmp_path / "killed" / "log.jsonl").read_text().splitlines()) == 3
    again = tuning(recipe)
    said = []
    run(again, tmp_path / "killed", say=said.append)
    assert [line["step"] for line in said] == [2, 3]
    assert same(weights(through), weights(again))
    assert same(through.policy.drawing, again.policy.drawing)
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("through", "killed")]
    assert logs[0] == logs[1]
    assert (tmp_path / "killed" / "grids" / "step-000004-total.png").is_file()


def test_a_folder_of_another_run_or_a_damaged_one_is_refused(tmp_path):
    run(tuning(small(steps=1)), tmp_path)
    with pytest.raises(ConfigError, match="seed: 0, not 1"):
        run(tuning(small(steps=2, seed=1)), tmp_path)
    with pytest.raises(ConfigError, match="prompts: "):
        run(tuning(small(steps=2), asked=ASKED[:1]), tmp_path)
    state = tmp_path / STATE
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(ConfigError, match="no state of a run"):
        run(tuning(small(steps=2)), tmp_path)


def test_what_comes_out_loads_as_lora_and_draws_as_what_was_trained(folder, tmp_path):
    made = Tuning(tiny.flux(), "tiny", ASKED, Called(redness), small(steps=0))
    shaken(made)
    made.policy.write(made.pipeline, tmp_path)
    call = {"num_inference_steps": 2, "height": 32, "width": 32, "max_sequence_length": 8}
    wanted = [Wanted(ASKED[0], 1)]
    (with_,) = open_batch_generator(str(folder), lora=str(tmp_path), **call).draw_batch(wanted)
    (plain,) = open_batch_generator(str(folder), **call).draw_batch(wanted)
    own = made.pipeline(ASKED[0].prompt, generator=torch.Generator().manual_seed(1), **call).images[
        0
    ]
    off = [
        max(abs(a - b) for a, b in zip(own.tobytes(), pixels(one).tobytes(), strict=True))
        for one in (with_, plain)
    ]
    assert off[0] <= 1 < off[1]


def test_edits_are_tuned_too_and_the_sampling_policy_follows(tmp_path):
    made = tuning(small("nft", ema=(0.25, 0.5), prompts=1), asked=[EDIT])
    run(made, tmp_path)
    assert not same(weights(made), made.policy.drawing)  # the second step's decay is 0.25
    with made.policy.sampling():
        assert same(weights(made), made.policy.drawing)


def learned_at(made, monkeypatch):
    """Noised latents and levels of every velocity that was asked for in learning."""
    seen, plain = [], made.flow.velocity

    def velocity(condition, latents, sigmas):
        if torch.is_grad_enabled():
            seen.append((latents, sigmas))
        return plain(condition, latents, sigmas)

    monkeypatch.setattr(made.flow, "velocity", velocity)
    made.step(0)
    return seen


def test_the_noisiest_levels_are_learned_at_with_one_noise_for_a_group(monkeypatch):
    made = tuning(small("nft", prompts=1, noisiest=True, shared_noise=True))
    (first, second) = learned_at(made, monkeypatch)
    assert first[1].tolist() == [1.0] * 4
    assert second[1].tolist() == [0.75] * 4
    assert torch.equal(first[0], first[0][:1].expand_as(first[0]))  # at 1 there is noise alone
    usual = learned_at(tuning(small("nft", prompts=1, noisiest=True)), monkeypatch)
    assert not torch.equal(usual[0][0][0], usual[0][0][1])
    drawn = learned_at(tuning(small("nft", prompts=1, levels=4)), monkeypatch)
    assert len({tuple(at.tolist()) for _, at in drawn}) == 4
    assert any(len(set(at.tolist())) > 1 for _, at in drawn)  # each member at its own


def test_on_policy_the_pass_that_is_left_out_changes_no_weight(monkeypatch):
    short, long = tuning(small("nft")), tuning(small("nft"))
    assert short.policy.on_policy
    short.step(0)
    monkeypatch.setattr(type(long.policy), "on_policy", False)
    long.step(0)
    assert same(weights(short), weights(long))
    monkeypatch.undo()
    shaken(short)
    short.policy.settle(0.5)
    assert short.policy.on_policy  # both were shaken alike
    with torch.no_grad():
        next(iter(short.policy.weights.values())).add_(1e-3)
    assert not short.policy.on_policy


def test_without_a_weight_the_frozen_model_is_not_asked(monkeypatch):
    figures, _ = tuning(small("nft", kl=0.0)).step(0)
    assert "kl" not in figures
    assert "kl" in tuning(small("nft")).step(0)[0]


def test_a_critic_that_never_answers_ends_the_run(tmp_path):
    made = tuning(small(steps=9), Called(lambda drawings: [None] * len(drawings)))
    before = weights(made)
    with pytest.raises(UnscoredError, match="3 steps without one reward"):
        run(made, tmp_path)
    assert same(before, weights(made))


def test_other_pipelines_and_requests_are_refused():
    with pytest.raises(ConfigError, match="cannot be tuned"):
        flow_of(tiny.stable_diffusion(), guidance=1.0, size=16, words=8)
    flow = flow_of(tiny.flux(), guidance=1.0, size=16, words=8)
    with pytest.raises(ConfigError, match="several"):
        flow.condition(Request("join them", EDIT.sources * 2), 2)
    with pytest.raises(ConfigError, match="belong to gdpo"):
        Recipe(credit="grpo", weights={"text": 2.0})


def test_curves_and_sheets_reach_tensorboard_where_it_is_installed(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = Curves(tmp_path, step=0)
    curves.line({"step": 0, "reward": {"total": 0.5}, "loss": 2.0, "unscored": {"late": 1}})
    pair = (pixels(plain_image(200, 1, 1)), Reward({"a": 0.1}, 0.1))
    better = (pixels(plain_image(1, 1, 200)), Reward({"a": 0.9}, 0.9))
    grids = grids_of([[pair, better, (pair[0], told(None)[0])]])
    assert sorted(grids) == ["a", "total"]
    assert grids["a"].size == (16, 8)  # the unscored one is left out
    assert grids["a"].getpixel((0, 0)) == (1, 1, 200)  # the best comes first
    curves.sheets(1, grids)
    curves.close()
    read = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Tags()
    assert set(read["scalars"]) == {"reward/total", "loss", "unscored/late"}
    assert set(read["images"]) == {"drawings/a", "drawings/total"}


def told(*totals):
    lost = Unscored(Failed(FailureKind.TIMEOUT, "late"))
    return [lost if t is None else Reward({"a": t, "b": 1 - t}, t) for t in totals]


def test_credits_leave_out_level_good_and_unscored_ones():
    outcomes = told(0.1, 0.9, None, 0.5, 0.5, 0.5, 0.99, 0.8, 1.0, None, None, 0.4)
    groups = ["g"] * 3 + ["level"] * 3 + ["good"] * 3 + ["lost"] * 3
    found = credits_of(outcomes, groups, Recipe(credit="grpo", keeps=GroupFilter()))
    assert found.groups == {"kept": 1, "level": 1, "already-good": 1, "unscored": 1}
    assert found.learned == 2
    assert found.advantages[:3] == (pytest.approx(-1.0), pytest.approx(1.0), None)
    assert set(found.advantages[3:]) == {None}
    whole = credits_of(outcomes, groups, Recipe(credit="grpo", keeps=None))
    assert whole.learned == 9


def test_weights_of_dimensions_and_the_bound_enter_credits():
    outcomes, groups = told(0.2, 0.4, 0.9), ["g"] * 3
    even = credits_of(outcomes, groups, Recipe(keeps=None))
    assert even.advantages == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)  # the dimensions cancel
    only_a = credits_of(outcomes, groups, Recipe(keeps=None, weights={"b": 0.0}, bound=0.5))
    assert (only_a.advantages[0], only_a.advantages[2]) == (-0.5, 0.5)


def test_all_requests_come_in_turn_and_steps_need_no_memory():
    seen = [n for step in range(5) for n in chosen(5, 3, seed=1, step=step)]
    assert all(sorted(seen[k : k + 5]) == [0, 1, 2, 3, 4] for k in (0, 5, 10))
    assert seen[:5] != seen[5:10] or seen[:5] != seen[10:15]
    assert chosen(5, 3, seed=1, step=4) == tuple(seen[12:])


@pytest.mark.deep
@pytest.mark.parametrize("method", ["nft", "grpo"])
def test_redness_rises(method, tmp_path):
    rate = 3e-3 if method == "nft" else 1e-2
    recipe = small(method, steps=40, group=8, prompts=2, updates=2, rate=rate, batch=8, rank=8)
    run(tuning(recipe), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    reward = [line["reward"]["total"] for line in lines]
    first, last = sum(reward[:5]) / 5, sum(reward[-5:]) / 5
    print(f"{method}: mean redness of the first five steps {first:.3f}, of the last {last:.3f}")
    assert last > first + 0.02


def test_a_critic_that_dies_takes_no_step_with_it(tmp_path):
    recipe = small(steps=6, every=20)
    whole = tuning(recipe)
    run(whole, tmp_path / "whole")
    calls = []

    def dying(drawings):
        calls.append(1)
        return [None] * len(drawings) if len(calls) > 3 else redness(drawings)

    with pytest.raises(UnscoredError):
        run(tuning(recipe, Called(dying)), tmp_path / "out")
    said = []
    made = tuning(recipe)
    run(made, tmp_path / "out", say=said.append)
    assert [line["step"] for line in said] == [3, 4, 5]
    assert same(weights(made), weights(whole))
    assert same(made.policy.drawing, whole.policy.drawing)


def test_a_run_does_not_go_on_with_another_reward(tmp_path):
    def of(**told):
        return Tuning(tiny.flux(), "tiny", ASKED, Called(redness), small(), told)

    run(of(reward="one"), tmp_path)
    with pytest.raises(ConfigError, match="reward: "):
        run(of(reward="another"), tmp_path)


def test_adapters_that_are_there_already_are_not_switched_off():
    from peft import LoraConfig

    pipeline = tiny.flux()
    pipeline.transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q"]), adapter_name="mine")
    with pytest.raises(ConfigError, match="adapters"):
        Tuning(pipeline, "tiny", ASKED, Called(redness), small())
