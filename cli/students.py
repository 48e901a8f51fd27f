"""A trained folder judging pairs, as the study and the demo ask it: likeliest words, both orders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parrot.cli.session import run_async
from parrot.core.asks import Sampling
from parrot.core.engine import Engine
from parrot.core.judgements import Judged
from parrot.core.pipelines.judging import Judging, judge
from parrot.core.pipelines.rationalizing import BOTH_ORDERS
from parrot.core.pipelines.scoring import read_scored
from parrot.core.prompts.judging import Prompt
from parrot.core.values import PreferencePair, Unloadable

LONGEST: Final = 360
"""Tokens of a comparison; the longest that the simulated teacher writes have about 290."""
_BATCH: Final = 64


def student_judgements(
    folder: Path, pairs: Sequence[PreferencePair], *, prompt: Prompt, device: str
) -> list[Judged]:
    """A student's winners in both orders, each comparison written to its end."""
    sampling = Sampling(temperature=0.0, max_tokens=LONGEST)
    how = Judging(prompt, orders=BOTH_ORDERS, sampling=sampling)
    return judged_by(folder, pairs, how, device=device)


def judged_by(
    folder: Path, pairs: Sequence[PreferencePair], how: Judging, *, device: str
) -> list[Judged]:
    """A student's judgements in any form."""
    from parrot.backends.torch import open_model

    async def work() -> list[Judged]:
        model = open_model(str(folder), max_batch=_BATCH, dtype="float32", device=device)
        try:
            async with Engine(model, max_concurrency=4 * _BATCH) as engine:
                return [
                    row
                    async for rows in judge(pairs, engine, how)
                    for row in (() if isinstance(rows, Unloadable) else rows)
                ]
        finally:
            await model.aclose()

    return run_async(work)


def head_judgements_of(
    folder: Path, pairs: Sequence[PreferencePair], *, prompt: Prompt, device: str
) -> list[Judged]:
    """A scalar head's winners, the same in both orders."""
    from parrot.backends.torch.head import open_head

    head = open_head(folder, prompt=prompt, device=device)
    scored = zip(pairs, head.scores(pairs), strict=True)
    return [row for pair, two in scored for row in read_scored(pair, two, head.id, BOTH_ORDERS)]
