"""The miniature's models that come with the library: where their folders are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from parrot.core.errors import ConfigError, UnknownNameError

WEIGHTS: Final = Path(__file__).parent / "weights"
STUDENTS: Final = {"base": "student-base", "student": "student"}
GENERATORS: Final = {"generator": "generator"}
HEADS: Final = {"head": "student-head"}
SHIPPED: Final = STUDENTS | GENERATORS | HEADS
"""Names after `miniature:`, and folders under `weights/`."""
_MADE_BY: Final = {
    "base": "miniature train student",
    "student": "distil",
    "head": "train-head",
    "generator": "miniature train generator",
}
_KIND: Final = "miniature:"


def shipped(name: str) -> Path:
    """The folder of a shipped checkpoint. Raises UnknownNameError, or ConfigError if it is absent."""
    if name not in SHIPPED:
        raise UnknownNameError("miniature checkpoint", name, SHIPPED)
    folder = WEIGHTS / SHIPPED[name]
    if not comes_with(name):
        raise ConfigError(
            f"miniature:{name} does not come with this installation: name a folder instead, such as"
            f" one that `parrot {_MADE_BY[name]} --out` wrote"
        )
    return folder


def comes_with(name: str) -> bool:
    """Whether this installation has the checkpoint of that name."""
    folder = WEIGHTS / SHIPPED[name]
    return any((folder / index).exists() for index in ("config.json", "model_index.json"))


def folder_of(text: str) -> Path:
    """The folder that `miniature:NAME` stands for, or the path as it is. Raises ConfigError."""
    if text.startswith(_KIND):
        return shipped(text.removeprefix(_KIND))
    path = Path(text).expanduser()
    if not path.is_dir():
        raise ConfigError(f"{text!r} is no folder with a checkpoint")
    return path


def by_folder(spec: str) -> str:
    """A spec with a shipped student named by its folder, so that options of `torch:` reach it."""
    kind, _, name = spec.partition(":")
    return f"torch:{shipped(name)}" if kind == "miniature" and name in STUDENTS else spec
