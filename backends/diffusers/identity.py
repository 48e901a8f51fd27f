"""What names a local pipeline: a digest of every file that changes what it draws, and of its call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.backends.identity import file_digest, files_under

_TELLING: Final = (".safetensors", ".bin", ".pt", ".json", ".txt", ".model", ".jinja")


def digest_of(place: Path) -> str:
    """64 hex digits over the weights, configurations and vocabularies of a folder, or of a file."""
    whole = hashlib.sha256(b"parrot-pipeline-1")
    for path in _files(place):
        name = path.relative_to(place).as_posix() if path != place else path.name
        whole.update(f"|{name}:{file_digest(path)}".encode())
    return whole.hexdigest()


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for path in files_under(place):
        hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if path.is_file() and not hidden and path.suffix in _TELLING:
            yield path


def call_digest(call: Mapping[str, Any]) -> str:
    """8 hex digits over the arguments of a pipeline's call; empty where there are none."""
    if not call:
        return ""
    told = json.dumps(call, sort_keys=True, default=repr)
    return hashlib.sha256(told.encode()).hexdigest()[:8]
