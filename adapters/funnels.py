"""A run's `funnel.json`, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from parrot.adapters.disk import read_object
from parrot.core.errors import ConfigError

_COUNTS: Final = frozenset({"in", "asked", "came", "kept", "dropped", "undecided", "failed"})


def read_funnel(place: Path) -> dict[str, Any]:
    """The counts of a run. Raises ConfigError where they are not what a run writes."""
    found = read_object(place)
    try:
        for part in (found["pairs"], found["rationales"], *found["filters"]):
            for name in _COUNTS & part.keys():
                part[name] = max(int(part[name]), 0)
        for stage in found["filters"]:
            stage["reasons"] = {str(k): int(v) for k, v in stage.get("reasons", {}).items()}
            _ = [stage[name] for name in ("name", "came", "kept", "dropped", "undecided")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{place} is no funnel of a run: {error!r}") from None
    return found
