"""The state of a training run: saved every ten minutes, gone on with on any machine.

Knows nothing of what is trained. The state is models, their moving averages, optimizers, named
random generators and counters; tensors lie in safetensors, the rest is JSON, nothing is pickled.
A caller writes

    state = State(models={"vae": vae}, averages={"vae": Average(vae)}, optimizers={"adamw": adam})
    saver = Saver(folder, state, now=time.monotonic)
    saver.resume()
    while ...:
        ...one step...; state.step += 1; state.samples += batch
        saver.save_if_due()
    saver.save()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from attrs import define, field

from parrot.backends.miniature.training import shards
from parrot.core.errors import ConfigError

EVERY: Final = 600.0
"""Seconds between two saves."""


class Average:
    """A moving average of a model's floating weights, warmed up so that early weights fade."""

    __slots__ = ("_decay", "_held")

    def __init__(self, model: torch.nn.Module, *, decay: float = 0.999) -> None:
        self._decay = decay
        self._held = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def update(self, model: torch.nn.Module, step: int) -> None:
        """Moves towards the model's weights. step: from 0; early steps move further."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            pairs = [(self._held[k], v.detach()) for k, v in model.state_dict().items()]
            floats = [pair for pair in pairs if pair[0].is_floating_point()]
            if floats:
                torch._foreach_lerp_([h for h, _ in floats], [v for _, v in floats], 1 - decay)
            for held, value in pairs:
                if not held.is_floating_point():
                    held.copy_(value)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The averaged weights, under the model's own names."""
        return dict(self._held)

    def load_state_dict(self, held: Mapping[str, torch.Tensor]) -> None:
        """Puts weights in. Raises ConfigError where their names are not the model's."""
        _demand_same("the average", self._held, held)
        for name, value in held.items():
            self._held[name].copy_(value)

    def copy_to(self, model: torch.nn.Module) -> None:
        """Gives the model the averaged weights."""
        model.load_state_dict(self._held)


@define(slots=True)
class State:
    """What a run is made of. notes: plain JSON data of the caller's own."""

    models: Mapping[str, torch.nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]
    averages: Mapping[str, Average] = field(factory=dict)
    generators: Mapping[str, torch.Generator] = field(factory=dict)
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = field(factory=dict)

    def write(self, folder: str | Path) -> tuple[Path, ...]:
        """Saves all of it; the folder holds either the old state or the new one."""
        tensors: dict[str, torch.Tensor] = {}
        for name, model in self.models.items():
            tensors |= _under(f"model/{name}", model.state_dict())
        for name, average in self.averages.items():
            tensors |= _under(f"average/{name}", average.state_dict())
        for name, generator in self.generators.items():
            tensors[f"generator/{name}"] = generator.get_state()
        settings: dict[str, Any] = {}
        for name, one in self.optimizers.items():
            held, settings[name] = _optimizer(one)
            tensors |= _under(f"optimizer/{name}", held)
        facts = {
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
            "notes": self.notes,
            "optimizers": settings,
        }
        return shards.write(folder, tensors, facts)

    def read(self, folder: str | Path) -> bool:
        """Takes up a saved state; False where there is none.

        Raises ConfigError where it is damaged or is another model's.
        """
        held = shards.load(folder)
        if held is None:
            return False
        try:
            for name, model in self.models.items():
                model.load_state_dict(_of(f"model/{name}", held.tensors))
        except RuntimeError as error:
            raise ConfigError(f"the state in {folder} is of another model: {error}") from error
        for name, average in self.averages.items():
            average.load_state_dict(_of(f"average/{name}", held.tensors))
        for name, generator in self.generators.items():
            generator.set_state(held.tensors[f"generator/{name}"])
        for name, one in self.optimizers.items():
            _give(one, _of(f"optimizer/{name}", held.tensors), held.facts["optimizers"].get(name))
        self.step, self.samples = int(held.facts["step"]), int(held.facts["samples"])
        self.seconds, self.notes = float(held.facts["seconds"]), dict(held.facts["notes"])
        return True


class Saver:
    """Saves a state to a folder now and then. now: seconds from any beginning, never backwards."""

    __slots__ = ("_every", "_folder", "_last", "_now", "_since", "_state")

    def __init__(
        self,
        folder: str | Path,
        state: State,
        *,
        now: Callable[[], float],
        every: float = EVERY,
    ) -> None:
        self._folder, self._state = Path(folder), state
        self._now, self._every = now, every
        self._last = self._since = now()

    def resume(self) -> bool:
        """Takes up what the folder holds; False where it holds nothing. Raises ConfigError."""
        return self._state.read(self._folder)

    def save(self) -> tuple[Path, ...]:
        """Saves at once, with the seconds spent so far."""
        now = self._now()
        self._state.seconds += now - self._since
        self._since = self._last = now
        return self._state.write(self._folder)

    def save_if_due(self) -> bool:
        """Saves where the last save is long enough ago; says whether it did."""
        due = self._now() - self._last >= self._every
        if due:
            self.save()
        return due


def _optimizer(one: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """An optimizer's tensors by parameter and slot, and all else of it as plain data."""
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    held = one.state_dict()
    for index, slots in held["state"].items():
        for slot, value in slots.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}/{slot}"] = value
            else:
                plain.setdefault(str(index), {})[slot] = value
    return tensors, {"groups": held["param_groups"], "plain": plain}


def _give(
    one: torch.optim.Optimizer,
    tensors: Mapping[str, torch.Tensor],
    saved: Mapping[str, Any] | None,
) -> None:
    if saved is None:
        raise ConfigError("the saved optimizers are of another model")
    slots: dict[int, dict[str, Any]] = {int(k): dict(v) for k, v in saved["plain"].items()}
    for name, value in tensors.items():
        index, _, slot = name.partition("/")
        slots.setdefault(int(index), {})[slot] = value
    try:
        one.load_state_dict({"state": slots, "param_groups": saved["groups"]})
    except ValueError as error:
        raise ConfigError(f"the saved optimizer is of another model: {error}") from error


def _under(head: str, held: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{head}/{name}": value for name, value in held.items()}


def _of(head: str, held: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    start = f"{head}/"
    return {k.removeprefix(start): v for k, v in held.items() if k.startswith(start)}


def _demand_same(what: str, mine: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    if mine.keys() != other.keys():
        odd = sorted(mine.keys() ^ other.keys())[:3]
        raise ConfigError(f"{what} is of another model: {odd} differ")
