"""Work on disk that is gone on with must be the work that was begun there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from parrot.core.errors import ConfigError


def refuse_another(
    folder: Path,
    began: Mapping[str, Any],
    asked: Mapping[str, Any],
    *,
    names: Iterable[str] | None = None,
    what: str = "run",
) -> None:
    """Raises ConfigError that names every fact in which a folder's work is not the one asked for.

    began: as read from JSON; asked: as it would be written there, so that a tuple is a list. names:
    the facts that must agree, all of both by default; one that is missing is None. what: the work.
    """
    now: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    wanted = dict.fromkeys((*began, *now) if names is None else names)
    other = [name for name in wanted if began.get(name) != now.get(name)]
    if other:
        said = "; ".join(f"{name}: {began.get(name)!r}, not {now.get(name)!r}" for name in other)
        raise ConfigError(
            f"{folder} holds another {what} ({said}), which would be lost; choose another --out"
        )
