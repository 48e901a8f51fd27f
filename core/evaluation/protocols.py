"""Evaluation protocols by name: which judgements count, what each is worth, and what a lack costs.

One benchmark's published numbers differ by tens of points with the protocol, so nothing here has a
default. Pure values; reading and statistics are elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from attrs import frozen

from parrot.core.errors import UnknownNameError
from parrot.core.evaluation.choosing import ReaderRule
from parrot.core.formats import Choice
from parrot.core.judgements import Judged
from parrot.core.values import Label

Counts = Callable[[Judged], bool]
Credit = Callable[[Judged, Choice], float | None]


class Cost(StrEnum):
    """What a judgement without a winner does to the official accuracy."""

    WRONG = "wrong"
    LEFT_OUT = "left-out"


class Unit(StrEnum):
    """What is counted: judgements one by one, or whole groups of pairs."""

    JUDGEMENT = "judgement"
    GROUP = "group"


@frozen(slots=True)
class EvaluationProtocol:
    """How agreement with human labels is counted.

    counts: whether a judgement's pair belongs to the protocol at all. credit: what an answer is
    worth in [0, 1], None where the protocol leaves it out. group_size: K of a GROUP protocol.
    both_orders: each pair is to be judged in AB and in BA; an absent order is missing.
    fits_threshold: scores are a TIE within a threshold fitted on a development split.
    needs_scores, needs_both: refuse judgements without scores, human TIEs without GOOD or BAD.
    """

    name: str
    definition: str
    source: str
    counts: Counts
    credit: Credit
    unreadable: Cost = Cost.WRONG
    missing: Cost = Cost.WRONG
    reader: ReaderRule = ReaderRule.CHOICE
    unit: Unit = Unit.JUDGEMENT
    group_size: int | None = None
    both_orders: bool = False
    fits_threshold: bool = False
    needs_scores: bool = False
    needs_both: bool = False


def every_pair(_: Judged, /) -> bool:
    """All pairs count."""
    return True


def decided_by_human(row: Judged, /) -> bool:
    """Pairs that the human called a TIE do not count."""
    return row.label is not Label.TIE


def ungrouped(row: Judged, /) -> bool:
    """Pairs of a ranking of three or more images do not count."""
    return row.group_size in (None, 2)


def of_three(row: Judged, /) -> bool:
    """Only pairs of a ranking of three images count."""
    return row.group_size == 3


def of_four(row: Judged, /) -> bool:
    """Only pairs of a ranking of four images count."""
    return row.group_size == 4


def same_winner(row: Judged, choice: Choice, /) -> float:
    """1 for the human's label among A, B and TIE, else 0."""
    return float(choice.label is row.label)


def same_of_four(row: Judged, choice: Choice, /) -> float:
    """1 for the human's label among A, B, both good, both bad; a bare TIE is right for either."""
    either = choice.both is None or choice.both is row.both
    return float(choice.label is row.label and either)


def same_if_decided(row: Judged, choice: Choice, /) -> float | None:
    """As `same_winner`; None where the model says TIE."""
    return None if choice.label is Label.TIE else same_winner(row, choice)


def half_for_one_tie(row: Judged, choice: Choice, /) -> float:
    """1 for the same label, 0.5 where exactly one of human and model says TIE, else 0."""
    if choice.label is row.label:
        return 1.0
    return 0.5 if Label.TIE in (choice.label, row.label) else 0.0


_GENAI = "TIGER-Lab GenAI-Bench"
_EDIT = "TIGER-Lab EditReward-Bench"

_ALL = (
    EvaluationProtocol(
        "genai-bench-4way",
        "A, B, both good or both bad as the human said; a bare tie is right for either tie; no or "
        "unreadable answer is wrong.",
        f"{_GENAI}, inference.py",
        every_pair,
        same_of_four,
        reader=ReaderRule.FIRST_BRACKET,
        needs_both=True,
    ),
    EvaluationProtocol(
        "genai-bench-3way",
        "A, B or tie as the human said, good and bad ties alike; no or unreadable answer is wrong.",
        f"papers on {_GENAI}",
        every_pair,
        same_winner,
    ),
    EvaluationProtocol(
        "no-tie-strict",
        "Pairs with a human winner only; a model's tie, no or unreadable answer is wrong.",
        f"papers on {_GENAI}",
        decided_by_human,
        same_winner,
    ),
    EvaluationProtocol(
        "no-tie-decided",
        "Pairs with a human winner on which the model names one; its ties, no and unreadable "
        "answers are left out.",
        f"papers on {_GENAI}",
        decided_by_human,
        same_if_decided,
        unreadable=Cost.LEFT_OUT,
        missing=Cost.LEFT_OUT,
    ),
    EvaluationProtocol(
        "mmrb2-both-orders",
        "Right judgements among those made, each pair in both orders, B first mirrored back; a tie "
        "is wrong, no or unreadable answer is left out.",
        "MMRB2, compute_accuracy.py",
        decided_by_human,
        same_winner,
        unreadable=Cost.LEFT_OUT,
        missing=Cost.LEFT_OUT,
        both_orders=True,
    ),
    EvaluationProtocol(
        "editreward-bench-k2",
        "A, B or tie as the human said, on pairs of two; an unreadable answer is wrong, no answer "
        "is left out.",
        f"{_EDIT}, inference_2pair_hf.py",
        ungrouped,
        same_winner,
        missing=Cost.LEFT_OUT,
    ),
    EvaluationProtocol(
        "editreward-bench-k3",
        "Rankings of three images with all three pairs right; a pair without an answer makes its "
        "ranking wrong, a ranking without any is left out.",
        f"{_EDIT}, inference_3pair_hf.py",
        of_three,
        same_winner,
        missing=Cost.LEFT_OUT,
        unit=Unit.GROUP,
        group_size=3,
    ),
    EvaluationProtocol(
        "editreward-bench-k4",
        "Rankings of four images with all six pairs right; a pair without an answer makes its "
        "ranking wrong, a ranking without any is left out.",
        f"{_EDIT}, inference_4pair_hf.py",
        of_four,
        same_winner,
        missing=Cost.LEFT_OUT,
        unit=Unit.GROUP,
        group_size=4,
    ),
    EvaluationProtocol(
        "editreward-bench-eps",
        "A, B or tie as the human said on pairs of two, by scores; a tie within the threshold that "
        "is best on a development split; no scores is wrong.",
        f"{_EDIT}, eval_bench.py (which fits the threshold on the test rows; this does not)",
        ungrouped,
        same_winner,
        fits_threshold=True,
        needs_scores=True,
    ),
    EvaluationProtocol(
        "hpdv3",
        "Pairs with a human winner; right where the preferred image scores higher, equal scores "
        "and no answer are wrong.",
        "HPSv3, evaluate.py (pair)",
        decided_by_human,
        same_winner,
    ),
    EvaluationProtocol(
        "pickapic",
        "Every pair; half a point where exactly one of human and model says tie; scores tie within "
        "the threshold that is best on a development split; no answer is wrong.",
        "PickScore, eval_preference_predictor.py",
        every_pair,
        half_for_one_tie,
        fits_threshold=True,
    ),
    EvaluationProtocol(
        "imagereward",
        "Pairs with a human winner; a model's tie and no answer are wrong.",
        "ImageReward, test.py",
        decided_by_human,
        same_winner,
    ),
)

EVALUATION_PROTOCOLS: dict[str, EvaluationProtocol] = {one.name: one for one in _ALL}


def evaluation_protocol(name: str) -> EvaluationProtocol:
    """The protocol of a name. Raises UnknownNameError that says the nearest."""
    if name not in EVALUATION_PROTOCOLS:
        raise UnknownNameError("evaluation protocol", name, EVALUATION_PROTOCOLS)
    return EVALUATION_PROTOCOLS[name]
