"""The loop that every training of the miniature shares: a time budget, saves, measurements, lines.

Knows nothing of what is trained: a run offers one step and one measurement. Time is passed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import torch
from attrs import frozen

from parrot.backends.miniature.training.state import Saver, State
from parrot.core.errors import ConfigError

Line = Mapping[str, Any]
"""One line of the log: plain JSON data."""
SAY_EVERY: Final = 20.0
"""Seconds between two lines on the loss."""


class Run(Protocol):
    """Something in training."""

    @property
    def state(self) -> State: ...

    @property
    def goal(self) -> int:
        """Samples after which the schedule is through and the run ends."""
        ...

    def advance(self) -> float:
        """One step; counts it in the state and returns the loss."""
        ...

    def measure(self) -> Line:
        """How good the averaged weights are by now."""
        ...


@frozen(slots=True)
class Schedule:
    """A learning rate by samples seen: linear warm-up, then a cosine down to a floor.

    peak: the highest rate. total, warm: in samples. floor: share of the peak at the end.
    """

    peak: float
    total: int
    warm: int
    floor: float = 0.01

    def rate(self, samples: int) -> float:
        """The rate for the step that begins after so many samples."""
        if samples < self.warm:
            return self.peak * (samples + 1) / self.warm
        done = min(1.0, (samples - self.warm) / max(1, self.total - self.warm))
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done)))


@frozen(slots=True)
class Pace:
    """When the loop stops and speaks. All in seconds; measure_every None measures at the end alone.

    stop: asked after every step; True ends the loop as the end of the time does.
    """

    seconds: float | None = None
    say_every: float = SAY_EVERY
    measure_every: float | None = None
    stop: Callable[[], bool] = lambda: False


def train(
    run: Run,
    saver: Saver,
    *,
    now: Callable[[], float],
    say: Callable[[Line], None],
    pace: Pace,
) -> Line:
    """Trains until the goal, the time's end or `pace.stop`; saves; returns the last measurement."""
    state, begin = run.state, now()
    said_at = measured_at = begin
    said_samples, losses = state.samples, _Mean()
    while state.samples < run.goal and not _over(pace, now() - begin):
        losses.add(run.advance())
        at = now()
        if at - said_at >= pace.say_every:
            speed = (state.samples - said_samples) / (at - said_at)
            say(_progress(state, loss=losses.take(), speed=speed))
            said_at, said_samples = at, state.samples
        if saver.save_if_due():
            say({"event": "saved", "step": state.step, "samples": state.samples})
        if pace.measure_every is not None and at - measured_at >= pace.measure_every:
            say(_measured(run))
            # Measuring takes time that is no part of the speed.
            measured_at = said_at = now()
            said_samples = state.samples
    saver.save()
    last = _measured(run)
    say(last)
    return last


def device_of(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one. Raises ConfigError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"no device is called {name!r}: {error}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"the device {name!r} was asked for, but torch sees no CUDA")
    return device


def _over(pace: Pace, spent: float) -> bool:
    return (pace.seconds is not None and spent >= pace.seconds) or pace.stop()


def _progress(state: State, *, loss: float, speed: float) -> Line:
    return {
        "event": "step",
        "step": state.step,
        "samples": state.samples,
        "loss": round(loss, 5),
        "samples_per_second": round(speed, 1),
    }


def _measured(run: Run) -> Line:
    state = run.state
    head = {"event": "measured", "step": state.step, "samples": state.samples}
    return head | dict(run.measure())


class _Mean:
    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        self._count, self._sum = 0, 0.0

    def add(self, value: float) -> None:
        self._count, self._sum = self._count + 1, self._sum + value

    def take(self) -> float:
        """The mean since the last call."""
        mean = self._sum / max(1, self._count)
        self._count, self._sum = 0, 0.0
        return mean
