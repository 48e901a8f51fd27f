"""The run folder that a command goes on from, which must hold comparisons."""

from __future__ import annotations

from pathlib import Path

from parrot.adapters.runs import RunFolder
from parrot.core.critiques import Critique
from parrot.core.errors import ConfigError


def run_of_comparisons(folder: Path) -> RunFolder:
    """A finished run of two images each. Raises ConfigError for critiques of single ones."""
    found = RunFolder(folder)
    if found.about.get("command") == "project" or _begins_with_a_critique(found):
        raise ConfigError(
            f"{folder} holds critiques of single images; project and filter take comparisons"
        )
    return found


def _begins_with_a_critique(run: RunFolder) -> bool:
    first = next(run.stored(), None)
    return first is not None and isinstance(first.rationale.body, Critique)
