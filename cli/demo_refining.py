"""The drawing half of `parrot demo --refine`: requests drawn, critiqued, drawn again, and looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from parrot.backends.images import image_from_path, original_bytes
from parrot.backends.miniature.redrawn import Wish, wishes
from parrot.cli.refine import refine
from parrot.cli.report import report

ROUNDS: Final = 2


def drawn_for_demo(critic: str, generator: str, folder: Path, *, requests: int) -> None:
    """Draws and refines requests of the test split into `refined/`; `report.html` beside it."""
    known = list(wishes(requests))
    place = _written(known, folder / "requests")
    refine(
        str(place),
        generator=generator,
        critic=critic,
        out=folder / "refined",
        rounds=ROUNDS,
        max_tokens=300,
    )
    report(folder / "refined", out=folder / "report.html")


def _written(known: list[Wish], folder: Path) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = [{"id": w.id, "prompt": w.request.prompt, "sources": _sources(w, folder)} for w in known]
    place = folder / "requests.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return place


def _sources(wish: Wish, folder: Path) -> list[str]:
    names = []
    for image in wish.request.sources:
        name = f"images/{image.sha256[:16]}.png"
        (folder / name).write_bytes(original_bytes(image))
        names.append(name)
    return names


def drawn_told(folder: Path) -> dict[str, Any]:
    """What came of it, as plain data: the critic's mean reward and the true utility, both in [0, 1],
    of the first drafts and of those that the critic chose.
    """
    run = folder / "refined"
    ended = list(_rows(run / "results.jsonl"))
    known = {wish.id: wish for wish in wishes(len(ended))}
    firsts = {row["id"]: row["image"] for row in _rows(run / "trace.jsonl") if row["draft"] == 0}
    both = [row for row in ended if row["image"] and isinstance(firsts[row["id"]], str)]
    rewarded = [r for r in ended if None not in (r["first_reward"], r["reward"])]
    return {
        "requests": len(ended),
        "drawings": sum(row["spent"]["drafts"] for row in ended),
        "first_reward": _mean([row["first_reward"] for row in rewarded]),
        "reward": _mean([row["reward"] for row in rewarded]),
        "first_truth": _mean([_worth(known[r["id"]], run / firsts[r["id"]]) for r in both]),
        "truth": _mean([_worth(known[r["id"]], run / r["image"]) for r in both]),
        "report": str(folder / "report.html"),
    }


def _worth(wish: Wish, place: Path) -> float:
    """What the reader cannot make out is worth nothing."""
    return wish.worth(image_from_path(place)) or 0.0


def _mean(values: list[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return round(fmean(known), 4) if known else None


def _rows(place: Path) -> Iterator[Mapping[str, Any]]:
    for line in place.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
