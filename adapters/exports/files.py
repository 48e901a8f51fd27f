"""Files of an export: JSON Lines or Parquet, whole or not at all, and the images beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from parrot.adapters.disk import json_text
from parrot.backends.images import prepare
from parrot.core.errors import ImageError, MissingExtraError
from parrot.core.values import Image

_SUFFIX = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_BATCH = 32


class Write(Protocol):
    """Writes one row."""

    def __call__(self, row: Mapping[str, Any], /) -> None: ...


class Pictures:
    """Images as a model is sent them: upright, of a common format, otherwise byte for byte."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new: list[Path] = []

    def keep(self, image: Image) -> str:
        """Puts the image under its digest in `images/`; its path from the folder."""
        name, data = _prepared(image)
        place = self._folder / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = place.with_suffix(".partial")
            fresh.write_bytes(data)
            fresh.replace(place)
            self._new.append(place)
        return name

    def embed(self, image: Image) -> dict[str, Any]:
        """The image as a cell of a table: its bytes and a name."""
        name, data = _prepared(image)
        return {"bytes": data, "path": Path(name).name}

    def discard(self) -> None:
        """Takes away what `keep` has put there."""
        for place in self._new:
            place.unlink(missing_ok=True)


def _prepared(image: Image) -> tuple[str, bytes]:
    if not image.source:
        raise ImageError(f"image {image.sha256[:12]} is only a name: its run had no pictures")
    data, media_type = prepare(image)
    digest = hashlib.sha256(data).hexdigest()[:32]
    return f"images/{digest}.{_SUFFIX.get(media_type, 'img')}", data


@contextmanager
def _finished(place: Path) -> Iterator[Path]:
    """A name to write under; the file takes its own when all went well, else nothing is left."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(place.name + ".partial")
    try:
        yield fresh
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def lines(place: Path) -> Iterator[Write]:
    """Rows as JSON Lines."""
    with _finished(place) as fresh, fresh.open("w", encoding="utf-8", newline="\n") as file:

        def write(row: Mapping[str, Any], /) -> None:
            file.write(json_text(row) + "\n")

        yield write


@contextmanager
def table(place: Path, features: Mapping[str, Any]) -> Iterator[Write]:
    """Rows as Parquet whose schema tells Hugging Face `datasets` what is an image.

    features: a column's type, as `_feature` reads it. Raises MissingExtraError.
    """
    try:
        import datasets  # type: ignore[import-untyped,unused-ignore]
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtraError("writing Parquet", "data") from error
    kinds = {name: _feature(kind, datasets) for name, kind in features.items()}
    told = {"info": {"features": {name: _told(kind) for name, kind in features.items()}}}
    schema = datasets.Features(kinds).arrow_schema.with_metadata({"huggingface": json.dumps(told)})
    waiting: list[Mapping[str, Any]] = []
    with _finished(place) as fresh, pq.ParquetWriter(fresh, schema) as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def write(row: Mapping[str, Any], /) -> None:
            waiting.append(row)
            if len(waiting) == _BATCH:
                flush()

        yield write
        flush()


def _told(kind: Any) -> Any:
    # As JSON for readers. A list is written as a list, which every version of `datasets` reads;
    # what version 4 and later write themselves (`List`) stops all earlier ones.
    if isinstance(kind, Mapping):
        return {name: _told(inner) for name, inner in kind.items()}
    if isinstance(kind, list):
        return [_told(kind[0])]
    return {"_type": "Image"} if kind == "image" else {"dtype": "string", "_type": "Value"}


def _feature(kind: Any, datasets: Any) -> Any:
    """`"text"`, `"image"`, a list of one kind, or a mapping of fields, as a feature."""
    if isinstance(kind, Mapping):
        return {name: _feature(inner, datasets) for name, inner in kind.items()}
    if isinstance(kind, list):
        inner = _feature(kind[0], datasets)
        return [inner] if isinstance(inner, dict) else datasets.Sequence(inner)
    return datasets.Image() if kind == "image" else datasets.Value("string")
