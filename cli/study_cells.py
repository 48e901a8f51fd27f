"""One cell of `parrot study parrot`: rows from the teacher, a student from the rows, its marks.

A cell that was killed in training goes on from its last checkpoint; one that is done is a line.
"""

from __future__ import annotations

import shutil
import time
from itertools import islice
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from parrot.adapters.store import SqliteStore
from parrot.backends.identity import digest_of
from parrot.backends.miniature.studied import Labelled, held_out
from parrot.backends.torch.distil import distil
from parrot.backends.torch.preferring import train_head
from parrot.backends.torch.training import Recipe
from parrot.cli.session import open_spec, run_async
from parrot.cli.students import head_judgements_of, student_judgements
from parrot.cli.study_files import Folder, claim
from parrot.core.engine import Engine
from parrot.core.engine.progress import Meter
from parrot.core.judgements import Judged
from parrot.core.prompts.judging import Prompt
from parrot.core.studies.cells import PRIMARY, Arm, Cell, Design
from parrot.core.studies.results import Result, TestPair, marks_of
from parrot.core.studies.teaching import Taught, Teaching
from parrot.core.values import PreferencePair

PROMPT: Final = Prompt()


@frozen(slots=True)
class Settings:
    """How every cell is made. rate: of students; head_rate: of scalar heads; bf16: both train in it;
    tower: the vision tower is trained too, of both.
    """

    base: Path
    design: Design
    teacher: str = "miniature:teacher"
    rate: float = 5e-4
    head_rate: float = 5e-4
    device: str = "auto"
    bf16: bool = False
    part: str = "1/1"
    keep: bool = False
    tower: bool = False

    @property
    def plan(self) -> dict[str, Any]:
        """What may not change between two runs of one study; its primary contrast is named first."""
        held = ("tests", "batch", "least", "most", "passes")
        design = {name: getattr(self.design, name) for name in held}
        return {
            "primary": str(PRIMARY),
            "base": f"{self.base.resolve().name}@{digest_of(self.base, 'float32')}",
            "teacher": self.teacher,
            "rate": self.rate,
            "head_rate": self.head_rate,
            "bf16": self.bf16,
            "tower": self.tower,
            "prompt": PROMPT.id,
            "seed_varies": "training pairs, the teacher's draws, the order of learning",
            **design,
        }


@frozen(slots=True)
class Runner:
    """Makes the cells of one study, one after another."""

    folder: Folder
    settings: Settings
    pairs: list[PreferencePair] = field(factory=list, repr=False)
    known: list[TestPair] = field(factory=list, repr=False)

    @classmethod
    def begun(cls, folder: Folder, settings: Settings) -> Runner:
        """A runner whose test pairs are drawn and whose plan is written. Raises ConfigError."""
        claim(folder.path, settings.plan)
        drawn = list(held_out(settings.design.tests))
        folder.write_tests([known for _, known in drawn])
        return cls(folder, settings, [pair for pair, _ in drawn], [known for _, known in drawn])

    def run(self, cell: Cell) -> Result:
        """The cell's student, trained and judged; its result is appended. Raises ConfigError."""
        out = self.folder.path / "cells" / cell.id
        began = time.monotonic()
        made = self._made(cell, out)
        trained = time.monotonic()
        judged = self._judged(cell, self.settings.base if cell.arm is Arm.BASE else out)
        ended = time.monotonic()
        result = Result(
            cell,
            marks_of(judged, [one.id for one in self.known]),
            **made,
            seconds=(trained - began, ended - trained),
            base=self.settings.plan["base"],
        )
        self.folder.lines.add(result)
        if not self.settings.keep:
            shutil.rmtree(out, ignore_errors=True)
        return result

    def _made(self, cell: Cell, out: Path) -> dict[str, Any]:
        """Trains the student into a folder; what it cost."""
        if cell.arm is Arm.BASE:
            return {}
        recipe = self._recipe(cell)
        if cell.arm is Arm.HEAD:
            pairs = list(islice(Labelled(cell.seed), cell.size))
            head = train_head(self.settings.base, pairs, out, recipe=recipe, prompt=PROMPT)
            return {"pairs": len(pairs), "steps": head.steps, "loss": head.loss}
        taught = self._taught(cell)
        done = distil(self.settings.base, taught.examples(PROMPT), out, recipe=recipe)
        return {
            "rows": len(taught.rows),
            "calls": taught.calls,
            "pairs": taught.pairs,
            "steps": done.steps,
            "loss": done.loss,
        }

    def _recipe(self, cell: Cell) -> Recipe:
        design, head = self.settings.design, cell.arm is Arm.HEAD
        return Recipe(
            steps=design.steps(cell.size),
            batch=design.batch,
            rate=self.settings.head_rate if head else self.settings.rate,
            seed=cell.seed,
            device=self.settings.device,
            bf16=self.settings.bf16,
            tower=self.settings.tower,
        )

    def _taught(self, cell: Cell) -> Taught:
        name = f"teacher-{self.settings.part.partition('/')[0]}.sqlite"

        async def work() -> Taught:
            teacher, meter = open_spec(self.settings.teacher), Meter()
            with SqliteStore(self.folder.path / name) as store:
                async with Engine(teacher, store, observers=(meter,)) as engine:
                    teaching = Teaching(engine, meter, Labelled(cell.seed), PROMPT)
                    return await teaching.rows(cell)

        return run_async(work)

    def _judged(self, cell: Cell, student: Path) -> list[Judged]:
        judge = head_judgements_of if cell.arm is Arm.HEAD else student_judgements
        return judge(student, self.pairs, prompt=PROMPT, device=self.settings.device)
