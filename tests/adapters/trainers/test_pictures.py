"""Images in the forms that trainers hold, pixel for pixel."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from parrot.adapters.trainers.pictures import image_of, images_of, sources_of
from parrot.backends.images import image_from_path, pixels
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError, ImageError
from parrot.core.testing.expecting import UNHURRIED

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides

RNG = np.random.default_rng(0)
NHWC = RNG.integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)


def shown(image):
    return np.asarray(pixels(image))


def png(array):
    out = io.BytesIO()
    Pillow.fromarray(array).save(out, "PNG")
    return out.getvalue()


def test_every_form_of_a_batch_is_the_same_images(tmp_path):
    paths = []
    for n, one in enumerate(NHWC):
        paths.append(tmp_path / f"{n}.png")
        paths[-1].write_bytes(png(one))
    floats = NHWC.astype(np.float32) / 255
    forms = {
        "uint8 NHWC": NHWC,
        "uint8 NCHW": NHWC.transpose(0, 3, 1, 2),
        "float NCHW": floats.transpose(0, 3, 1, 2),
        "float NHWC": floats,
        "float64": floats.astype(np.float64).transpose(0, 3, 1, 2),
        "PIL": [Pillow.fromarray(one) for one in NHWC],
        "arrays": list(NHWC),
        "bytes": [png(one) for one in NHWC],
        "paths": paths,
        "text": [str(path) for path in paths],
        "images": tuple(image_from_path(path) for path in paths),
    }
    for name, form in forms.items():
        found = images_of(form)
        assert len(found) == 3, name
        for image, one in zip(found, NHWC, strict=True):
            assert np.array_equal(shown(image), one), name


def test_tensors_on_any_type():
    torch = pytest.importorskip("torch", reason="needs torch")
    floats = torch.from_numpy(NHWC.copy()).permute(0, 3, 1, 2).float() / 255
    for tensor in (floats, floats.requires_grad_(), torch.from_numpy(NHWC.copy())):
        for image, one in zip(images_of(tensor), NHWC, strict=True):
            assert np.array_equal(shown(image), one)
    rounded = images_of(floats.detach().bfloat16())
    assert np.abs(shown(rounded[0]).astype(int) - NHWC[0]).max() <= 1


@unhurried
@given(st.integers(2, 40), st.integers(2, 40), st.sampled_from((1, 3)))
def test_whatever_the_size_a_float_image_is_channels_first(height, width, channels):
    array = RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)
    floats = array.transpose(2, 0, 1).astype(np.float32) / 255
    assert np.array_equal(shown(image_of(floats)), np.repeat(array, 3 // channels, axis=2))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.full((3, 4, 4), np.nan, np.float32), "in [0, 1]"),
        (np.full((3, 4, 4), -1.0, np.float32), "in [0, 1]"),
        (NHWC[0].astype(np.float32), "in [0, 1]"),
        (NHWC[0].astype(np.int64), "uint8 or float"),
        (NHWC, "three axes"),
        (np.zeros((9, 9, 9), np.uint8), "channels"),
        (np.zeros((3, 0, 4), np.float32), "no pixels"),
        (b"no picture", "known image format"),
        ("nowhere.png", "nowhere.png"),
        (17, "no image: int"),
    ],
)
def test_what_is_no_image_is_failed_in_its_place(wrong, said):
    with pytest.raises(ImageError, match=said.replace("[", r"\[").replace("]", r"\]")):
        image_of(wrong)
    found = images_of([NHWC[0], wrong, NHWC[1]])
    assert [isinstance(one, Failed) for one in found] == [False, True, False]
    assert found[1].kind is FailureKind.IMAGE


@pytest.mark.parametrize("wrong", ["a.png", b"a", 3, None])
def test_what_is_no_batch_is_the_callers_error(wrong):
    with pytest.raises(ConfigError, match="a batch of images"):
        images_of(wrong)


def test_sources_none_one_or_several():
    one = Pillow.fromarray(NHWC[0])
    assert sources_of(None) == ()
    assert len(sources_of(one)) == len(sources_of([one])) == len(sources_of(NHWC[0])) == 1
    assert len(sources_of([one, NHWC[1]])) == len(sources_of(NHWC[:2])) == 2
    assert isinstance(sources_of([one, 17]), Failed)


def test_jpeg_is_near_and_smaller_on_a_photograph_like_image():
    smooth = np.linspace(0, 255, 128 * 128 * 3).reshape(128, 128, 3) + RNG.normal(
        0, 4, (128, 128, 3)
    )
    smooth = smooth.clip(0, 255).astype(np.uint8)
    exact, near = image_of(smooth), image_of(smooth, encoding="jpeg")
    assert near.media_type == "image/jpeg"
    assert len(near.source) < len(exact.source) / 2
    assert np.abs(shown(near).astype(int) - smooth).mean() < 6
