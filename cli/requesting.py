"""A request on the command line: words, or the name of a file of requests, never one for the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from parrot.adapters.traces import requests_in
from parrot.backends.images import image_from_path
from parrot.core.errors import ConfigError, RecordError
from parrot.core.values import Request

LINES: Final = (".jsonl", ".ndjson")
_FILES: Final = (*LINES, ".json", ".gz", ".txt", ".parquet", ".pq", ".csv", ".tsv")


def names_file(request: str) -> bool:
    """Whether the text is a path and no words: a file is there, or it is spelt as one is.

    A folder of that name says nothing where the text has no separator: `--out` may be called so.
    """
    if os.path.isfile(request):  # noqa: PTH113  Path.is_file raises for a text too long for a name
        return True
    if os.sep in request and os.path.isdir(request):  # noqa: PTH112
        return True
    spelt = os.sep in request or not any(map(str.isspace, request))
    return spelt and request.lower().endswith(_FILES)


def words(request: str, what: str) -> str:
    """The request in words. Raises ConfigError where it is none; `what` names it."""
    if not request.strip():
        raise ConfigError(f"{what} is empty")
    if names_file(request):
        raise ConfigError(f"{what} is said in words, and {request} is a file")
    return request


def requests_of(
    request: str, sources: Iterable[Path], limit: int | None
) -> Iterator[tuple[str, Request]]:
    """The one request in words, or those of a file. Raises ConfigError, RecordError."""
    images = tuple(image_from_path(path) for path in sources)
    if not names_file(request):
        return iter((("request", Request(words(request, "the request"), images)),))
    if images:
        raise ConfigError("--source belongs to a request in words; lines of a file have `sources`")
    return iter(_in_file(Path(request), limit))


def _in_file(place: Path, limit: int | None) -> list[tuple[str, Request]]:
    # All at once, so that a broken line is told of before anything is drawn.
    if not place.name.lower().endswith(LINES):
        raise ConfigError(f"{place} is no file of requests that can be read: {', '.join(LINES)}")
    if not place.is_file():
        raise ConfigError(f"{place} is no file")
    found = list(islice(requests_in(place), limit))
    if not found:
        raise RecordError("has no records", file=str(place))
    return found
