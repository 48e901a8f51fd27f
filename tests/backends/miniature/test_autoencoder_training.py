"""The generator's autoencoder in training: resumed as if never stopped, finished without a change."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("diffusers", reason="the extra `train` is not installed")

import torch
from diffusers import AutoencoderKL

from parrot.backends.miniature.training import autoencoder
from parrot.backends.miniature.training.loop import Pace, Schedule, train
from parrot.backends.miniature.training.scenes import fresh_scenes
from parrot.backends.miniature.training.state import Saver
from parrot.backends.miniature.training.student.lens import SHIPPED

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = autoencoder.AutoencoderSettings(blocks=(8, 8, 8), batch=4, total=24, warm=8, fresh=4)


def run_of(folder):
    run = autoencoder.AutoencoderRun(SMALL, torch.device("cpu"))
    saver = Saver(folder, run.state, now=itertools.count().__next__)
    return run, saver, saver.resume()


def go(run, saver, stop=lambda: False):
    said = []
    train(run, saver, now=lambda: 0.0, say=said.append, pace=Pace(stop=stop))
    return said


def weights(run):
    return {name: value.clone() for name, value in run.averaged().state_dict().items()}


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(tmp_path):
    whole, saver, _ = run_of(tmp_path / "whole")
    said = go(whole, saver)
    assert said[-1]["event"] == "measured"
    assert said[-1]["samples"] == SMALL.total
    steps = itertools.count(1)
    first, saver, resumed = run_of(tmp_path / "cut")
    assert not resumed
    go(first, saver, stop=lambda: next(steps) > 3)
    assert 0 < first.state.samples < SMALL.total
    second, saver, resumed = run_of(tmp_path / "cut")
    assert resumed
    go(second, saver)
    held = weights(second)
    assert all(torch.equal(value, held[name]) for name, value in weights(whole).items())


def test_finishing_sets_unit_latents_and_changes_no_image(tmp_path):
    run, saver, _ = run_of(tmp_path)
    go(run, saver)
    model, scenes = run.averaged(), fresh_scenes(16)
    before = autoencoder.decoded(model, scenes).astype(int)
    done = autoencoder.finished(model, count=64)
    assert abs(autoencoder.decoded(done, scenes).astype(int) - before).max() <= 1
    autoencoder.write_autoencoder(done, tmp_path / "vae")
    loaded = AutoencoderKL.from_pretrained(tmp_path / "vae")
    spread = autoencoder._latents(loaded, 64, 0).std(dim=(0, 2, 3))
    assert torch.allclose(spread, torch.ones_like(spread), atol=1e-3)
    assert loaded.config.scaling_factor == pytest.approx(1.0, abs=0.5)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 2 * 10**6))
def test_a_rate_is_never_above_its_peak_nor_below_its_floor_once_warm(total, warm, samples):
    schedule = Schedule(2e-3, total, min(warm, total))
    rate = schedule.rate(samples)
    assert 0 < rate <= 2e-3 * (1 + 1e-12)
    if samples >= schedule.warm:
        assert rate >= 2e-3 * schedule.floor * (1 - 1e-9)
        assert schedule.rate(samples + 1) <= rate


def test_the_shipped_autoencoder_gives_fresh_scenes_back_exactly():
    model = AutoencoderKL.from_pretrained(SHIPPED, torch_dtype=torch.float32).eval()
    assert autoencoder.read_back(model, fresh_scenes(200, seed=7))["exact"] >= 0.99
