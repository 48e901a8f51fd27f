"""Images requests and answers as the loopback server sees and writes them: JSON, or a form."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from attrs import field, frozen

from parrot.core.testing.fakes import plain_image


@frozen(slots=True)
class ImageRequest:
    """One request for an image. images: of an edit, in order. digest, attempt: as `ChatRequest`."""

    body: Mapping[str, Any]
    images: tuple[bytes, ...]
    digest: str
    attempt: int = 1
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))


def image_request(body: bytes, headers: Mapping[str, str]) -> ImageRequest:
    """The request in a body; its digest is that of its fields, whatever parts them."""
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        fields: dict[str, Any] = json.loads(body)
        return ImageRequest(fields, (), _digest(fields, ()), headers=headers)
    whole = f"content-type: {kind}\r\n\r\n".encode() + body
    fields, images = {}, []
    for part in BytesParser(policy=HTTP).parsebytes(whole).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_filename():
            images.append(data)
        else:
            fields[name] = data.decode()
    return ImageRequest(fields, tuple(images), _digest(fields, tuple(images)), headers=headers)


def _digest(fields: Mapping[str, Any], images: tuple[bytes, ...]) -> str:
    told = json.dumps({k: str(v) for k, v in fields.items()}, sort_keys=True).encode()
    return hashlib.sha256(b"|".join((told, *images))).hexdigest()


def paint(request: ImageRequest) -> bytes:
    """A PNG of one colour that fields and images decide."""
    red, green, blue, *_ = bytes.fromhex(request.digest)
    source = plain_image(red, green, blue).source
    assert isinstance(source, bytes)
    return source


def answer_of(image: bytes) -> bytes:
    """The answer's body with the image in it."""
    shown = {"created": 0, "data": [{"b64_json": base64.b64encode(image).decode()}]}
    return json.dumps(shown).encode()
