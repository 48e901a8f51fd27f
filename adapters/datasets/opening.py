"""Images from what records name: paths in their folder, data URLs, bytes."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from parrot.backends.images import image_from_bytes, image_from_path, prepare
from parrot.core.errors import ImageError, RecordError
from parrot.core.values import Image


def image_opener(root: Path) -> Callable[[Any], Image]:
    """What opens image references, with paths relative to `root`, which they may not leave.

    A reference is a path, a `data:` URL, bytes, or a `{bytes, path}` object (bytes win). The header
    is looked at, so that what is no image, cut short or too large raises ImageError here and not
    when a model has been paid.
    """

    def opened(ref: Any) -> Image:
        image = _image(ref, root)
        prepare(image)
        return image

    return opened


def check_reference(ref: Any, root: Path) -> None:
    """Raises RecordError where a path leaves `root` as it is written. Opens nothing."""
    path = _path(ref)
    if path is None:
        return
    if not isinstance(path, str):
        raise RecordError(f"the path of an image is text, not {type(path).__name__}")
    folder = os.path.abspath(root)  # noqa: PTH100 - links are followed when it is opened
    place = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 - purely lexical
    if "\0" in path or os.path.commonpath([folder, place]) != folder:
        raise RecordError(f"the path {path!r} leaves the folder {str(root)!r}")


def _path(ref: Any) -> str | None:
    if isinstance(ref, Mapping):
        return None if ref.get("bytes") else ref.get("path")
    return ref if isinstance(ref, str) and not ref.startswith("data:") else None


def _image(ref: Any, root: Path) -> Image:
    if isinstance(ref, Mapping):
        ref = ref.get("bytes") or ref.get("path")
    if isinstance(ref, bytes | bytearray | memoryview):
        return image_from_bytes(bytes(ref))
    if isinstance(ref, str) and ref.startswith("data:"):
        return image_from_bytes(_data(ref))
    if isinstance(ref, str) and ref:
        return image_from_path(ref, root=root)
    raise ImageError(f"{type(ref).__name__} is no path, data URL or bytes")


def _data(url: str) -> bytes:
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageError("a data URL lacks its comma")
    try:
        raw = unquote_to_bytes(body)
        return base64.b64decode(raw, validate=True) if head.endswith(";base64") else raw
    except ValueError as error:  # of base64, and of text that is no ASCII
        raise ImageError(f"a data URL cannot be decoded: {error}") from None
