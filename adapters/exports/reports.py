"""What an export holds, who may train on it, and the data card that says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import Factory, define

from parrot.core.errors import ParrotError
from parrot.core.examples import Example


class NotForTrainingError(ParrotError):
    """Examples whose owners forbid training were to be exported. `sources`: how many of each."""

    def __init__(self, sources: Mapping[str, int], total: int) -> None:
        self.sources = dict(sources)
        named = ", ".join(f"{count} of {source}" for source, count in sorted(sources.items()))
        super().__init__(
            f"{sum(sources.values())} of {total} examples may not be trained on (may_train is"
            f" false): {named}; leave them out, or pass --allow-no-train knowingly"
        )


@define(slots=True)
class ExportReport:
    """Counts of what was written: by form, by source and licence, by teacher."""

    examples: int = 0
    images: int = 0
    forms: Counter[str] = Factory(Counter)
    sources: Counter[str] = Factory(Counter)
    teachers: Counter[str] = Factory(Counter)
    no_train: Counter[str] = Factory(Counter)

    def add(self, one: Example) -> None:
        """Counts an example."""
        source = f"{one.source or 'unknown source'} ({one.licence or 'licence unknown'})"
        self.examples += 1
        self.images += len(one.images)
        self.forms[one.form] += 1
        self.sources[source] += 1
        self.teachers[one.teacher or "unknown"] += 1
        if not one.may_train:
            self.no_train[source] += 1

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "examples": self.examples,
            "images": self.images,
            "forms": dict(sorted(self.forms.items())),
            "sources": dict(sorted(self.sources.items())),
            "teachers": dict(sorted(self.teachers.items())),
            "may_not_train": self.no_train.total(),
        }


_RUN: Final = (
    "command",
    "teacher",
    "verifier",
    "anchored",
    "samples",
    "orders",
    "prompt",
    "filters",
    "shard",
    "shards",
)
_STATUS: Final = {"status": "status", "input_status": "status of what it was made of"}


_TITLE: Final = "# Rationales of image preferences\n\nMade with parrot-rewards.\n"


def is_card(text: str, *, use: str) -> bool:
    """Whether a text is the card of an export for the trainer of this use."""
    trainer = use.partition(":")[0]
    return text.startswith(_TITLE) and f"\n## Use\n\n{trainer}:" in text


def card(report: ExportReport, *, use: str, runs: Iterable[Mapping[str, Any]]) -> str:
    """The data card: what the data is, from where, made by whom, kept by which filters.

    use: how the trainer reads it. runs: what each run folder says of itself, with its `funnel`. No
    date and no path of this machine, so that equal data has equal cards.
    """
    lines = [_TITLE]
    lines += [f"- examples: {report.examples}, with {report.images} images in all"]
    for title, counts in (
        ("forms", report.forms),
        ("sources and licences", report.sources),
        ("teachers", report.teachers),
        ("may not be trained on, exported on demand", report.no_train),
    ):
        if counts:
            lines += [f"- {title}:"]
            lines += [f"  - {name}: {count}" for name, count in sorted(counts.items())]
    lines += ["", "## Use", "", use, ""]
    for run in runs:
        lines += [*_of_run(run), ""]
    return "\n".join(lines)


def _of_run(run: Mapping[str, Any]) -> list[str]:
    lines = [f"## Run: {run.get('command', 'unknown')}", ""]
    said = (n for n in _RUN[1:] if run.get(n) is not None)
    lines += [f"- {n}: {json.dumps(run[n], ensure_ascii=False)}" for n in said]
    # The word alone: why a run was stopped may name a server.
    ends = {said: str(run.get(name) or "done") for name, said in _STATUS.items()}
    lines += [f"- {n}: {end.partition(':')[0]}" for n, end in ends.items() if end != "done"]
    funnel = run.get("funnel")
    if not funnel:
        return lines
    pairs, made = funnel["pairs"], funnel["rationales"]
    lines += [f"- pairs: {pairs.get('in', 0)} in, {pairs.get('kept', 0)} kept"]
    lines += [f"- rationales: {made.get('asked', 0)} asked for, {made.get('kept', 0)} kept"]
    if funnel["filters"]:
        seen = "every rationale" if funnel.get("marginal") else "what the filters above it kept"
        lines += ["", f"Each filter saw {seen}.", ""]
        lines += [
            "| filter | came | kept | dropped | undecided |",
            "| --- | --- | --- | --- | --- |",
        ]
        names = ("name", "came", "kept", "dropped", "undecided")
        lines += [f"| {' | '.join(str(f[n]) for n in names)} |" for f in funnel["filters"]]
    return lines
