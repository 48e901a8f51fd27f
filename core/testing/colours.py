"""A critic whose scores are known beforehand: they follow from the colour of an image.

Red gives the first dimension (for an edit the first two), green the next, each from 1.0 to 4.0 in
tenths; of an image whose blue is `BLIND` it says that it cannot see it. For tests of what lies
between a critic and whoever wants its rewards.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

from parrot.core.asks import Ask
from parrot.core.errors import RejectedError
from parrot.core.testing.fakes import Said
from parrot.core.values import Image

BLIND: Final = 77


def colours(image: Image) -> tuple[int, int, int]:
    """Red, green and blue of the first pixel of an RGB PNG."""
    source = image.source
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    at = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[at - 4 : at])
    # Behind the filter's byte the first pixel stands as it is, whatever the filter.
    _, red, green, blue = zlib.decompressobj().decompress(data[at + 4 : at + 4 + length], 4)
    return red, green, blue


def critique_by_colour(ask: Ask) -> Said:
    """A critique, score last, with no text to render; the ask's last image is the one judged."""
    if not ask.images:
        return RejectedError("there is no image to judge")
    red, green, blue = colours(ask.images[-1])
    if blue == BLIND:
        return RejectedError("cannot see it")
    scores = {"Text Faithfulness": red}
    if len(ask.images) > 1:
        scores["Image Faithfulness"] = red
    scores["Physical and Visual Quality"] = green
    body = "".join(
        f"{n}. {name}:\n## Justification: so\n## Score: {1 + value % 31 / 10:.1f}\n"
        for n, (name, value) in enumerate(scores.items(), start=1)
    )
    last = f"{len(scores) + 1}. Text Rendering:\n## Justification: none\n## Score: N/A\n"
    return f"# Detailed Judgement\n{body}{last}"


def total_by_colour(red: int, green: int, *, edit: bool = False) -> float:
    """The mean reward of an image of these colours."""
    values = [red, red, green] if edit else [red, green]
    return sum(value % 31 / 30 for value in values) / len(values)
