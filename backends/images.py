"""Images at the rim: from paths and bytes to `Image` values, and to the bytes that a model is sent.

Knows file formats, EXIF orientation, sizes and limits. Knows nothing of models or wire formats.
Pillow is imported only where a header or pixels must be read; digests and media types need none.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from attrs import field, frozen, validators

from parrot.core.errors import ConfigError, ImageError, MissingExtraError
from parrot.core.values import Image

if TYPE_CHECKING:
    from PIL import Image as Pillow

MAX_PIXELS = 64_000_000
"""Width times height above which an image is refused, whatever the policy."""

MAX_BYTES = 256 * 2**20
"""File size above which an image is refused unread."""

_Encoding = Literal["image/png", "image/jpeg"]
_PASSED = frozenset({"image/png", "image/jpeg", "image/webp"})
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
)


def media_type_of(data: bytes) -> str:
    """The true media type, from the first bytes alone. Raises ImageError where none is known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for start, magic, media_type in _MAGIC:
        if data[start : start + len(magic)] == magic:
            return media_type
    if not data:
        raise ImageError("is empty")
    raise ImageError(f"no known image format begins with {data[:12]!r}")


def image_from_bytes(data: bytes) -> Image:
    """The image these bytes are. Raises ImageError where they are no image that is known."""
    return Image(hashlib.sha256(data).hexdigest(), media_type_of(data), data)


def image_from_path(path: str | Path, *, root: str | Path | None = None) -> Image:
    """The image a file holds; its bytes are digested now and read again when an ask needs them.

    root: the folder that the path is relative to and may not leave: not by `..`, not by being
    absolute, not by a symlink. Raises ImageError naming the path.
    """
    place = _inside(path, root)
    data = _read(place)
    try:
        return Image(hashlib.sha256(data).hexdigest(), media_type_of(data), str(place))
    except ImageError as error:
        raise ImageError(f"{place}: {error}") from None


def image_from_pixels(picture: Pillow.Image) -> Image:
    """A drawn picture as an image: PNG, so that no pixel changes."""
    return image_from_bytes(_encoded(picture, "image/png")[0])


def _inside(path: str | Path, root: str | Path | None) -> Path:
    try:
        if root is None:
            return Path(path).resolve(strict=True)
        folder = Path(root).resolve(strict=True)
        place = (folder / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(f"{str(path)!r} cannot be opened: {_reason(error)}") from None
    if not place.is_relative_to(folder):
        raise ImageError(f"{str(path)!r} leaves its folder {str(root)!r}")
    return place


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read(place: Path) -> bytes:
    try:
        if not place.is_file():  # a pipe or device would block or never end
            raise ImageError(f"{place} is not a file")
        if place.stat().st_size > MAX_BYTES:
            raise ImageError(f"{place} is larger than {MAX_BYTES} bytes")
        return place.read_bytes()
    except OSError as error:
        raise ImageError(f"{place} cannot be read: {_reason(error)}") from None


def _name(image: Image) -> str:
    return image.source if isinstance(image.source, str) else f"image {image.sha256[:12]}"


def original_bytes(image: Image) -> bytes:
    """The bytes whose digest the image carries. Raises ImageError where they have changed."""
    data = image.source if isinstance(image.source, bytes) else _read(Path(image.source))
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise ImageError(f"{_name(image)} has changed since its digest was taken")
    return data


def size_of(image: Image) -> int:
    """How many bytes the image has, without reading them. Raises ImageError."""
    if isinstance(image.source, bytes):
        return len(image.source)
    try:
        return Path(image.source).stat().st_size
    except OSError as error:
        raise ImageError(f"{image.source} cannot be read: {_reason(error)}") from None


@frozen(slots=True)
class Policy:
    """How images are prepared for a model.

    max_side: longest side in pixels, larger images are reduced; None leaves every size alone.
    """

    max_side: int | None = field(
        default=None, validator=validators.optional([validators.ge(16), validators.le(16384)])
    )

    @property
    def id(self) -> str:
        return "original" if self.max_side is None else f"max_side={self.max_side}"


@lru_cache(maxsize=64)
def parse_policy(text: str) -> Policy:
    """`original` or `max_side=N`. Raises ConfigError for anything else."""
    name, equals, value = text.partition("=")
    if text == "original":
        return Policy()
    if name == "max_side" and equals and value.isascii() and value.isdigit():
        try:
            return Policy(int(value))
        except ValueError:
            raise ConfigError(f"max_side must lie in 16..16384, not {value}") from None
    raise ConfigError(f"an image policy is 'original' or 'max_side=N', not {text!r}")


def prepare(image: Image, policy: str = "original") -> tuple[bytes, str]:
    """The bytes a model is sent and their media type.

    PNG, JPEG and WebP that need no change pass byte for byte. An image turned by an EXIF tag is
    turned upright and encoded anew, since servers ignore the tag; other formats become PNG; under
    max_side a larger image is reduced to JPEG at quality 90 (PNG where it has transparency).
    Raises ImageError for what is too large, cut short, or not to be decoded.
    """
    data = original_bytes(image)
    media_type = media_type_of(data)
    limit = parse_policy(policy).max_side
    with _opened(data, _name(image)) as picture:
        _check_end(data, media_type, _name(image))
        large = limit is not None and max(picture.size) > limit
        turned = _is_turned(picture, data, media_type)
        if media_type in _PASSED and not large and not turned:
            return data, media_type
        if large and limit is not None:
            return _encoded(_reduced(picture, limit), "image/jpeg", quality=90)
        kind: _Encoding = "image/jpeg" if media_type == "image/jpeg" else "image/png"
        return _encoded(_upright(picture), kind, quality=95)


def data_url(image: Image, policy: str = "original") -> str:
    """The prepared image as a `data:` URL. Raises ImageError as `prepare` does."""
    data, media_type = prepare(image, policy)
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def pixels(image: Image) -> Pillow.Image:
    """The image decoded, upright, as RGB on white. Raises ImageError."""
    with _opened(original_bytes(image), _name(image)) as picture:
        return _flat(_eight_bit(_upright(picture)))


def thumbnail(image: Image, side: int) -> Pillow.Image:
    """The image upright, as RGB on white, at most `side` pixels wide and high. Raises ImageError.

    For the eye: a JPEG is decoded with no more detail than that.
    """
    with _opened(original_bytes(image), _name(image)) as picture:
        picture.draft(None, (side, side))
        small = _flat(_eight_bit(_upright(picture)))
    small.thumbnail((side, side), reducing_gap=2.0)
    return small


def decoded(image: Image, policy: str = "original") -> Pillow.Image:
    """The prepared image decoded, upright, in its own colours at 8 bits. Raises ImageError."""
    data, _ = prepare(image, policy)
    with _opened(data, _name(image)) as picture:
        return _eight_bit(_upright(picture))


def black(image: Image) -> Image:
    """A black image of the same size as a model would see it. Raises ImageError."""
    from PIL import Image as Pillow

    return image_from_pixels(Pillow.new("RGB", pixels(image).size))


def image_size(image: Image) -> tuple[int, int]:
    """Width and height as its header says; no pixel is decoded. Raises ImageError."""
    with _opened(original_bytes(image), _name(image)) as picture:
        return picture.size


def all_black(image: Image) -> bool:
    """Whether every pixel is black, as of a picture that a safety checker blanked. Raises ImageError."""
    return all(high == 0 for _, high in pixels(image).getextrema())  # type: ignore[misc]


def check_decodable(image: Image) -> tuple[int, int]:
    """Width and height, after every pixel was decoded. Raises ImageError."""
    with _opened(original_bytes(image), _name(image)) as picture:
        picture.load()
        return picture.size


DAMAGE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    TypeError,
    AttributeError,
    struct.error,
)
"""What Pillow's decoders raise on bytes that are not what they say."""


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Pillow.Image]:
    # Opening reads the header only. What a decoder raises on hostile bytes is the image's fault.
    try:
        from PIL import Image as Pillow
    except ImportError:
        raise MissingExtraError("reading images", "openai") from None
    try:
        with Pillow.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ImageError(f"{name} is {width} x {height}, more than {MAX_PIXELS} pixels")
            yield picture
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise ImageError(f"{name} has more than {MAX_PIXELS} pixels") from None
    except ImageError:
        raise
    except DAMAGE as error:
        raise ImageError(f"{name} cannot be decoded: {error}") from None


def _check_end(data: bytes, media_type: str, name: str) -> None:
    # Cut files are found without decoding: entropy-coded JPEG data holds no bare marker, and what
    # stands behind the end, such as the film of a moving photograph, is no part of it.
    whole = True
    if media_type == "image/jpeg":
        whole = data.find(b"\xff\xd9", _scan_of(data)) > 0
    elif media_type == "image/png":
        whole = data.rfind(b"IEND") > 0
    elif media_type == "image/webp":
        whole = len(data) >= int.from_bytes(data[4:8], "little") + 8 - 1
    if not whole:
        raise ImageError(f"{name} is cut short")


def _scan_of(data: bytes) -> int:
    """Where a JPEG's first scan begins, past the segments before it and their thumbnails."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xDA:
            return at
        filled = data[at + 1] == 0xFF
        at += 1 if filled else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return len(data)


def _is_turned(picture: Pillow.Image, data: bytes, media_type: str) -> bool:
    # Asking a PNG for a late EXIF chunk decodes it whole, so its bytes are asked first.
    late = media_type not in {"image/jpeg", "image/webp"} and b"eXIf" in data
    if "exif" not in picture.info and not late:
        return False
    return int(picture.getexif().get(_ORIENTATION, 1)) in range(2, 9)


def _upright(picture: Pillow.Image) -> Pillow.Image:
    from PIL import ImageOps

    picture.load()
    return ImageOps.exif_transpose(picture)


def _reduced(picture: Pillow.Image, limit: int) -> Pillow.Image:
    from PIL import Image as Pillow

    # draft lets the JPEG decoder skip detail: twice the wanted size leaves the filter enough.
    picture.draft(None, (2 * limit, 2 * limit))
    upright = _eight_bit(_upright(picture))
    if upright.mode in {"P", "1"}:
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    upright.thumbnail((limit, limit), Pillow.Resampling.LANCZOS)
    return upright


def _eight_bit(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I;16"):
        return picture.point(lambda value: value * (1 / 257)).convert("L")
    if picture.mode in {"I", "F"}:
        raise ImageError(f"an image of mode {picture.mode} has no 8-bit form")
    return picture


def _flat(picture: Pillow.Image) -> Pillow.Image:
    from PIL import Image as Pillow

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    white = Pillow.new("RGBA", clear.size, "white")
    return Pillow.alpha_composite(white, clear).convert("RGB")


def _encoded(
    picture: Pillow.Image, media_type: _Encoding, *, quality: int = 90
) -> tuple[bytes, str]:
    out = io.BytesIO()
    profile = picture.info.get("icc_profile")
    if media_type == "image/jpeg" and not picture.has_transparency_data:
        if picture.mode not in {"L", "RGB"}:
            picture, profile = _eight_bit(picture).convert("RGB"), None
        picture.save(out, "JPEG", quality=quality, icc_profile=profile)
        return out.getvalue(), "image/jpeg"
    if picture.mode not in {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}:
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        picture, profile = _eight_bit(picture).convert(mode), None
    picture.save(out, "PNG", compress_level=1, icc_profile=profile)
    return out.getvalue(), "image/png"
