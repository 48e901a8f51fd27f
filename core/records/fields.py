"""What all records have in common: strict fields, a schema number, and errors that name a place.

Reads plain dicts, never files. pydantic stays behind this package: `import parrot.core` is free of
it, and no pydantic error leaves.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from parrot.core.errors import RecordError
from parrot.core.values import Label

Data = Mapping[str, Any]
Step = Callable[[dict[str, Any]], dict[str, Any]]


def _as_written(value: object) -> object:
    # Models write lone surrogates; pydantic's own str refuses them, and a reply must not be lost.
    if isinstance(value, str):
        return value
    raise ValueError("Input should be a valid string")


def _whole_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def label_field(value: object) -> object:
    """A label from its name; the ValueError is for pydantic to catch."""
    if isinstance(value, str) and value in Label.__members__:
        return Label(value)
    raise ValueError("must be A, B or TIE")


Text = Annotated[Any, BeforeValidator(_as_written)]
"""Any string, lone surrogates included."""
Name = Annotated[str, Field(min_length=1), BeforeValidator(_whole_text)]
"""A non-empty string; a whole number is taken as its digits."""
LabelField = Annotated[Any, BeforeValidator(label_field)]


class Strict(BaseModel):
    """A record part: no guessing of types, unknown fields ignored (see `refuse_near_names`)."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


M = TypeVar("M", bound=BaseModel)


def read_as(model: type[M], data: Data, *, under: str = "") -> M:
    """The record as a model. Raises RecordError for the first field at fault.

    under: the field of the whole record that `data` is, for the message.
    """
    refuse_near_names(named(data), (*model.model_fields, "schema"))
    try:
        return model.model_validate(present(data))
    except ValidationError as error:
        raise _translated(error, under) from None


def named(data: object) -> Data:
    """The data, if it has named fields. Raises RecordError otherwise."""
    if not isinstance(data, Mapping):
        raise RecordError(f"a record is an object of named fields, not {_kind(data)}")
    return data


def _translated(error: ValidationError, under: str) -> RecordError:
    errors = error.errors(include_url=False, include_context=False)
    first = errors[0]
    steps = (under, *first["loc"]) if under else first["loc"]
    field = ".".join(str(step) for step in steps) or None
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "missing":
        return RecordError(f"is missing{more}", field=field)
    message = first["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "must be")
    return RecordError(f"{message}, not {_shown(first['input'])}{more}", field=field)


def present(data: Data) -> dict[str, Any]:
    """The fields that have a value: null is absent, as columns of a table have it."""
    return {key: value for key, value in data.items() if value is not None}


def refuse_near_names(data: Data, known: tuple[str, ...]) -> None:
    """Raises RecordError for an unknown field that looks like a known one which is absent.

    Other unknown fields are the caller's own and are ignored, and so are names with a leading `_`.
    """
    absent = [name for name in known if data.get(name) is None]
    for name in data:
        if name in known or str(name).startswith("_"):
            continue
        near = difflib.get_close_matches(str(name).lower(), absent, n=1, cutoff=0.8)
        if near:
            raise RecordError(f"is unknown; did you mean {near[0]!r}?", field=str(name))


def at_schema(data: Data, current: int, steps: Mapping[int, Step] | None = None) -> dict[str, Any]:
    """The record brought to the current schema; without a number it is taken as the first.

    steps: what turns schema n into n + 1. Raises RecordError for a later schema than ours.
    """
    schema = named(data).get("schema", 1)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise RecordError(f"must be a whole number from 1, not {_shown(schema)}", field="schema")
    if schema > current:
        raise RecordError(
            f"is {schema}, written by a later version that this one (schema {current}) cannot "
            "read: pip install --upgrade parrot-rewards",
            field="schema",
        )
    found = dict(data)
    for version in range(schema, current):
        found = (steps or {})[version](found)
    return found | {"schema": current}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: object) -> str:
    return {list: "a list", str: "text", type(None): "null"}.get(type(value), type(value).__name__)
