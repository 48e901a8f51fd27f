"""A rubric by what users call it."""

from __future__ import annotations

import json
from pathlib import Path

from parrot.core.errors import ConfigError
from parrot.core.rubric import RUBRICS, Rubric, rubric_from_dict


def rubric_named(name: str) -> Rubric | None:
    """`auto` (None: by request), a shipped rubric's name, or a JSON file's. Raises ConfigError."""
    if name == "auto":
        return None
    if name in RUBRICS:
        return RUBRICS[name]
    try:
        return rubric_from_dict(json.loads(Path(name).read_text(encoding="utf-8")))
    except OSError as error:
        known = ", ".join(("auto", *RUBRICS))
        message = f"no rubric {name!r}: neither one of {known} nor a file ({error.strerror})"
        raise ConfigError(message) from None
    except ValueError as error:
        raise ConfigError(f"rubric file {name}: {error}") from None
