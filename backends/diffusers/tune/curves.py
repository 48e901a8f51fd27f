"""What is seen of a run: a line a step, sheets of its drawings by dimension, TensorBoard's curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from parrot.backends.diffusers.tune.state import LOG
from parrot.core.rewards.imputing import TOTAL
from parrot.core.rewards.values import Outcome, Reward, Unscored

ROWS: Final = 8
"""Groups on a sheet at most."""


class Curves:
    """log.jsonl and grids/ in a run's folder; tensorboard/ where that package is installed."""

    def __init__(self, folder: Path, *, step: int) -> None:
        self._folder = folder
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board: Any = None
        else:
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def line(self, figures: Mapping[str, Any]) -> None:
        """One step's figures; those that are numbers become curves."""
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
        if self._board is not None:
            for name, value in _flat(figures):
                self._board.add_scalar(name, value, figures["step"])
            self._board.flush()

    def sheets(self, step: int, grids: Mapping[str, Any]) -> None:
        """A picture a dimension."""
        home = self._folder / "grids"
        home.mkdir(exist_ok=True)
        for name, picture in grids.items():
            picture.save(home / f"step-{step:06d}-{name}.png")
            if self._board is not None:
                import numpy as np

                shown = np.asarray(picture)
                self._board.add_image(f"drawings/{name}", shown, step, dataformats="HWC")

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def grids_of(
    groups: Sequence[Sequence[tuple[Any, Outcome]]], *, rows: int = ROWS
) -> dict[str, Any]:
    """A sheet a dimension and one of totals: a row a group, best first, the unscored left out."""
    names = sorted({key for group in groups for _, one in group for key in one.dimensions})
    out: dict[str, Any] = {}
    for name in (TOTAL, *names):
        lines = [_row(group, name) for group in groups[:rows]]
        lines = [line for line in lines if line]
        if lines:
            out[name] = _sheet(lines)
    return out


def value_of(one: Outcome, name: str) -> float | None:
    """A dimension's value, or the total's."""
    if name == TOTAL:
        return one.total if isinstance(one, Reward) else None
    return one.dimensions.get(name)


def means_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Means by dimension over what has a value, and failures by kind, for the log."""
    names = sorted({key for one in outcomes for key in one.dimensions})
    reward: dict[str, float] = {}
    for name in (TOTAL, *names):
        values = [v for one in outcomes if (v := value_of(one, name)) is not None]
        if values:
            reward[name] = sum(values) / len(values)
    failed: dict[str, int] = {}
    for one in outcomes:
        if isinstance(one, Unscored):
            failed[one.failure.kind.value] = failed.get(one.failure.kind.value, 0) + 1
    return {"reward": reward, "unscored": failed}


def _row(group: Sequence[tuple[Any, Outcome]], name: str) -> list[Any]:
    known = [(v, n) for n, (_, one) in enumerate(group) if (v := value_of(one, name)) is not None]
    return [group[n][0] for _, n in sorted(known, key=lambda one: (-one[0], one[1]))]


def _sheet(lines: Sequence[Sequence[Any]]) -> Any:
    from PIL import Image

    wide = max(sum(one.width for one in line) for line in lines)
    high = [max(one.height for one in line) for line in lines]
    sheet = Image.new("RGB", (wide, sum(high)), "white")
    down = 0
    for line, height in zip(lines, high, strict=True):
        across = 0
        for one in line:
            sheet.paste(one, (across, down))
            across += one.width
        down += height
    return sheet


def _flat(figures: Mapping[str, Any], head: str = "") -> list[tuple[str, float]]:
    out: list[tuple[str, float]] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            out += _flat(value, f"{head}{name}/")
        elif isinstance(value, int | float) and name != "step":
            out.append((f"{head}{name}", float(value)))
    return out
