"""Images at the rim: bytes untouched where they can be, typed errors where they cannot."""

import base64
import hashlib
import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from parrot.backends import images
from parrot.core.errors import ConfigError, ImageError
from parrot.core.values import Image


def drawn(mode="RGB", size=(40, 20)):
    picture = Pillow.new(mode, size)
    band = size[0] // 2
    white = {"RGB": (255, 0, 0), "RGBA": (255, 0, 0, 128), "CMYK": (0, 255, 255, 0)}.get(mode, 200)
    picture.paste(white, (0, 0, band, size[1]))
    return picture


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def turned(orientation, kind="JPEG", size=(40, 20)):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encoded(drawn(size=size), kind, exif=exif)


def reopened(data):
    with Pillow.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


@pytest.mark.parametrize(("kind", "media_type"), KINDS.items())
@given(width=st.integers(1, 90), height=st.integers(1, 90), shade=st.integers(0, 255))
@settings(max_examples=15, deadline=None)
def test_png_jpeg_and_webp_pass_byte_for_byte(kind, media_type, width, height, shade):
    data = encoded(Pillow.new("RGB", (width, height), (shade, 0, 255 - shade)), kind)
    image = images.image_from_bytes(data)
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert images.prepare(image) == (data, media_type)
    assert images.prepare(image, "max_side=90") == (data, media_type)
    assert images.check_decodable(image) == (width, height)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_original_never_encodes_anew_whatever_the_mode(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = drawn("L").convert(mode) if mode in {"LA", "P", "1"} else drawn(mode)
    data = encoded(picture, kind)
    assert images.prepare(images.image_from_bytes(data)) == (data, KINDS[kind])


def test_media_type_comes_from_the_bytes_and_not_from_the_name(tmp_path):
    place = tmp_path / "photo.jpg"
    place.write_bytes(encoded(drawn(), "PNG"))
    image = images.image_from_path("photo.jpg", root=tmp_path)
    assert image.media_type == "image/png"
    assert images.data_url(image).startswith("data:image/png;base64,iVBOR")
    assert base64.b64decode(images.data_url(image).partition(",")[2]) == place.read_bytes()


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_become_png_without_loss(kind):
    data = encoded(drawn(), kind)
    sent, media_type = images.prepare(images.image_from_bytes(data))
    assert media_type == "image/png"
    assert reopened(sent).convert("RGB").tobytes() == drawn().tobytes()


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_burnt_in(kind, orientation):
    # A server that ignores the tag would see the picture lying down.
    data = turned(orientation, kind)
    sent, media_type = images.prepare(images.image_from_bytes(data))
    picture = reopened(sent)
    assert media_type == ("image/jpeg" if kind == "JPEG" else "image/png")
    assert picture.size == ((20, 40) if orientation >= 5 else (40, 20))
    assert picture.getexif().get(0x0112, 1) == 1
    red_first = picture.convert("RGB").getpixel((2, 2))[0] > 128
    assert red_first == (orientation in {4, 5, 6})


def test_an_upright_exif_tag_changes_nothing():
    data = turned(1)
    assert images.prepare(images.image_from_bytes(data))[0] == data


def test_png_exif_after_the_pixels_is_seen():
    exif = Pillow.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes().removeprefix(b"Exif\0\0")
    late = struct.pack(">I", len(raw)) + b"eXIf" + raw
    late += struct.pack(">I", zlib.crc32(b"eXIf" + raw))
    data = encoded(drawn(), "PNG")
    end = data.rindex(b"IEND") - 4
    sent, _ = images.prepare(images.image_from_bytes(data[:end] + late + data[end:]))
    assert reopened(sent).size == (20, 40)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_max_side_reduces_larger_images_to_jpeg(mode):
    data = encoded(drawn(mode, (400, 200)), "JPEG", quality=95)
    sent, media_type = images.prepare(images.image_from_bytes(data), "max_side=100")
    assert media_type == "image/jpeg"
    assert reopened(sent).size == (100, 50)
    red, _, blue = reopened(sent).convert("RGB").getpixel((10, 25))
    assert red > 150
    assert mode == "L" or blue < 100


def test_max_side_turns_and_reduces_at_once():
    data = turned(6, size=(400, 200))
    sent, _ = images.prepare(images.image_from_bytes(data), "max_side=100")
    assert reopened(sent).size == (50, 100)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_survives_reduction(mode):
    picture = drawn("RGBA", (400, 200)).convert(mode)
    data = encoded(picture, "PNG", **({"transparency": 0} if mode == "P" else {}))
    sent, media_type = images.prepare(images.image_from_bytes(data), "max_side=100")
    assert media_type == "image/png"
    assert reopened(sent).has_transparency_data


def test_sixteen_bit_grey_keeps_its_shades_when_reduced():
    # Plain conversion clips every value above 255 to white.
    picture = Pillow.new("I;16", (400, 200), 20_000)
    image = images.image_from_bytes(encoded(picture, "PNG"))
    sent, _ = images.prepare(image, "max_side=100")
    assert reopened(sent).convert("L").getpixel((50, 25)) == pytest.approx(20_000 / 257, abs=2)
    assert images.pixels(image).getpixel((5, 5)) == pytest.approx((78, 78, 78), abs=2)


def test_pixels_are_upright_and_on_white():
    clear = Pillow.new("RGBA", (8, 8), (0, 0, 0, 0))
    image = images.image_from_bytes(encoded(clear, "PNG"))
    assert images.pixels(image).getpixel((0, 0)) == (255, 255, 255)
    assert images.pixels(images.image_from_bytes(turned(6))).size == (20, 40)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(400, 200), (300, 600), (40, 20)])
def test_a_thumbnail_is_upright_and_no_larger_than_asked_for(kind, size):
    found = images.thumbnail(images.image_from_bytes(turned(6, kind, size)), 100)
    high, wide = size
    shrunk = min(1, 100 / max(size))
    assert found.size == (round(wide * shrunk), round(high * shrunk))
    assert found.mode == "RGB"
    whole = images.pixels(images.image_from_bytes(turned(6, kind, size))).resize(found.size)
    middle = (found.width // 2, found.height // 2)
    assert found.getpixel(middle) == pytest.approx(whole.getpixel(middle), abs=25)


def test_a_thumbnail_of_what_is_cut_or_transparent():
    clear = Pillow.new("RGBA", (300, 300), (0, 0, 0, 0))
    shown = images.thumbnail(images.image_from_bytes(encoded(clear, "PNG")), 100)
    assert shown.getpixel((50, 50)) == (255, 255, 255)
    for kind in ("PNG", "JPEG"):
        data = encoded(drawn(size=(400, 400)), kind)
        with pytest.raises(ImageError, match="decoded"):
            images.thumbnail(images.image_from_bytes(data[: len(data) // 2]), 100)


def test_pixels_of_a_drawn_picture_come_back_as_they_were():
    image = images.image_from_pixels(drawn())
    assert image.media_type == "image/png"
    assert images.pixels(image).tobytes() == drawn().tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_file_is_an_image_error_that_names_it(kind, share, tmp_path):
    data = encoded(Pillow.effect_noise((120, 90), 80).convert("RGB"), kind)
    place = tmp_path / "cut.img"
    place.write_bytes(data[: int(len(data) * share)])
    image = images.image_from_path(place)
    with pytest.raises(ImageError, match=r"cut\.img"):
        images.prepare(image)
    with pytest.raises(ImageError, match=r"cut\.img"):
        images.check_decodable(image)


def test_a_cut_jpeg_with_a_whole_thumbnail_is_found():
    thumbnail = encoded(drawn(), "JPEG")
    data = encoded(Pillow.effect_noise((120, 90), 80).convert("RGB"), "JPEG")
    app1 = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Thumb\0" + thumbnail
    whole = data[:2] + app1 + data[2:]
    assert images.prepare(images.image_from_bytes(whole))[0] == whole
    with pytest.raises(ImageError, match="cut short"):
        images.prepare(images.image_from_bytes(whole[:-200]))


def test_a_decompression_bomb_is_refused_from_its_header():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    image = images.image_from_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82")
    for policy in ("original", "max_side=64"):
        with pytest.raises(ImageError, match="pixels"):
            images.prepare(image, policy)


def test_more_pixels_than_allowed_is_an_error(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 40 * 20 - 1)
    with pytest.raises(ImageError, match="40 x 20"):
        images.prepare(images.image_from_bytes(encoded(drawn(), "PNG")))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of broken tags before it gives up
@given(
    st.binary(max_size=300),
    st.sampled_from([m for _, m, _ in images._MAGIC] + [b"RIFF\0\0\0\0WEBP"]),
)
@settings(max_examples=150, deadline=None)
def test_hostile_bytes_raise_nothing_but_image_errors(noise, magic):
    try:
        image = images.image_from_bytes(magic + noise)
    except ImageError:
        return
    for policy in ("original", "max_side=64"):
        with pytest.raises(ImageError):
            images.prepare(image, policy)


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg/>", b"\x89PNX"])
def test_what_is_no_image_is_said_at_once(data):
    with pytest.raises(ImageError, match=r"no known image format|is empty"):
        images.image_from_bytes(data)


def test_changed_bytes_are_found_before_they_are_sent(tmp_path):
    place = tmp_path / "a.png"
    place.write_bytes(encoded(drawn(), "PNG"))
    image = images.image_from_path(place)
    place.write_bytes(encoded(drawn("L"), "PNG"))
    with pytest.raises(ImageError, match=r"a\.png has changed"):
        images.prepare(image)
    with pytest.raises(ImageError, match="has changed"):
        images.original_bytes(Image("0" * 64, "image/png", b"\x89PNG\r\n\x1a\n"))


def test_paths_stay_in_their_folder(tmp_path):
    root = tmp_path / "data"
    (root / "deep").mkdir(parents=True)
    data = encoded(drawn(), "PNG")
    for place in (root / "a.png", root / "deep" / "b.png", tmp_path / "secret.png"):
        place.write_bytes(data)
    (root / "inside.png").symlink_to(root / "a.png")
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "up").symlink_to(tmp_path)
    for kept in ("a.png", "deep/b.png", "deep/../a.png", "inside.png"):
        assert images.image_from_path(kept, root=root).sha256 == hashlib.sha256(data).hexdigest()
    for escape in ("../secret.png", str(tmp_path / "secret.png"), "out.png", "up/secret.png"):
        with pytest.raises(ImageError, match="leaves its folder"):
            images.image_from_path(escape, root=root)


@pytest.mark.parametrize("path", ["absent.png", "", ".", "a\0b.png", "x" * 300])
def test_what_cannot_be_opened_is_an_image_error(path, tmp_path):
    with pytest.raises(ImageError):
        images.image_from_path(path, root=tmp_path)


def test_a_pipe_is_not_waited_on(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="not a file"):
        images.image_from_path("pipe.png", root=tmp_path)


def test_too_many_bytes_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    (tmp_path / "a.png").write_bytes(encoded(drawn(), "PNG"))
    with pytest.raises(ImageError, match="larger than 10 bytes"):
        images.image_from_path("a.png", root=tmp_path)


@pytest.mark.parametrize(
    "text", ["", "max_side", "max_side=", "max_side=0", "max_side=-5", "max_side=a", "small"]
)
def test_unknown_policies_are_the_callers_mistake(text):
    with pytest.raises(ConfigError):
        images.parse_policy(text)


@given(st.none() | st.integers(16, 16384))
def test_a_policy_is_its_id(max_side):
    policy = images.Policy(max_side)
    assert images.parse_policy(policy.id) == policy


def test_only_what_is_black_all_over_is_all_black():
    for mode in ("RGB", "L"):
        picture = Pillow.new(mode, (4, 4))
        assert images.all_black(images.image_from_pixels(picture))
        picture.putpixel((1, 2), (0, 0, 1) if mode == "RGB" else 1)
        assert not images.all_black(images.image_from_pixels(picture))


def test_sixteen_bit_grey_keeps_its_shades_when_decoded():
    picture = Pillow.new("I;16", (4, 1))
    picture.putdata([0, 10_000, 30_000, 65_535])
    image = images.image_from_bytes(encoded(picture, "PNG"))
    assert images.decoded(image).convert("RGB").tobytes()[::3] == bytes([0, 38, 116, 255])


@pytest.mark.parametrize("trailer", [b"\xff\xda\x00", b"film " * 99 + b"\xff\xda", b""])
def test_what_stands_behind_a_jpegs_end_is_no_part_of_it(trailer):
    data = encoded(drawn(), "JPEG") + trailer
    assert images.prepare(images.image_from_bytes(data))[0] == data


@pytest.mark.parametrize(
    "damage", [RuntimeError("no image item"), struct.error("odd tag"), TypeError("no tag")]
)
def test_whatever_a_decoder_raises_is_the_images_fault(monkeypatch, damage):
    def load(*_, **__):
        raise damage

    image = images.image_from_bytes(encoded(drawn(), "PNG"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(ImageError, match="cannot be decoded"):
        images.pixels(image)
