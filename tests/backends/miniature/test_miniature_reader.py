"""The exact reader: right on all that the world draws, and silent on what it does not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.defects import random_defect
from parrot.backends.miniature.draw import draw, image_of, png_of
from parrot.backends.miniature.reader import Abstained, Reader, Seen, Unread, read
from parrot.backends.miniature.realise import random_scene
from parrot.backends.miniature.world import Drawing


def test_every_clean_scene_is_read_exactly():
    chance = Chance("reader clean")
    for _ in range(2000):
        drawing = Drawing(random_scene(chance))
        assert read(draw(drawing)) == Seen(drawing, 0.0)


def test_defects_are_found_with_their_strength_and_the_scene_below_them():
    chance = Chance("reader defects")
    right = 0
    for _ in range(600):
        scene = random_scene(chance)
        drawing = Drawing(scene, random_defect(chance, scene))
        seen = read(draw(drawing))
        right += isinstance(seen, Seen) and seen.drawing == drawing
    assert right >= 594


def test_foreign_softness_and_noise_do_not_mislead():
    # What a VAE does to a scene is none of our defects; the scene must still come out.
    chance, noise = Chance("reader foreign"), np.random.default_rng(0)
    for _ in range(60):
        scene = random_scene(chance)
        pixels = draw(Drawing(scene))
        soft = np.asarray(Pillow.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7)))
        rough = np.clip(pixels + noise.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
        for changed in (soft, rough):
            seen = read(changed)
            assert isinstance(seen, Seen)
            assert seen.drawing.scene == scene
            assert seen.residual > 0


@pytest.mark.parametrize("seed", range(5))
def test_what_is_no_scene_is_an_abstention_with_a_reason(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    said = read(pixels)
    assert isinstance(said, Abstained)
    assert said.reason is Unread.RESIDUAL
    assert said.nearest is not None


def test_another_size_is_an_abstention():
    said = read(np.zeros((48, 48, 3), dtype=np.uint8))
    assert isinstance(said, Abstained)
    assert said.reason is Unread.SIZE


def test_the_memory_of_readings_is_bounded_and_changes_nothing():
    chance, reader = Chance("reader memory"), Reader(most=3)
    images = [image_of(png_of(draw(Drawing(random_scene(chance))))) for _ in range(5)]
    first = [reader.read(i.sha256, i.source) for i in images]
    assert len(reader._held) == 3
    assert [reader.read(i.sha256, i.source) for i in images] == first
