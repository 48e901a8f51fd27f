"""What GenAI-Bench votes mean (TIGER-Lab/GenAI-Bench): left is A, and a tie is good or bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parrot.adapters.datasets.cells import one_of
from parrot.core.values import Both, Label

SOURCE = "TIGER-Lab/GenAI-Bench"
LICENCE = "MIT"
VOTES: dict[str, tuple[Label, Both | None]] = {
    "leftvote": (Label.A, None),
    "rightvote": (Label.B, None),
    "tievote": (Label.TIE, Both.GOOD),
    "bothbad_vote": (Label.TIE, Both.BAD),
}


def vote_of(row: Mapping[str, Any], name: str) -> tuple[Label, Both | None]:
    """Label and kind of tie that the vote in a row stands for. Raises RecordError."""
    return VOTES[one_of(row, name, VOTES)]
