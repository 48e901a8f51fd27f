"""What every training format shares: the refusal, images beside the file, the data card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, define

from parrot.backends.images import original_bytes
from parrot.core.errors import ParrotError
from parrot.core.examples import Example
from parrot.core.values import Image

_SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif"}


class NotForTrainingError(ParrotError):
    """Examples whose owners forbid training were to be exported."""


@define(slots=True)
class ExportReport:
    """What was written: examples by form, source and licence."""

    examples: int = 0
    forms: Counter[str] = Factory(Counter)
    sources: Counter[str] = Factory(Counter)
    no_train: int = 0

    def add(self, one: Example) -> None:
        self.examples += 1
        self.forms[one.form] += 1
        self.sources[f"{one.source or 'unknown'} ({one.licence or 'licence unknown'})"] += 1
        self.no_train += not one.may_train

    def to_dict(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "forms": dict(self.forms),
            "sources": dict(self.sources),
            "may_not_train": self.no_train,
        }


def allowed(examples: Iterable[Example], *, allow_no_train: bool) -> Iterator[Example]:
    """The examples; raises NotForTrainingError at the first that may not train, unless allowed."""
    for one in examples:
        if not one.may_train and not allow_no_train:
            raise NotForTrainingError(
                f"pair {one.pair_id!r} of {one.source or 'an unknown source'!r} may not be trained"
                " on (may_train is false); leave it out, or pass --allow-no-train knowingly"
            )
        yield one


def keep_image(image: Image, folder: Path) -> str:
    """Copies the original bytes to `images/` under their digest; returns the relative path."""
    name = f"images/{image.sha256[:32]}{_SUFFIX.get(image.media_type, '.img')}"
    place = folder / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(".partial")
        fresh.write_bytes(original_bytes(image))
        fresh.replace(place)
    return name


def write_lines(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """JSON Lines, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".partial")
    with fresh.open("w", encoding="utf-8", newline="\n") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    fresh.replace(path)


def write_card(
    report: ExportReport, folder: Path, *, trainer: str, runs: Iterable[Mapping[str, Any]]
) -> None:
    """README.md beside the data: what it is, from where, made by whom, kept by which filters."""
    lines = [f"# Rationales for {trainer}", "", "Made with parrot-rewards.", ""]
    lines += [f"- examples: {report.examples}"]
    lines += [f"  - {form}: {count}" for form, count in sorted(report.forms.items())]
    lines += ["- sources and licences:"]
    lines += [f"  - {source}: {count}" for source, count in sorted(report.sources.items())]
    lines += [f"- may not be trained on: {report.no_train}", ""]
    for run in runs:
        lines += [f"## Run `{run.get('command', '?')}`", ""]
        names = ("teacher", "verifier", "anchored", "samples", "orders", "prompt", "filters")
        lines += [f"- {n}: {json.dumps(run[n])}" for n in names if n in run]
        lines += [""]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
