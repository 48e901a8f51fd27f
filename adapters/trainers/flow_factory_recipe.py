"""A configuration of Flow-Factory with our reward in it, and the data set that it reads.

For more than one machine, or a model too large for one: the same recipe there, field by field by
Flow-Factory's own names. JSON values are YAML values, so no YAML library is needed to write it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from parrot.backends.images import original_bytes
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.rubric import RUBRICS, Rubric, rubric_for
from parrot.core.values import Request

CONFIG: Final = "flow-factory.yaml"
REWARD: Final = "parrot.adapters.trainers.flow_factory.PointwiseReward"
_KL: Final = {"nft": 1e-4, "grpo": 0.04}
_AGGREGATIONS: Final = {"gdpo": "gdpo", "grpo": "sum"}


@frozen(slots=True)
class Settings:
    """As `parrot tune` has them. rubric: `auto` or a shipped one's name. kl: None is 1e-4 for nft
    and for grpo 0.04, which Flow-Factory weighs as the official code does.
    """

    generator: str
    critic: str
    method: str = "nft"
    steps: int = 300
    group: int = 16
    prompts: int = 16
    updates: int = 1
    rate: float = 2e-4
    kl: float | None = None
    guidance: float = 2.5
    sampling: int = 15
    size: int = 512
    rank: int = 64
    noise: float = 0.7
    credit: str = "gdpo"
    weights: Mapping[str, float] | None = None
    aggregate: str = "mean"
    rubric: str = "auto"
    seed: int = 0
    every: int = 20


def write_recipe(settings: Settings, requests: Sequence[Request], folder: str | Path) -> Path:
    """Writes flow-factory.yaml, data/train.jsonl and data/images/; returns the first.

    Raises ConfigError for what Flow-Factory has no word for.
    """
    if not requests:
        raise ConfigError("there is nothing to draw: no request was given")
    home = Path(folder).resolve()
    _write_data(requests, home / "data")
    place = home / CONFIG
    place.write_text("\n".join(_yaml(configuration(settings, requests, home))) + "\n", "utf-8")
    return place


def configuration(settings: Settings, requests: Sequence[Request], home: Path) -> dict[str, Any]:
    """The configuration as plain data. Raises ConfigError and UnknownNameError."""
    if settings.method not in _KL:
        raise UnknownNameError("method", settings.method, _KL)
    if settings.credit not in _AGGREGATIONS:
        raise UnknownNameError("kind of advantages in Flow-Factory", settings.credit, _AGGREGATIONS)
    edits = any(one.sources for one in requests)
    return {
        "launcher": "accelerate",
        "mixed_precision": "bf16",
        "data": {"dataset_dir": str(home / "data")},
        "model": {
            "model_name_or_path": settings.generator,
            "model_type": "flux1-kontext" if edits else "flux1",
            "finetune_type": "lora",
            "lora_rank": settings.rank,
            "lora_alpha": 2 * settings.rank,
            "target_modules": "default",
        },
        "scheduler": _scheduler(settings),
        "train": _train(settings),
        "log": {
            "run_name": f"parrot-{settings.method}",
            "save_dir": str(home / "save"),
            "save_freq": settings.every,
        },
        "rewards": _rewards(settings, requests),
    }


def _scheduler(settings: Settings) -> dict[str, Any]:
    if settings.method == "nft":
        return {"dynamics_type": "ODE"}
    # Theirs would give noise to one step of a drawing unless told how many.
    steps = settings.sampling - 1
    return {
        "dynamics_type": "Flow-SDE",
        "noise_level": settings.noise,
        "num_sde_steps": steps,
        "sde_steps": list(range(steps)),
    }


def _train(settings: Settings) -> dict[str, Any]:
    kl = _KL[settings.method] if settings.kl is None else settings.kl
    shared = {
        "trainer_type": settings.method,
        "resolution": settings.size,
        "max_epochs": settings.steps,
        "group_size": settings.group,
        "unique_sample_num_per_epoch": settings.prompts,
        "gradient_step_per_epoch": settings.updates,
        "num_inference_steps": settings.sampling,
        "guidance_scale": settings.guidance,
        "learning_rate": settings.rate,
        "adam_weight_decay": 0.0,
        "global_std": False,
        "advantage_aggregation": _AGGREGATIONS[settings.credit],
        "adv_clip_range": [-5.0, 5.0],
        "kl_beta": kl,
        "seed": settings.seed,
    }
    if settings.method == "grpo":
        return {**shared, "clip_range": [-1e-4, 1e-4], "kl_type": "x-based"}
    return {
        **shared,
        "nft_beta": 1.0,
        "off_policy": True,
        "kl_type": "v-based",
        "time_sampling_strategy": "discrete",
        "timestep_range": 0.99,
        "ema_decay_schedule": "piecewise_linear",
        "ema_decay": 0.5,
        "ema_update_interval": 1,
    }


def _rewards(settings: Settings, requests: Sequence[Request]) -> list[dict[str, Any]]:
    """An entry a dimension under gdpo, which share one critique; else one of the total."""
    shared: dict[str, Any] = {"reward_model": REWARD, "critic": settings.critic, "batch_size": 64}
    if settings.rubric != "auto":
        shared["rubric"] = settings.rubric
    if settings.credit != "gdpo":
        return [{"name": "total", **shared, "aggregate": settings.aggregate, "weight": 1.0}]
    weights = settings.weights or {}
    return [
        {"name": key, **shared, "dimension": key, "weight": weights.get(key, 1.0)}
        for key in _rubric(settings, requests).keys
    ]


def _rubric(settings: Settings, requests: Sequence[Request]) -> Rubric:
    if settings.rubric in RUBRICS:
        return RUBRICS[settings.rubric]
    if settings.rubric != "auto":
        raise UnknownNameError("rubric", settings.rubric, ("auto", *RUBRICS))
    found = {rubric_for(one).name: rubric_for(one) for one in requests}
    if len(found) > 1:
        raise ConfigError("Flow-Factory trains on drawings or on edits; these requests are both")
    return next(iter(found.values()))


def _write_data(requests: Sequence[Request], folder: Path) -> None:
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    lines = []
    for one in requests:
        names = []
        for source in one.sources:
            name = f"{source.sha256[:24]}.{source.media_type.partition('/')[2]}"
            (images / name).write_bytes(original_bytes(source))
            names.append(name)
        lines.append({"prompt": one.prompt, **({"images": names} if names else {})})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "train.jsonl").write_text(text, encoding="utf-8")


def _yaml(data: Mapping[str, Any], indent: str = "") -> list[str]:
    lines: list[str] = []
    for key, value in data.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}:", *_yaml(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(f"{indent}{key}:")
            for one in value:
                first, *rest = _yaml(one, indent + "    ")
                lines += [f"{indent}  - {first.strip()}", *rest]
        else:
            lines.append(f"{indent}{key}: {_scalar(value)}")
    return lines


def _scalar(value: Any) -> str:
    # 1e-05 is text in YAML 1.1 and 1.0e-05 is a number.
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text
