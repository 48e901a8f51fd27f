"""How the simulated teacher spoils the form of a reply: oddly, or beyond reading."""

from __future__ import annotations

import re

from parrot.backends.miniature.chance import Chance
from parrot.core.asks import Finish

_SCORE = re.compile(r"^## Score(?: [AB])?:.*$", re.MULTILINE)
_HEADING = re.compile(r"^(\d{1,2}\. [^:\n]{2,60}:)$", re.MULTILINE)
_VALUE = re.compile(r"^(## Score(?: [AB])?:) (\S+)$", re.MULTILINE)
REFUSALS = ("I am not able to judge these images.", "Sorry, I cannot help with that.")


def sloppy(text: str, chance: Chance) -> str:
    """The same reply in an odd form that a forgiving reader takes."""
    if text.startswith("{"):
        return f"```json\n{text}\n```"
    match chance.below(4):
        case 0:
            return _HEADING.sub(r"**\1**", text)
        case 1:
            return _VALUE.sub(r"\1 [\2]", text)
        case 2:
            return f"Here is my evaluation.\n\n{text}"
    return f"```\n{text}\n```"


def garbled(text: str, chance: Chance) -> tuple[str, Finish]:
    """The reply spoilt so that it cannot be read whole."""
    how = chance.below(4)
    if how == 0:
        return chance.pick(REFUSALS), Finish.END
    if how == 1 or text.startswith("{"):
        return text[: len(text) * (3 + chance.below(4)) // 10], Finish.LENGTH
    lines = list(_SCORE.finditer(text))
    if not lines:
        return "", Finish.END
    hit = chance.pick(lines)
    broken = "" if how == 2 else hit[0].partition(":")[0] + ": somewhere between good and poor"
    return text[: hit.start()] + broken + text[hit.end() :], Finish.END
