"""Bodies from outside to plain values: JSON that is only JSON, images that are only bytes.

Everything here raises Refusal and nothing else, whatever the bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from parrot.adapters.server.refusing import Refusal, bad
from parrot.backends.images import image_from_bytes, image_size
from parrot.core.errors import ImageError
from parrot.core.rewards.values import Drawing
from parrot.core.values import Image, Request

SENT = frozenset({"image/png", "image/jpeg", "image/webp"})
Body = TypeVar("Body", bound="Fields")
Pictures = Callable[[bytes, str], Image]
"""An image from its file's bytes and the place it stood at; knows the limit on pixels."""


class Fields(BaseModel):
    """A body's fields, of just their types; fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class LooseFields(Fields):
    """A foreign client's body: what we do not know is theirs and is let be."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


def json_of(data: bytes) -> Any:
    """The value of a JSON body. Raises Refusal for anything that is not strict JSON in UTF-8."""
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise bad("the body is nested too deeply") from None
    except UnicodeDecodeError:
        raise bad("the body is not UTF-8") from None
    except ValueError as error:
        raise bad(f"the body is not JSON: {str(error)[:200]}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def fields_of(value: Any, model: type[Body]) -> Body:
    """The body as its fields. Raises Refusal that names the first that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Refusal(422, f"{place[:200]}: {first['msg'][:200]}") from None
    except RecursionError:
        raise bad("the body is nested too deeply") from None


def words(text: str, place: str) -> str:
    """Text that can be written again. Raises Refusal for halves of surrogate pairs."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise bad(f"{place}: half of a surrogate pair is no text") from None
    return text


def decoded(text: str, place: str) -> bytes:
    """The bytes of base64, bare or as a `data:` URL. Raises Refusal; a URL or path is none."""
    head, comma, rest = text.partition(",")
    if comma and head.startswith("data:"):
        if not head.endswith(";base64"):
            raise bad(f"{place}: a data URL must be base64")
        text = rest
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad(f"{place}: not base64; images come inline, never as a URL or a path") from None


def pictures(max_pixels: int) -> Pictures:
    """Reads images up to that size; PNG, JPEG and WebP."""

    def picture(data: bytes, place: str) -> Image:
        try:
            image = image_from_bytes(data)
            if image.media_type not in SENT:
                raise ImageError(f"{image.media_type} is not taken; PNG, JPEG and WebP are")
            width, height = image_size(image)
        except ImageError as error:
            raise bad(f"{place}: {error}") from None
        if width * height > max_pixels:
            said = f"{place}: {width} x {height} pixels; at most {max_pixels}"
            raise Refusal(413, said)
        return image

    return picture


def drawing(
    prompt: str, image: bytes, sources: Sequence[bytes], place: str, picture: Pictures
) -> Drawing:
    """One drawing from what a body said of it."""
    found = tuple(picture(one, f"{place}, source {n}") for n, one in enumerate(sources))
    return Drawing(Request(words(prompt, place), found), picture(image, place))


def equally_many(**columns: Sequence[Any] | None) -> int:
    """How long the columns are that are there. Raises Refusal where they differ."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) != 1:
        raise bad(f"columns are not equally long: {_told(lengths)}")
    return next(iter(lengths.values()))


def _told(lengths: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {length}" for name, length in lengths.items())
