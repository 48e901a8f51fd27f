"""What `parrot study rewards` compares: generators tuned by one reward each, measured on the way.

A cell is an arm and a seed. It is measured before the first step and every few steps after it: the
same requests, drawn from the same noise, with the arm's own reward beside the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from attrs import asdict, field, frozen, validators

from parrot.core.errors import RecordError
from parrot.core.rewards.aggregates import Aggregate, mean
from parrot.core.rewards.values import Outcome, Reward

SCHEMA: Final = 1


class Arm(StrEnum):
    """What a generator is tuned by; the order is that of the tables."""

    RATIONAL = "rational"  # the student's critique, a value a dimension
    SUM = "rational-sum"  # the same critiques, as one number
    SCORES_ONLY = "scores-only"  # a student that learned scores without words
    HEAD = "head"  # a scalar Bradley-Terry head
    NO_SOURCE = "no-image-faithfulness"  # the paper's reward of edits, which leaves that one out
    TRUTH = "truth"  # the true utility: an upper bound


_units = validators.deep_iterable(validators.and_(validators.ge(0.0), validators.le(1.0)))


@frozen(slots=True)
class Point:
    """What a policy draws after so many steps, a value a drawing, in the order of the requests.

    kl: nats a drawing from the frozen model, an estimate. proxies: the arm's own reward, None where
    it gave none. truths: true utilities in [0, 1]; unread: drawings that the reader could make
    nothing of, whose truth is 0.
    """

    step: int = field(validator=validators.ge(0))
    kl: float
    proxies: tuple[float | None, ...] = field(repr=False)
    truths: tuple[float, ...] = field(repr=False, validator=_units)
    unread: int = 0

    def __attrs_post_init__(self) -> None:
        if len(self.proxies) != len(self.truths) or not self.truths:
            raise ValueError("a point has a reward and a truth for each of its drawings")


@frozen(slots=True)
class Tuned:
    """One arm and seed: one line of a study's results.

    points: by step, the first before any. samples: drawings of each request, which stand together.
    drawn: drawings that were learned from or could have been.
    """

    arm: Arm = field(converter=Arm)
    seed: int
    points: tuple[Point, ...] = field(repr=False, validator=validators.min_len(1))
    samples: int = field(default=1, validator=validators.ge(1))
    drawn: int = 0
    seconds: float = 0.0

    def __attrs_post_init__(self) -> None:
        if {len(one.truths) for one in self.points} != {len(self.points[0].truths)}:
            raise ValueError("every point has the same drawings")
        if len(self.points[0].truths) % self.samples:
            raise ValueError(f"{len(self.points[0].truths)} drawings, {self.samples} a request")

    @property
    def id(self) -> str:
        return cell_id(self.arm, self.seed)


def cell_id(arm: Arm, seed: int) -> str:
    """The name of one line of results, and of its folder."""
    return f"{arm}-seed{seed}"


def without(outcome: Outcome, key: str, aggregate: Aggregate = mean) -> Outcome:
    """The outcome with one dimension left out of it; what has no reward stays as it is."""
    if not isinstance(outcome, Reward):
        return outcome
    kept = {name: value for name, value in outcome.dimensions.items() if name != key}
    total = aggregate(kept)
    return outcome if total is None else Reward(kept, total, outcome.critiques)


def point_to_record(point: Point) -> dict[str, Any]:
    """The point as plain data."""
    return asdict(point)


def tuned_to_record(tuned: Tuned) -> dict[str, Any]:
    """The line as plain data."""
    return {"schema": SCHEMA, "id": tuned.id, **asdict(tuned)}


def tuned_from_record(record: Mapping[str, Any]) -> Tuned:
    """The inverse. Raises RecordError naming the field."""
    try:
        points = tuple(point_from_record(one) for one in record["points"])
        arm, seed, samples = record["arm"], int(record["seed"]), int(record["samples"])
        return Tuned(arm, seed, points, samples, int(record["drawn"]), float(record["seconds"]))
    except KeyError as error:
        raise RecordError("is absent", field=str(error.args[0])) from None
    except (TypeError, ValueError) as error:
        raise RecordError(str(error)) from None


def point_from_record(record: Mapping[str, Any]) -> Point:
    """The inverse. Raises RecordError naming the field."""
    try:
        return Point(
            int(record["step"]),
            float(record["kl"]),
            tuple(None if one is None else float(one) for one in record["proxies"]),
            tuple(float(one) for one in record["truths"]),
            int(record["unread"]),
        )
    except KeyError as error:
        raise RecordError("is absent", field=str(error.args[0])) from None
    except (TypeError, ValueError) as error:
        raise RecordError(str(error)) from None


def by_arm(results: Sequence[Tuned]) -> dict[Arm, list[Tuned]]:
    """Results in the order of the arms, and of the seeds within one."""
    return {
        arm: sorted((one for one in results if one.arm is arm), key=lambda one: one.seed)
        for arm in Arm
        if any(one.arm is arm for one in results)
    }
