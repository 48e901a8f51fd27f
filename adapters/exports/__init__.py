"""Training formats out: LLaMA-Factory, TRL, ms-swift, verl."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from parrot.adapters.exports.files import Pictures
from parrot.adapters.exports.reports import ExportReport, NotForTrainingError, card, is_card
from parrot.adapters.exports.trainers import TRAIN, TRAINERS, Trainer
from parrot.core.errors import ConfigError, RecordError, UnknownNameError
from parrot.core.examples import Example

_FOREIGN: Final = (
    "run.json",
    *dict.fromkeys(f"{TRAIN}.{form.suffix}" for form in TRAINERS.values()),
    *dict.fromkeys(name for form in TRAINERS.values() for name in form.extra_files),
)
"""What a folder without a card of ours holds only where it is of something else."""


def export_examples(
    examples: Iterable[Example],
    folder: Path,
    *,
    trainer: str,
    allow_no_train: bool = False,
    runs: Iterable[Mapping[str, Any]] = (),
) -> ExportReport:
    """Writes what a trainer reads into a folder, with a data card, one example in memory at a time.

    runs: what each run folder says of itself, with its `funnel`, for the card. The same examples
    give the same bytes; on an error nothing new is left. Raises UnknownNameError for the trainer,
    ConfigError where the folder holds something else, NotForTrainingError with sources and counts
    unless allowed, ImageError for a picture that cannot be had, and RecordError where there is
    nothing to write.
    """
    if trainer not in TRAINERS:
        raise UnknownNameError("trainer", trainer, TRAINERS)
    form, pictures = TRAINERS[trainer], Pictures(folder)
    _refuse_others(folder, form, trainer)
    try:
        report = _write(examples, folder, form, pictures, allow_no_train=allow_no_train)
    except BaseException:
        pictures.discard()
        raise
    for name, text in form.extra_files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(card(report, use=form.use, runs=runs), encoding="utf-8")
    return report


def _refuse_others(folder: Path, form: Trainer, trainer: str) -> None:
    place = folder / "README.md"
    if place.exists():
        if is_card(place.read_text(encoding="utf-8", errors="replace"), use=form.use):
            return
        found = [f"a README.md that is no card of an export for {trainer}"]
    else:
        found = [name for name in _FOREIGN if (folder / name).exists()]
    if found:
        raise ConfigError(
            f"{folder} holds {found[0]}, which would be lost or mixed up; choose another --out"
        )


def _write(
    examples: Iterable[Example],
    folder: Path,
    form: Trainer,
    pictures: Pictures,
    *,
    allow_no_train: bool,
) -> ExportReport:
    report, keep = ExportReport(), form.keeper(pictures)
    with form.opened(folder / f"{TRAIN}.{form.suffix}") as write:
        for one in examples:
            report.add(one)
            # After a refusal the rest is only counted, so that the error can name all of it.
            if allow_no_train or not report.no_train:
                write(form.row(one, keep))
        if report.no_train and not allow_no_train:
            raise NotForTrainingError(report.no_train, report.examples)
        if not report.examples:
            raise RecordError("nothing was kept, so there is nothing to export")
    return report


__all__ = ["TRAINERS", "ExportReport", "NotForTrainingError", "export_examples"]
