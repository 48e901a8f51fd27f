"""The tuning half of `parrot demo --full`: a generator tuned by a student, and the truth about it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from attrs import evolve

from parrot.cli.study_files import claim
from parrot.cli.study_scores import Judges
from parrot.cli.study_tuned import RECIPE, Runner, Settings
from parrot.core.studies.tuned_report import report_of
from parrot.core.studies.tuning import Arm


def tuned_for_demo(
    critic: str, generator: Path, folder: Path, *, steps: int, tests: int, seed: int, device: str
) -> dict[str, Any]:
    """Tunes in `folder` by the critic's mean over dimensions (paper Eq. 13); a stopped run goes on.
    Raises ConfigError where the folder holds what came of another critic or generator.

    What came of it, as plain data: true utility in [0, 1] before and after, the difference with its
    95 % interval over held-out edits, and the same of the critic's own reward in deviations.
    """
    recipe = evolve(RECIPE, steps=steps, every=max(1, -(-steps // 3)), device=device)
    settings = Settings(generator, Judges(critic), recipe, tests=tests)
    claim(folder, settings.plan)
    done = Runner.begun(folder, settings, _say).run(Arm.SUM, seed)
    report = report_of([done])
    (row,) = report.rows
    first, last = done.points[0], done.points[-1]
    return {
        "steps": steps,
        "drawings": done.drawn,
        "requests": report.requests,
        "first_truth": report.before,
        "truth": report.before + row.end.value,
        "gained": [row.end.value, row.end.low, row.end.high],
        "unread": [first.unread, last.unread],
        "own_gain": row.gain,
        "kl": row.kl,
        "seconds": done.seconds,
        "lora": str(folder / "cells" / done.id),
    }


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), file=sys.stderr, flush=True)
