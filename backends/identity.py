"""What names a local checkpoint: a digest of everything in its folder that changes what it says.

File digests are remembered in this process by path, size and time of change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from parrot.core.errors import ConfigError

_WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".data")
_TEXTS: Final = (".json", ".jinja", ".txt", ".model", ".py")
_IDLE: Final = ("readme", "trainer_state", "training_args", "all_results", "train_results")
"""Files of these beginnings say nothing about how the model answers."""
_BLOCK: Final = 1 << 22


def digest_of(folder: Path, dtype: str) -> str:
    """16 hex digits over weights, adapters, tokenizer, processor, chat template, code and dtype."""
    whole = hashlib.sha256(f"parrot-checkpoint-1|{dtype}".encode())
    for path in _telling(folder):
        whole.update(f"|{path.relative_to(folder).as_posix()}:{file_digest(path)}".encode())
    return whole.hexdigest()[:16]


def files_under(folder: Path) -> list[Path]:
    """Every file in a folder, behind links to folders too, by name."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place).resolve()
        # A link to where it stands would never end.
        folders[:] = [one for one in folders if not here.is_relative_to((here / one).resolve())]
        found += [Path(place) / name for name in files]
    return sorted(found)


def _telling(folder: Path) -> Iterator[Path]:
    for path in files_under(folder):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "checkpoint-")) for part in parts)
        if hidden or not path.is_file() or path.name.lower().startswith(_IDLE):
            continue
        if path.suffix in _WEIGHTS or path.suffix in _TEXTS:
            yield path


def file_digest(path: Path) -> str:
    """64 hex digits over a file's bytes. Raises ConfigError where it cannot be read."""
    stat = path.stat()
    return _remembered(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _remembered(path: str, size: int, changed: int) -> str:
    del size, changed  # they are the memory's key: another size or time is another digest
    found = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    return found.hexdigest()
