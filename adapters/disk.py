"""Folders of results on disk: JSON objects read, and what a full or broken disk is told as."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from parrot.core.errors import ConfigError, RecordError, StoreError, StoreFullError

_NEAR: Final = 4096  # bytes
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained(place: Path, kept: str) -> Iterator[None]:
    """Turns errors of the system into StoreFullError or StoreError. kept: what is safe all the same."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFullError(f"no space left to write {place}; {kept}") from None
        raise StoreError(f"cannot write {place}: {error.strerror}") from None


def write_object(place: Path, value: Any, *, kept: str) -> None:
    """Writes a JSON file that is whole or as it was before. Raises StoreError; kept: as `explained`."""
    fresh = place.with_name(f"{place.name}.partial")
    with explained(place, kept):
        fresh.write_text(json_text(value, indent=2) + "\n", encoding="utf-8")
        fresh.replace(place)


def refuse_input(out: Path, *given: Path | None) -> None:
    """Raises ConfigError where what is to be written would take the place of what is read."""
    for one in given:
        if one is not None and out.exists() and one.exists() and out.samefile(one):
            raise ConfigError(
                f"{out} is what is read here, and would be lost: choose another place"
            )


def refuse_taken(
    out: Path, own: Callable[[Path], bool], *, holds: str, option: str = "--out"
) -> None:
    """Raises ConfigError where a file is there that is none of a command's own; an empty one is free.

    holds: what it then holds, for the message.
    """
    if out.is_file() and out.stat().st_size and not own(out):
        raise ConfigError(f"{out} holds {holds}, which would be lost; choose another {option}")


def begins(place: Path, text: str) -> bool:
    """Whether a file begins with a text."""
    wanted = text.encode()
    with place.open("rb") as file:
        return file.read(len(wanted)) == wanted


def names_field(place: Path, field: str) -> bool:
    """Whether a file is one JSON object, with the field among its first. Reads no other file whole."""
    with place.open("rb") as file:
        near = json.dumps(field).encode() in file.read(_NEAR)
    try:
        return near and field in read_object(place)
    except ConfigError:
        return False


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON that UTF-8 can hold: readable as it is, and escaped where a text has half a character."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # models do write halves of surrogate pairs
        return json.dumps(value, indent=indent)
    return text


def read_object(place: Path) -> dict[str, Any]:
    """The JSON object that a file is. Raises ConfigError."""
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{place} is broken: {error}") from None
    except OSError as error:
        raise ConfigError(f"{place} cannot be read: {error.strerror}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{place} holds no JSON object")
    return found


def object_of(line: bytes, place: Path, number: int) -> dict[str, Any]:
    """The JSON object that a line is. Raises RecordError naming file and line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = f"not JSON in UTF-8: {getattr(error, 'msg', error)}"
        raise RecordError(message, file=str(place), line=number) from None
    if not isinstance(found, dict):
        raise RecordError("not an object of named fields", file=str(place), line=number)
    return found
