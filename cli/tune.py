"""`parrot tune`: a generator trained on rewards. Arguments, wiring, printing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from parrot.adapters.rubrics import rubric_named
from parrot.cli import options
from parrot.cli.choices import chosen_member, chosen_prompt
from parrot.cli.session import open_spec
from parrot.cli.train_student import stopped_by_signal
from parrot.core.errors import ConfigError, MissingExtraError, UnknownNameError
from parrot.core.formats import Form
from parrot.core.registry import known_kinds, parse_spec
from parrot.core.rewards.aggregates import aggregate_named

if TYPE_CHECKING:
    from parrot.core.values import Request

METHOD, DRAWING, REWARDS = "Method", "Drawing", "Rewards"
PYTHON = "python:"


def _in(panel: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


def tune(
    *,
    generator: Annotated[
        str, _in(options.MODELS, "Folder of a flow-matching pipeline (Flux, Kontext, SD3).")
    ],
    reward: Annotated[
        str, _in(options.MODELS, "Critic (kind:target), or python:MODULE:FUNCTION of drawings.")
    ],
    prompts: Annotated[
        Path, typer.Option(help="JSONL of requests: `prompt`, and `sources` for edits.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same command goes on.")],
    method: Annotated[str, _in(METHOD, "nft or grpo.")] = "nft",
    recipe: Annotated[
        str | None, _in(METHOD, "flow-factory: write its configuration instead of training.")
    ] = None,
    steps: Annotated[int, _in(METHOD, "Steps in all.", min=0)] = 300,
    group: Annotated[int, _in(METHOD, "Drawings a request.", min=2)] = 16,
    prompts_per_step: Annotated[int, _in(METHOD, "Requests a step.", min=1)] = 16,
    updates: Annotated[int, _in(METHOD, "Optimizer steps a step.", min=1)] = 1,
    rate: Annotated[float, _in(METHOD, "Learning rate.", min=0)] = 2e-4,
    kl: Annotated[
        float | None,
        _in(METHOD, "Weight of the distance to the frozen model; 1e-4 (nft), 4e-3 (grpo).", min=0),
    ] = None,
    rank: Annotated[int, _in(METHOD, "Rank of LoRA; alpha is twice it.", min=1)] = 64,
    levels: Annotated[
        int | None, _in(METHOD, "Noise levels or steps that a drawing is learned at.", min=1)
    ] = None,
    noisiest: Annotated[
        bool, _in(METHOD, "Learn at the highest noise levels (nft).", "--noisiest")
    ] = False,
    shared_noise: Annotated[
        bool, _in(METHOD, "One noise for a group in learning (nft).", "--shared-noise")
    ] = False,
    credit: Annotated[
        str,
        _in(
            METHOD,
            "Advantages: gdpo (a dimension at a time), grpo (totals) or ranked.",
            "--advantages",
        ),
    ] = "gdpo",
    weight: Annotated[
        list[str] | None, _in(METHOD, "KEY=NUMBER: a dimension's weight in gdpo; repeat it.")
    ] = None,
    no_filter: Annotated[
        bool, _in(METHOD, "Keep level and already-good groups.", "--no-filter")
    ] = False,
    min_deviation: Annotated[float, _in(METHOD, "A group's must exceed it.", min=0)] = 0.05,
    max_mean: Annotated[float, _in(METHOD, "A group's must stay below.", min=0)] = 0.9,
    guidance: Annotated[float, _in(DRAWING, "Guidance scale.", min=0)] = 2.5,
    sampling_steps: Annotated[int, _in(DRAWING, "Steps of a drawing.", min=2)] = 15,
    size: Annotated[int, _in(DRAWING, "Side of a square of its area, in pixels.", min=1)] = 512,
    words: Annotated[
        int, _in(DRAWING, "Tokens of a prompt at most.", "--max-sequence-length", min=1)
    ] = 512,
    noise: Annotated[float, _in(DRAWING, "Noise level of grpo's SDE.", min=0)] = 0.7,
    batch: Annotated[int, _in(DRAWING, "Drawings at once.", min=1)] = 16,
    rubric: options.RubricName = "auto",
    aggregate: Annotated[
        str,
        _in(REWARDS, "mean, worst, geometric, weighted:KEY=2,..., lexicographic:KEY,..."),
    ] = "mean",
    form: Annotated[
        str, _in(REWARDS, "pointwise, or pairwise: win rates inside a request's group.")
    ] = "pointwise",
    samples: Annotated[int, _in(REWARDS, "Critiques a drawing.", min=1)] = 1,
    expected: Annotated[
        bool,
        _in(REWARDS, "Rewards from expected scores, by the critic's log-probabilities."),
    ] = False,
    reply_format: options.FormatName = "markup",
    layout: options.LayoutName = "prefix-first",
    wording: options.WordingFile = None,
    concurrency: options.Concurrency = 64,
    tag: options.Tag = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 20,
    checkpointing: Annotated[bool, typer.Option("--checkpointing", help="Less memory.")] = False,
    seed: Annotated[int, typer.Option(help="Decides noise, order and adapters.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or another of torch's.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first requests.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Draws groups of images, scores them, and tunes LoRA towards the better ones.

    Figures of each step go to standard error and log.jsonl; images that have no reward are never
    learned from. `--recipe flow-factory` writes a configuration for that trainer, with our reward.
    """
    requests = _requests(prompts, limit)
    if recipe is not None:
        _written(locals())
        return
    try:
        from parrot.backends.diffusers import tune as tuning
    except ImportError as error:
        raise MissingExtraError("parrot tune", "diffusers") from error
    from parrot.core.rewards.groups import GroupFilter

    _refuse_ranks()
    plan = tuning.Recipe(
        method=chosen_member(tuning.Method, "method", method),
        steps=steps,
        group=group,
        prompts=prompts_per_step,
        updates=updates,
        rate=rate,
        kl=kl,
        guidance=guidance,
        sampling=sampling_steps,
        levels=levels,
        noisiest=noisiest,
        shared_noise=shared_noise,
        size=size,
        words=words,
        noise=noise,
        credit=chosen_member(tuning.Credit, "kind of advantages", credit),
        weights=_weights(weight),
        keeps=None if no_filter else GroupFilter(min_deviation, max_mean),
        rank=rank,
        batch=batch,
        every=every,
        checkpointing=checkpointing,
        seed=seed,
        device=device,
    )
    given = locals()
    scoring, told = _score(given), {name: str(given[name]) for name in _REWARD}
    loaded, name = tuning.load(
        generator.removeprefix("diffusers:"), tuning.Options(dtype=dtype, device=device)
    )
    stop = stopped_by_signal()
    with scoring as score:
        run = tuning.Tuning(loaded, name, requests, score, plan, told)
        done = tuning.run(run, out, say=_say, stop=stop)
    _tell(done, steps, as_json=as_json)
    if done.steps < steps:  # only a signal ends it sooner
        raise KeyboardInterrupt


def _tell(done: Any, steps: int, *, as_json: bool) -> None:
    if as_json:
        shown = {"out": str(done.folder), "steps": done.steps, "last": done.last}
        print(json.dumps(shown))
    else:
        print(f"{done.steps} of {steps} steps{_rewards(done.last)}: {done.folder}")


_REWARD: Final = (
    "reward", "rubric", "aggregate", "form", "samples", "expected", "reply_format", "layout",
    "wording",
)  # fmt: skip
"""What makes a reward the same one, so that a run goes on with it."""


def _refuse_ranks() -> None:
    """Every rank would draw and learn the same, and write over the others. Raises ConfigError."""
    from parrot.backends.torch.training import ranks

    if ranks() > 1:
        raise ConfigError(
            f"tune trains on one device, not in {ranks()} ranks: run it alone, or write a"
            " configuration for a cluster by --recipe flow-factory"
        )


def _requests(place: Path, limit: int | None) -> list[Request]:
    from parrot.adapters.traces import requests_in

    if not place.is_file():
        raise ConfigError(f"{place} is no file")
    return [request for _, request in requests_in(place)][:limit]


def _score(given: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """What scores drawings: a reward model over a critic, or a function of the user's."""
    from parrot.core.pipelines.reward_model import RewardModel
    from parrot.core.rewards.calling import Called

    reward, aggregate = str(given["reward"]), aggregate_named(given["aggregate"])
    if reward.startswith(PYTHON):
        return nullcontext(Called(_function(reward.removeprefix(PYTHON)), aggregate))
    concurrency, tag = given["concurrency"], given["tag"]
    return RewardModel(
        lambda: open_spec(reward, connections=concurrency, tag=tag),
        rubric_named(given["rubric"]),
        aggregate,
        prompt=chosen_prompt(given["layout"], given["reply_format"], given["wording"]),
        samples=given["samples"],
        form=chosen_member(Form, "form", given["form"]),
        expected=given["expected"],
        max_concurrency=concurrency,
    )


def _function(name: str) -> Any:
    """The object of an import string; the folder one stands in counts, as for `python -m`."""
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"no function {name!r}, named MODULE:FUNCTION: {error}") from error
    if not callable(found):
        raise ConfigError(f"{name!r} is no function of drawings")
    return found


def _weights(parts: Iterable[str] | None) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for part in parts or ():
        key, _, number = part.partition("=")
        try:
            found[key.strip()] = float(number)
        except ValueError:
            raise ConfigError(f"a weight reads KEY=NUMBER, not {part!r}") from None
    return found or None


def _written(given: Mapping[str, Any]) -> None:
    """Flow-Factory's configuration and data set, in the run's folder."""
    from parrot.adapters.trainers.flow_factory_recipe import Settings, write_recipe

    if given["recipe"] != "flow-factory":
        raise ConfigError(f"{given['recipe']!r} is no recipe; flow-factory is")
    reward = str(given["reward"])
    if reward.startswith(PYTHON):
        raise ConfigError(
            "Flow-Factory gets a critic (kind:target); name a function there yourself"
        )
    _known_kind(reward)
    settings = Settings(
        generator=given["generator"].removeprefix("diffusers:"),
        critic=reward,
        method=given["method"],
        steps=given["steps"],
        group=given["group"],
        prompts=given["prompts_per_step"],
        updates=given["updates"],
        rate=given["rate"],
        kl=given["kl"],
        guidance=given["guidance"],
        sampling=given["sampling_steps"],
        size=given["size"],
        rank=given["rank"],
        noise=given["noise"],
        credit=given["credit"],
        weights=_weights(given["weight"]),
        aggregate=given["aggregate"],
        seed=given["seed"],
        every=given["every"],
        rubric=given["rubric"],
    )
    place = write_recipe(settings, given["requests"], given["out"])
    if given["as_json"]:
        print(json.dumps({"out": str(given["out"]), "recipe": str(place)}))
        return
    print(f"ff-train {place}")


def _known_kind(spec: str) -> None:
    # Its extra may be missing here: the critic is opened where the recipe is run.
    kind, known = parse_spec(spec).kind, known_kinds()
    if kind not in known:
        raise UnknownNameError("model kind", kind, known)


def _rewards(last: Mapping[str, Any] | None) -> str:
    if last is None:
        return ""
    told = ", ".join(f"{key} {value:.3f}" for key, value in last["reward"].items())
    return f", rewards of the last: {told or 'none'}"


def _say(line: Mapping[str, Any]) -> None:
    print(json.dumps(_short(line)), file=sys.stderr, flush=True)


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_short(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
