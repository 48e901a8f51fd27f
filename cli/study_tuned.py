"""One cell of `parrot study rewards`: a generator tuned by an arm's reward, measured on the way.

A cell that was killed goes on from its last measured step; one that is done is a line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from parrot.backends.diffusers.identity import digest_of
from parrot.backends.diffusers.tune import Credit, Options, Recipe, Tuning, load, run
from parrot.backends.diffusers.tune.measuring import drawn, path_kl
from parrot.backends.miniature.briefs import Op
from parrot.backends.miniature.redrawn import Wish
from parrot.backends.miniature.tuned import WORDS, Truth, measured_on, tuned_on
from parrot.backends.miniature.world import SIDE
from parrot.cli.study_files import Lines, tuned_lines
from parrot.cli.study_scores import Judges, Score, score_of
from parrot.core.rewards.groups import GroupFilter
from parrot.core.rewards.values import Drawing, Reward
from parrot.core.studies.tuned_report import PRIMARY
from parrot.core.studies.tuning import (
    Arm,
    Point,
    Tuned,
    cell_id,
    point_from_record,
    point_to_record,
)
from parrot.core.values import Request

Say = Callable[[dict[str, Any]], None]
FAR_FROM: Final = 8
"""Requests whose paths are walked for the KL: it varies less than what is drawn does."""
KEEPS: Final = GroupFilter(min_deviation=0.05, max_mean=1.0)
"""Nearly level groups teach little. "Already good" would mean another thing for every reward."""
RECIPE: Final = Recipe(
    steps=40,
    group=8,
    prompts=12,
    rate=1e-3,
    kl=0.0,
    ema=(0.0, 0.0),
    guidance=1.0,
    sampling=4,
    levels=2,
    noisiest=True,
    shared_noise=True,
    size=SIDE,
    words=WORDS,
    rank=16,
    batch=8,
    every=5,
    keeps=KEEPS,
)
"""For the miniature's generator and a core. The newest policy draws and nothing pulls it back: in so few
steps the paper's decay and KL weight are near 0, and each costs a pass. The KL is measured."""


@frozen(slots=True)
class Settings:
    """How every cell is made. recipe: but for its seed and credit; op: what the edits do, None for
    any; requests: edits to be tuned on; tests, samples: edits that are measured, and drawings of each.
    """

    generator: Path
    judges: Judges = field(factory=Judges)
    recipe: Recipe = RECIPE
    op: Op | None = Op.ADD
    requests: int = 200
    tests: int = 48
    samples: int = 2

    @property
    def plan(self) -> dict[str, Any]:
        """What may not change between two runs of one study; its primary contrast is named first."""
        told = {k: v for k, v in asdict(self.recipe).items() if k not in _EACH}
        return {
            "primary": PRIMARY,
            "generator": f"{self.generator.resolve().name}@{digest_of(self.generator)[:16]}",
            **self.judges.plan,
            **{k: list(v) if isinstance(v, tuple) else v for k, v in told.items()},
            "edits": str(self.op or "all"),
            "requests": self.requests,
            "tests": self.tests,
            "samples": self.samples,
            "seed_varies": "adapters, noise, the order of requests",
        }


_CREDITS: Final[Mapping[Arm, Credit]] = dict.fromkeys((Arm.SUM, Arm.HEAD, Arm.TRUTH), Credit.GRPO)
"""Arms that are tuned by one number; all others a dimension at a time."""
_EACH: Final = ("seed", "credit", "device", "checkpointing", "batch", "weights")
"""Of a recipe: what differs by cell, or changes no result that is looked at."""


@frozen(slots=True)
class Runner:
    """Makes the cells of one study, one after another. say: takes what happens as it happens."""

    folder: Path
    settings: Settings
    say: Say
    tuned: list[Wish] = field(factory=list, repr=False)
    measured: list[Wish] = field(factory=list, repr=False)

    @classmethod
    def begun(cls, folder: Path, settings: Settings, say: Say) -> Runner:
        """A runner whose edits are drawn."""
        on = list(tuned_on(settings.requests, settings.op))
        return cls(folder, settings, say, on, list(measured_on(settings.tests, settings.op)))

    def run(self, arm: Arm, seed: int) -> Tuned:
        """The cell's generator, tuned and measured; its result is appended. Raises ConfigError."""
        began = time.monotonic()
        settings, place = self.settings, self.folder / "cells" / cell_id(arm, seed)
        place.mkdir(parents=True, exist_ok=True)
        recipe = evolve(settings.recipe, seed=seed, credit=_CREDITS.get(arm, Credit.GDPO))
        loaded, name = load(str(settings.generator), Options(device=recipe.device))
        truth = Truth([*self.tuned, *self.measured])

        def untuned() -> Sequence[Drawing]:
            with tuning.policy.frozen():
                return drawn(tuning, self._asked, settings.samples)

        with score_of(arm, settings.judges, truth, untuned) as score:
            asked = [one.request for one in self.tuned]
            told = {"arm": arm, **settings.judges.plan}
            tuning = Tuning(loaded, name, asked, score, recipe, told)
            self._tune(tuning, score, truth, place)
        points = tuple(one for one in _points(place).read() if one.step <= recipe.steps)
        steps = recipe.steps * recipe.prompts * recipe.group
        seconds = round(time.monotonic() - began, 1)
        result = Tuned(arm, seed, points, settings.samples, steps, seconds)
        tuned_lines(self.folder).add(result)
        return result

    @property
    def _asked(self) -> list[Request]:
        return [one.request for one in self.measured]

    def _tune(self, tuning: Tuning, score: Score, truth: Truth, place: Path) -> None:
        recipe, points = tuning.recipe, _points(place)
        if not any(one.step == 0 for one in points.read()):
            points.add(self._point(tuning, score, truth, 0))

        def said(figures: Mapping[str, Any]) -> None:
            step = int(figures["step"]) + 1
            self.say({"cell": place.name, "step": step, "of": recipe.steps, **_short(figures)})
            if step % recipe.every == 0 or step == recipe.steps:
                points.add(self._point(tuning, score, truth, step))

        run(tuning, place, say=said)

    def _point(self, tuning: Tuning, score: Score, truth: Truth, step: int) -> Point:
        drawings = drawn(tuning, self._asked, self.settings.samples)
        outcomes = score(drawings)
        worth = [truth.worth(one) for one in drawings]
        point = Point(
            step,
            path_kl(tuning, self._asked[:FAR_FROM], self.settings.samples),
            tuple(one.total if isinstance(one, Reward) else None for one in outcomes),
            tuple(0.0 if one is None else round(one, 6) for one in worth),
            worth.count(None),
        )
        mean = sum(point.truths) / len(point.truths)
        self.say({"measured": step, "truth": round(mean, 4), "kl": round(point.kl, 3)})
        return point


def _points(place: Path) -> Lines[Point]:
    path = place / "points.jsonl"
    return Lines(path, point_from_record, point_to_record, lambda one: str(one.step))


def _short(figures: Mapping[str, Any]) -> dict[str, Any]:
    total = figures["reward"].get("total")
    reward = {} if total is None else {"reward": round(total, 4)}
    return {**reward, "learned": figures["learned"]}
