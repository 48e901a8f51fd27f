"""Training formats out: LLaMA-Factory, TRL, ms-swift, verl."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from parrot.adapters.exports.files import (
    ExportReport,
    NotForTrainingError,
    allowed,
    keep_image,
    write_card,
    write_lines,
)
from parrot.adapters.exports.rows import Keep, sharegpt, trl, verl
from parrot.core.errors import RecordError, UnknownNameError
from parrot.core.examples import Example

Row = Callable[[Example, Keep], dict[str, Any]]
TRAINERS: dict[str, Row] = {
    "llamafactory": sharegpt,
    "ms-swift": sharegpt,
    "trl": trl,
    "verl": verl,
}
_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def export_examples(
    examples: Iterable[Example],
    folder: Path,
    *,
    trainer: str,
    allow_no_train: bool = False,
    runs: Iterable[Mapping[str, Any]] = (),
) -> ExportReport:
    """Writes `train.jsonl`, `images/` and a data card; for LLaMA-Factory also `dataset_info.json`.

    The same examples give the same bytes. Raises UnknownNameError for the trainer,
    NotForTrainingError unless allowed, and RecordError where there is nothing to write.
    """
    if trainer not in TRAINERS:
        raise UnknownNameError("trainer", trainer, TRAINERS)
    report = ExportReport()
    row, keep = TRAINERS[trainer], partial(keep_image, folder=folder)

    def rows() -> Iterator[dict[str, Any]]:
        for one in allowed(examples, allow_no_train=allow_no_train):
            report.add(one)
            yield row(one, keep)

    write_lines(rows(), folder / "train.jsonl")
    if not report.examples:
        raise RecordError("nothing was kept, so there is nothing to export")
    if trainer == "llamafactory":
        about = {"file_name": "train.jsonl", "formatting": "sharegpt"}
        columns = {"messages": "messages", "images": "images"}
        info = {"parrot": {**about, "columns": columns, "tags": _TAGS}}
        (folder / "dataset_info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")
    write_card(report, folder, trainer=trainer, runs=runs)
    return report


__all__ = ["TRAINERS", "ExportReport", "NotForTrainingError", "export_examples"]
