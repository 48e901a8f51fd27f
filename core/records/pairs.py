"""The plain pair: our own record of a preference pair, read from and written to plain dicts.

Fields: `schema` (1), `id`, `prompt`, `sources` (a list of images, empty unless an edit), `image_a`,
`image_b`, `label` (A | B | TIE), `both` (GOOD | BAD, of a TIE), `strength` in [0, 1], `votes`
({a, b, tie}), `dimension_labels` ({dimension: label}), `source`, `licence`, `may_train`. An image
is a path, a data URL, bytes, or a `{bytes, path}` object; opening it is the caller's.

A field that is null counts as absent. A field that we do not know is the user's own and ignored,
unless its name is close to one of ours that is absent: a misspelt `may_train` must not be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from parrot.core.errors import RecordError
from parrot.core.records.fields import (
    Data,
    LabelField,
    Name,
    Step,
    Strict,
    at_schema,
    named,
    present,
    read_as,
)
from parrot.core.values import Both, Image, Label, PreferencePair, Request, Votes

PAIR_SCHEMA: Final = 1
_STEPS: Mapping[int, Step] = {}

ImageRef = str | bytes | Mapping[str, Any]
"""A path, a data URL, the bytes themselves, or `{"bytes": ..., "path": ...}`."""
OpenImage = Callable[[ImageRef], Image]
"""What turns a reference into an image; raises ImageError where it cannot."""


def _both(value: object) -> object:
    if isinstance(value, str) and value in Both.__members__:
        return Both(value)
    raise ValueError("must be GOOD or BAD")


def _image(value: object) -> object:
    if isinstance(value, str | bytes) and value:
        return value
    if isinstance(value, Mapping) and (value.get("bytes") or value.get("path")):
        return value
    raise ValueError("must be a path, a data URL, bytes or an object with bytes or path")


def _listed(value: object) -> object:
    # A list column of a table comes as a numpy array from pandas.
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) else value


def _without_nulls(value: object) -> object:
    return present(value) if isinstance(value, Mapping) else value


ImageField = Annotated[Any, BeforeValidator(_image)]
Count = Annotated[int, Field(ge=0)]


class _Votes(Strict):
    a: Count = 0
    b: Count = 0
    tie: Count = 0


class _Pair(Strict):
    id: Name
    prompt: str
    sources: Annotated[list[ImageField], BeforeValidator(_listed)] = Field(default_factory=list)
    image_a: ImageField
    image_b: ImageField
    label: LabelField
    both: Annotated[Any, BeforeValidator(_both)] = None
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    votes: Annotated[_Votes, BeforeValidator(_without_nulls)] | None = None
    dimension_labels: Annotated[dict[str, LabelField], BeforeValidator(_without_nulls)] = Field(
        default_factory=dict
    )
    source: str = ""
    licence: str | None = None
    may_train: bool = True


def pair_from_record(record: Data, open_image: OpenImage) -> PreferencePair:
    """The pair in a record, its images opened in the order sources, A, B.

    Raises RecordError that names the field; what `open_image` raises goes through.
    """
    read = _checked(record)
    request = Request(read.prompt, tuple(open_image(ref) for ref in read.sources))
    return PreferencePair(
        read.id,
        request,
        open_image(read.image_a),
        open_image(read.image_b),
        read.label,
        both=read.both,
        strength=read.strength,
        votes=Votes(read.votes.a, read.votes.b, read.votes.tie) if read.votes else None,
        dimension_labels=read.dimension_labels,
        source=read.source,
        licence=read.licence,
        may_train=read.may_train,
    )


def check_pair_record(record: Data) -> str:
    """The record's id, if the record is sound; opens no image. Raises RecordError otherwise."""
    return _checked(record).id


def _checked(record: Data) -> _Pair:
    read = read_as(_Pair, at_schema(named(record), PAIR_SCHEMA, _STEPS))
    if read.both is not None and read.label is not Label.TIE:
        message = f"{read.both.value} needs the label TIE, not {read.label.value}"
        raise RecordError(message, field="both")
    return read


def pair_to_record(
    pair: PreferencePair, *, image_ref: Callable[[Image], ImageRef]
) -> dict[str, Any]:
    """The pair as plain data; what the pair does not know is left out.

    image_ref: how an image is named in the record, such as its path from the file's folder.
    """
    votes = pair.votes
    labels = {key: label.value for key, label in pair.dimension_labels.items()}
    record: dict[str, Any] = {
        "schema": PAIR_SCHEMA,
        "id": pair.id,
        "prompt": pair.request.prompt,
        "sources": [image_ref(image) for image in pair.request.sources],
        "image_a": image_ref(pair.image_a),
        "image_b": image_ref(pair.image_b),
        "label": pair.label.value,
        "both": pair.both and pair.both.value,
        "strength": pair.strength,
        "votes": votes and {"a": votes.a, "b": votes.b, "tie": votes.tie},
        "dimension_labels": labels or None,
        "source": pair.source or None,
        "licence": pair.licence,
    }
    return present(record) | {"may_train": pair.may_train}
