"""The generator's training: what is packed and learnt, how drawings are graded, a run resumed."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the generator is trained with torch")
pytest.importorskip("diffusers", reason="the generator is a diffusers pipeline")

import torch
from attrs import evolve
from diffusers import FluxKontextPipeline, FluxPipeline

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.draw import pixels_of
from parrot.backends.miniature.training.autoencoder import read_autoencoder
from parrot.backends.miniature.training.captions import changed, drawn
from parrot.backends.miniature.training.flow import (
    TOKENS,
    noised,
    packed,
    positions,
    velocity_loss,
)
from parrot.backends.miniature.training.generator import GeneratorRun, GeneratorSettings
from parrot.backends.miniature.training.grading import graded
from parrot.backends.miniature.training.parts import Sizes
from parrot.backends.miniature.training.student.lens import SHIPPED

# Autocast hands RMS norms bfloat16 beside float32 weights: slower there, and right.
pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype:UserWarning")
TINY = GeneratorSettings(
    sizes=Sizes(double=1, single=1, heads=1, text=32, text_layers=1, text_inner=32, pooled=32),
    batch=4,
    total=64,
    warm=8,
    fresh=2,
)


@pytest.fixture(scope="module")
def vae():
    return read_autoencoder(SHIPPED)


def run_of(vae, **changes):
    return GeneratorRun(evolve(TINY, **changes), vae, torch.device("cpu"))


def test_latents_are_packed_as_the_pipeline_packs_them():
    latents = torch.randn(3, 8, 8, 8)
    assert torch.equal(packed(latents), FluxPipeline._pack_latents(latents, 3, 8, 8, 8))


def test_positions_are_the_pipelines_own():
    ids = FluxPipeline._prepare_latent_image_ids(1, 4, 4, "cpu", torch.float32)
    assert torch.equal(positions(edit=False), ids)
    both = positions(edit=True)
    assert torch.equal(both[:TOKENS], ids)
    assert torch.equal(both[TOKENS:, 1:], ids[:, 1:])
    assert both[TOKENS:, 0].eq(1).all()


def test_the_velocity_leads_from_the_image_to_the_noise():
    clean, noise = torch.randn(2, TOKENS, 32), torch.randn(2, TOKENS, 32)
    fed, velocity = noised(clean, noise, torch.tensor([0.25, 1.0]))
    assert torch.allclose(fed[0] - 0.25 * velocity[0], clean[0], atol=1e-6)
    assert torch.allclose(fed[1], noise[1])
    behind = torch.cat([velocity, torch.full_like(velocity, 1e6)], dim=1)
    assert velocity_loss(behind, velocity) == 0.0


def test_the_right_drawings_meet_everything_and_wrong_ones_do_not():
    shown = [drawn(Chance("grade", n)) for n in range(8)]
    right = graded(shown, [pixels_of(one.scene) for one in shown])
    assert right == {"objects": 1.0, "met": 1.0, "intended": 1.0, "unread": 0.0}
    wrong = graded(shown, [pixels_of(one.scene) for one in [*shown[1:], shown[0]]])
    assert wrong["met"] < 0.5
    noise = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
    unread = graded(shown, list(noise))
    assert unread["objects"] == unread["met"] == unread["intended"] == 0.0
    assert unread["unread"] == 1.0


def test_an_edit_is_met_only_where_the_change_was_made():
    shown = [changed(Chance("grade edit", n)) for n in range(8)]
    assert graded(shown, [pixels_of(one.scene) for one in shown])["met"] == 1.0
    untouched = [pixels_of(one.source) for one in shown if one.source]
    assert graded(shown, untouched)["met"] < 0.3


def test_a_run_taken_up_again_goes_on_as_if_it_had_not_ended(vae, tmp_path):
    through = run_of(vae)
    losses = [through.advance() for _ in range(4)]
    first = run_of(vae)
    assert [first.advance() for _ in range(2)] == losses[:2]
    first.state.write(tmp_path)
    again = run_of(vae, seed=TINY.seed)
    assert again.state.read(tmp_path)
    assert [again.advance() for _ in range(2)] == losses[2:]


def test_what_is_shipped_loads_in_both_pipelines_and_draws(vae, tmp_path):
    run = run_of(vae)
    run.advance()
    figures = run.measure()
    assert {"detailed objects", "terse objects", "edit met"} <= figures.keys()
    run.ship(tmp_path / "flux")
    for kind in (FluxPipeline, FluxKontextPipeline):
        loaded = kind.from_pretrained(tmp_path / "flux")
        assert loaded.transformer.config.num_layers == 1
