"""What is true of rationales about the miniature's pairs: for measuring filters, never for filtering.

A claim is held against the drawings, not against what a teacher believes to see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.claims import holds, understood
from parrot.backends.miniature.pairs import PairTruth
from parrot.backends.miniature.requests import brief_of
from parrot.backends.miniature.world import Drawing, drawing_from_dict, scene_from_dict
from parrot.core.candidates import Candidate, Order
from parrot.core.critiques import Comparison
from parrot.core.errors import RecordError
from parrot.core.gatherers import Claim, claims_of
from parrot.core.values import Label


def shown(truth: PairTruth, order: Order) -> dict[Label, Drawing]:
    """The drawings as a teacher saw them in that order."""
    a, b = (truth.a, truth.b) if order is Order.AB else (truth.b, truth.a)
    return {Label.A: a, Label.B: b}


def untrue(comparison: Comparison, drawings: dict[Label, Drawing]) -> tuple[Claim, ...]:
    """The claims that the drawings deny, whether misseen or made up."""
    return tuple(
        claim for claim in claims_of(comparison) if holds(claim.text, drawings[claim.side]) is False
    )


def untrue_faults(comparison: Comparison, drawings: dict[Label, Drawing]) -> tuple[Claim, ...]:
    """Those of the untrue claims that hold something against their image."""
    return tuple(
        claim
        for claim in untrue(comparison, drawings)
        if (said := understood(claim.text)) and said.fault
    )


def agrees(candidate: Candidate, truth: PairTruth) -> bool | None:
    """Whether the scores favour the truly better image; None where the truth is a tie.

    A comparison without scores, or with equal ones, does not.
    """
    if truth.true_label is Label.TIE:
        return None
    body = candidate.rationale.body
    margin = body.margin(candidate.applicable) if isinstance(body, Comparison) else None
    if not margin:
        return False
    turned = candidate.rationale.provenance.order is Order.BA
    better = truth.true_label.mirrored() if turned else truth.true_label
    return margin > 0 if better is Label.A else margin < 0


def truth_from_dict(data: dict[str, Any], prompt: str) -> PairTruth:
    """The inverse of `truth_to_dict`; the brief is read from the pair's prompt.

    Raises RecordError where a field is absent or the prompt is none of this world's.
    """
    try:
        source = data["source"] and scene_from_dict(data["source"])
        return PairTruth(
            str(data["id"]),
            _brief(prompt, is_edit=source is not None),
            drawing_from_dict(data["a"]),
            drawing_from_dict(data["b"]),
            source,
            dict(data["utilities_a"]),
            dict(data["utilities_b"]),
            float(data["margin"]),
            Label(data["true_label"]),
            Label(data["label"]),
            {key: Label(value) for key, value in data["dimension_labels"].items()},
        )
    except KeyError as error:
        raise RecordError("is absent", field=str(error.args[0])) from None
    except (TypeError, ValueError) as error:
        raise RecordError(str(error)) from None


def _brief(prompt: str, *, is_edit: bool) -> Brief:
    brief = brief_of(prompt, is_edit=is_edit)
    if brief is None:
        raise ValueError(f"the prompt {prompt!r} is none of the miniature's")
    return brief


def truths_in(folder: str | Path) -> Iterator[PairTruth]:
    """The truths beside a folder's `pairs.jsonl`, in order. Raises RecordError with file and line."""
    pairs, truths = Path(folder) / "pairs.jsonl", Path(folder) / "truth.jsonl"
    with pairs.open(encoding="utf-8") as said, truths.open(encoding="utf-8") as known:
        for line, (pair, truth) in enumerate(zip(said, known, strict=True), start=1):
            try:
                yield truth_from_dict(json.loads(truth), str(json.loads(pair)["prompt"]))
            except RecordError as error:
                raise error.at(file=str(truths), line=line) from None
