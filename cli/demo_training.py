"""The training half of `parrot demo --train`: a student from the demo's run, beside its base."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.runs import RunFolder
from parrot.backends.miniature.studied import held_out
from parrot.backends.torch.distil import Distilled, distil
from parrot.backends.torch.training import Recipe
from parrot.cli.students import student_judgements
from parrot.core.examples import Example
from parrot.core.pipelines.examples import example_of
from parrot.core.prompts.judging import Prompt
from parrot.core.studies.cells import Arm, Cell
from parrot.core.studies.report import Report, report_of
from parrot.core.studies.results import Result, marks_of

RATE: Final = 1e-3
"""For a base of two million weights; larger ones want the paper's 1e-5."""
_PROMPT: Final = Prompt()


def student_of_demo(
    base: Path, runs: list[Path], folder: Path, *, steps: int, seed: int, device: str
) -> Distilled:
    """Distils from all rationales that the runs kept. Raises ConfigError where there are none."""
    # Without its tower a student of so few pairs learns to write and not to look.
    recipe = Recipe(steps=steps, rate=RATE, tower=True, seed=seed, device=device, bf16=False)
    return distil(base, list(_examples(runs)), folder, recipe=recipe, say=_say)


def _examples(runs: list[Path]) -> Iterator[Example]:
    for number, run in enumerate(runs):
        for name, candidate in RunFolder(run).candidates():
            yield example_of(candidate, _PROMPT, id=f"{number}/{name}")


def compared(base: Path, student: Path, *, tests: int, device: str) -> tuple[Report, float]:
    """Both on the same held-out pairs, in both orders; and the seconds that it took."""
    began = time.monotonic()
    drawn = list(held_out(tests))
    pairs, known = [pair for pair, _ in drawn], [truth for _, truth in drawn]
    results = []
    for cell, folder in ((Cell(Arm.BASE, 0), base), (Cell(Arm.ANCHORED_FULL, 1), student)):
        judged = student_judgements(folder, pairs, prompt=_PROMPT, device=device)
        results.append(Result(cell, marks_of(judged, [truth.id for truth in known])))
    return report_of(results, known), time.monotonic() - began


def told(report: Report) -> dict[str, Any]:
    """What was found, as plain data: shares in [0, 1] with their intervals."""
    found: dict[str, Any] = {
        {Arm.BASE: "base"}.get(row.arm, "student"): {
            "complete": row.complete,
            **{name: [one.value, one.low, one.high] for name, one in row.shares.items()},
        }
        for row in report.rows
    }
    for gap in report.gaps:
        found["difference"] = {n: [one.value, one.low, one.high] for n, one in gap.shares.items()}
    return found | {"tests": dict(report.tests)}


def _say(line: Mapping[str, Any]) -> None:
    if "loss" in line:
        shown = {"step": line["step"], "loss": round(float(line["loss"]), 4)}
        print(json.dumps(shown), file=sys.stderr, flush=True)
