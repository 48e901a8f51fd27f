"""One reward model a process, however many of a trainer's reward functions use it.

So a reward function per dimension costs one critique, and ranks divide the concurrency among them.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

from parrot.adapters.rubrics import rubric_named
from parrot.adapters.trainers.batches import Numbers
from parrot.adapters.trainers.pictures import Encoding
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.formats import FORMATS, Form, format_named
from parrot.core.pipelines.reward_model import CACHED, RewardModel
from parrot.core.prompts.judging import Layout, Prompt
from parrot.core.registry import open_model, parse_spec
from parrot.core.rewards.aggregates import Aggregate, aggregate_named, mean

_shared: dict[Hashable, Numbers] = {}
_guard = threading.Lock()


def numbers_of(critic: RewardModel | str, **settings: Any) -> Numbers:
    """The numbers of a reward model: a ready one, or this process's one for a spec.

    settings: see `reward_model`; equal specs with equal settings share one model and its cache.
    """
    if isinstance(critic, RewardModel):
        if set(settings) - {"encoding"}:
            raise ConfigError("settings go with a spec; a RewardModel has its own")
        return Numbers(critic, settings.get("encoding", "png"))
    encoding: Encoding = settings.pop("encoding", "png")
    key = (os.getpid(), critic, encoding, json.dumps(settings, sort_keys=True, default=repr))
    with _guard:
        if key not in _shared:
            _shared[key] = Numbers(reward_model(critic, **settings), encoding)
        return _shared[key]


def reward_model(
    critic: str,
    *,
    rubric: str = "auto",
    aggregate: str | Aggregate = mean,
    reply_format: str = "markup",
    layout: str = "prefix-first",
    samples: int = 1,
    form: str = "pointwise",
    rivals: int | None = None,
    both_orders: bool = False,
    max_concurrency: int = 64,
    cached: int = CACHED,
) -> RewardModel:
    """A reward model from plain settings, such as a configuration file holds.

    rubric: auto, t2i, edit or a JSON file. aggregate: see `aggregate_named`. max_concurrency: of
    all ranks together; each takes its share (WORLD_SIZE, as torchrun sets it). Raises ConfigError.
    """
    parse_spec(critic)
    for what, name, known in (
        ("form", form, [one.value for one in Form]),
        ("prompt layout", layout, [one.value for one in Layout]),
        ("reply format", reply_format, list(FORMATS)),
    ):
        if name not in known:
            raise UnknownNameError(what, name, known)
    share = share_of(max_concurrency, os.environ)
    return RewardModel(
        partial(_opened, critic, share),
        rubric_named(rubric),
        aggregate_named(aggregate) if isinstance(aggregate, str) else aggregate,
        prompt=Prompt(Layout(layout), format_named(reply_format)),
        samples=samples,
        form=Form(form),
        rivals=rivals,
        both_orders=both_orders,
        max_concurrency=share,
        cached=cached,
    )


def share_of(concurrency: int, environment: Mapping[str, str]) -> int:
    """This rank's share of the asks in flight, at least one."""
    world = environment.get("WORLD_SIZE", "1")
    ranks = int(world) if world.isdigit() and int(world) else 1
    return max(1, concurrency // ranks)


def _opened(spec: str, connections: int) -> Any:
    parsed = parse_spec(spec)
    if parsed.kind == "openai":
        return open_model(parsed, connections=connections)
    return open_model(parsed)
