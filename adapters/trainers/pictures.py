"""Images as trainers hold them, to `Image` values: PIL, arrays, tensors, bytes and paths.

Arrays are uint8 HWC (0 to 255) or float CHW or HWC (0 to 1); a batch has one axis more. Tensors are
known by what they can do, so torch is not imported.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from parrot.backends.images import image_from_bytes, image_from_path, image_from_pixels
from parrot.core.asks import Failed, FailureKind
from parrot.core.errors import ConfigError, ImageError
from parrot.core.values import Image

if TYPE_CHECKING:
    from PIL import Image as Pillow

Encoding = Literal["png", "jpeg"]
"""How pixels are sent. png: exact. jpeg (quality 95): quicker for large images, and smaller."""

CHANNELS: Final = frozenset({1, 3, 4})
OVERSHOOT: Final = 0.01
"""How far a decoder may leave [0, 1] by rounding."""


def images_of(batch: Any, *, encoding: Encoding = "png") -> tuple[Image | Failed, ...]:
    """The images of a batch, in order: a sequence of single images, or one array with four axes.

    What is no image, such as pixels that are NaN, is Failed in its place. Raises ConfigError for
    what is no batch at all.
    """
    if hasattr(batch, "shape") and len(batch.shape) == 4:
        batch = _array(batch)
    elif isinstance(batch, str | bytes | Path) or not isinstance(batch, Iterable):
        raise ConfigError(f"a batch of images is a sequence or has four axes, not {_told(batch)}")
    return tuple(_or_failed(one, encoding) for one in batch)


def image_of(one: Any, *, encoding: Encoding = "png") -> Image:
    """One image: an `Image`, PIL, bytes of a file, a path, or an array with three axes.

    Bytes and files go as they are. Raises ImageError for anything else.
    """
    if isinstance(one, Image):
        return one
    if isinstance(one, bytes | bytearray):
        return image_from_bytes(bytes(one))
    if isinstance(one, str | Path):
        return image_from_path(one)
    if hasattr(one, "shape"):
        return _encoded(_picture(_array(one)), encoding)
    if hasattr(one, "getbands") and hasattr(one, "save"):
        return _encoded(one, encoding)
    raise ImageError(f"no image: {_told(one)}")


def sources_of(given: Any, *, encoding: Encoding = "png") -> tuple[Image, ...] | Failed:
    """The source images of one request: None, one image, or several. Failed where one is none."""
    if given is None:
        return ()
    found = images_of((given,) if _is_one(given) else given, encoding=encoding)
    failed = [image for image in found if isinstance(image, Failed)]
    return failed[0] if failed else tuple(i for i in found if isinstance(i, Image))


def _is_one(given: Any) -> bool:
    if isinstance(given, Image | bytes | bytearray | str | Path):
        return True
    return hasattr(given, "save") or len(getattr(given, "shape", ())) == 3


def _or_failed(one: Any, encoding: Encoding) -> Image | Failed:
    try:
        return image_of(one, encoding=encoding)
    except ImageError as error:
        return Failed(FailureKind.IMAGE, str(error), attempts=0)


def _array(given: Any) -> Any:
    import numpy as np

    if hasattr(given, "detach"):  # a tensor, perhaps elsewhere and of a type that numpy lacks
        given = given.detach().cpu()
        given = (given.float() if given.is_floating_point() else given).numpy()
    return np.asarray(given)


def _picture(array: Any) -> Pillow.Image:
    import numpy as np
    from PIL import Image as Pillow

    if array.ndim != 3:
        raise ImageError(f"an image has three axes, not {array.shape}")
    if not array.size:
        raise ImageError(f"an image of {array.shape} has no pixels")
    whole = array.dtype == np.uint8
    first, last = array.shape[0] in CHANNELS, array.shape[-1] in CHANNELS
    if not (first or last):
        raise ImageError(f"no axis of {array.shape} holds 1, 3 or 4 channels")
    if first and not (last and whole):  # floats stand as CHW where both could be
        array = array.transpose(1, 2, 0)
    pixels = array if whole else _eight_bits(array)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return Pillow.fromarray(np.ascontiguousarray(pixels))


def _eight_bits(array: Any) -> Any:
    import numpy as np

    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"pixels are uint8 or float, not {array.dtype}")
    low, high = float(array.min()), float(array.max())
    if not (low >= -OVERSHOOT and high <= 1.0 + OVERSHOOT):  # NaN included
        raise ImageError(f"float pixels lie in [0, 1], these in [{low:.3g}, {high:.3g}]")
    return (array.clip(0.0, 1.0) * 255.0).round().astype(np.uint8)


def _encoded(picture: Pillow.Image, encoding: Encoding) -> Image:
    if encoding == "png":
        return image_from_pixels(picture)
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=95)
    return image_from_bytes(out.getvalue())


def _told(given: Any) -> str:
    shape = getattr(given, "shape", None)
    return type(given).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")
