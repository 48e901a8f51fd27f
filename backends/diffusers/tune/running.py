"""The loop: draw groups, score them, learn, let the sampling policy follow; saved and gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from attrs import asdict, frozen

from parrot.backends.diffusers.tune.credits import chosen, credits_of
from parrot.backends.diffusers.tune.curves import Curves, grids_of, means_of
from parrot.backends.diffusers.tune.drawing import Score, Sheet, sheets_of
from parrot.backends.diffusers.tune.flows import flow_of
from parrot.backends.diffusers.tune.learning import learn, parts_of
from parrot.backends.diffusers.tune.policy import Policy
from parrot.backends.diffusers.tune.recipe import MEANWHILE, Recipe
from parrot.backends.diffusers.tune.state import STATE, resume, save, shorten_log
from parrot.core.errors import ConfigError, ParrotError, UnscoredError
from parrot.core.judgements import request_key
from parrot.core.rewards.groups import group_key
from parrot.core.rewards.values import Outcome
from parrot.core.values import Request

Say = Callable[[Mapping[str, Any]], None]
PATIENCE: Final = 3
"""Steps in a row without one reward, after which a run gives up: its critic is broken."""


@frozen(slots=True)
class Tuned:
    """What came of it. last: the figures of the last step; None where none was left to do."""

    folder: Path
    steps: int
    last: Mapping[str, Any] | None


class Tuning:
    """A pipeline in training. name: the pipeline's id, which a run that goes on must agree with.

    told: of the reward, as plain data, with which it must agree too. The pipeline is changed:
    adapters are put into it.
    """

    def __init__(
        self,
        pipeline: Any,
        name: str,
        requests: Sequence[Request],
        score: Score,
        recipe: Recipe,
        told: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        if not requests:
            raise ConfigError("there is nothing to draw: no request was given")
        self.recipe, self.pipeline, self._score = recipe, pipeline, score
        self._requests, self._name, self._reward = tuple(requests), name, dict(told)
        self.flow = flow_of(
            pipeline, guidance=recipe.guidance, size=recipe.size, words=recipe.words
        )
        self.policy = Policy(pipeline.transformer, rank=recipe.rank, seed=recipe.seed)
        if recipe.checkpointing:
            pipeline.transformer.enable_gradient_checkpointing()
        # Plain Adam: weight decay would move weights that no reward moves.
        self.optimizer = torch.optim.Adam(list(self.policy.weights.values()), lr=recipe.rate)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What makes two runs the same run, as plain data."""
        told = {k: v for k, v in asdict(self.recipe).items() if k not in MEANWHILE}
        keys = [request_key(one) for one in self._requests]
        digest = sha256("|".join(keys).encode()).hexdigest()
        reward = {"reward": self._reward} if self._reward else {}
        return {**told, "generator": self._name, "prompts": digest[:16], **reward}

    def step(self, step: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """One step, from 0: figures for the log, and sheets of its drawings by dimension."""
        recipe = self.recipe
        places = chosen(len(self._requests), recipe.prompts, seed=recipe.seed, step=step)
        asked = [self._requests[n] for n in places]
        sheets = sheets_of(self.flow, self.policy, asked, recipe, step)
        drawings = [one for sheet in sheets for one in sheet.drawings]
        outcomes = tuple(self._score(drawings))
        if len(outcomes) != len(drawings):
            raise ConfigError(f"{len(outcomes)} rewards came for {len(drawings)} drawings")
        credits_ = credits_of(outcomes, [group_key(one) for one in drawings], recipe)
        parts = parts_of(sheets, credits_.advantages)
        learned = (
            learn(self.flow, self.policy, self.optimizer, parts, recipe, step) if parts else {}
        )
        decay, means = recipe.decay(step), means_of(outcomes)
        if means["reward"]:
            self.policy.settle(decay)
        figures = {
            "step": step,
            **means,
            "drawn": len(drawings),
            "learned": credits_.learned,
            "groups": dict(credits_.groups),
            "decay": decay,
            **learned,
        }
        return figures, grids_of(_groups(sheets, outcomes, recipe.group))


def run(
    tuning: Tuning,
    out: str | Path,
    *,
    say: Say = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Tuned:
    """All steps that are left; taken up again after any end. stop: asked between steps.

    Raises ConfigError where the folder holds another run, UnscoredError where `PATIENCE` steps in a
    row had no reward at all.
    """
    folder, recipe = Path(out), tuning.recipe
    if (folder / "run.json").exists() and not (folder / STATE).exists() and not _ours(folder):
        raise ConfigError(f"{folder} holds another run, which would be lost; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    policy, adam, facts = tuning.policy, tuning.optimizer, tuning.facts
    step = resume(folder, policy, adam, facts=facts)
    shorten_log(folder, step)
    (folder / "run.json").write_text(json.dumps(facts, indent=1, default=str), encoding="utf-8")
    curves, last, barren = Curves(folder, step=step), None, 0
    try:
        while step < recipe.steps and not stop():
            try:
                figures, grids = tuning.step(step)
                barren = 0 if figures["reward"] else barren + 1
                if barren == PATIENCE:
                    said = figures["unscored"]
                    raise UnscoredError(f"{PATIENCE} steps without one reward: {said}")
            except ParrotError:
                # A step without a reward moves nothing: what was learned before is whole.
                save(folder, policy, adam, step=step - max(0, barren - 1), facts=facts)
                raise
            step, last = step + 1, figures
            curves.line(figures)
            say(figures)
            if step % recipe.every == 0 or step == recipe.steps:
                curves.sheets(step, grids)
                save(folder, policy, adam, step=step, facts=facts)
    finally:
        curves.close()
    save(folder, policy, adam, step=step, facts=facts)
    policy.write(tuning.pipeline, folder)
    return Tuned(folder, step, last)


def _groups(
    sheets: Sequence[Sheet], outcomes: Sequence[Outcome], size: int
) -> list[list[tuple[Any, Outcome]]]:
    pictures = [one for sheet in sheets for one in sheet.pictures]
    pairs = list(zip(pictures, outcomes, strict=True))
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def _ours(folder: Path) -> bool:
    try:
        return "generator" in json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (ValueError, TypeError):
        return False
