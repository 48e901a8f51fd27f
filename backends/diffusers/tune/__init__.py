"""A generator tuned on rewards: DiffusionNFT and Flow-GRPO with LoRA, on one machine.

    pipeline, name = load("path/to/pipeline", Options())
    with RewardModel("miniature:teacher") as score:
        run(Tuning(pipeline, name, requests, score, Recipe(method="nft")), "out")

Files, from mathematics outwards: `sampling` (ODE and SDE), `losses`, `flows` (pipelines), `policy`
(LoRA), `credits` (rewards to advantages), `drawing` and `learning` (a step's two halves), `state`,
`curves`, `running`.
"""

from __future__ import annotations

from parrot.backends.diffusers.loading import Options, load
from parrot.backends.diffusers.tune.recipe import Credit, Method, Recipe
from parrot.backends.diffusers.tune.running import Tuned, Tuning, run

__all__ = ["Credit", "Method", "Options", "Recipe", "Tuned", "Tuning", "load", "run"]
