"""What `parrot study parrot` compares: arms, cells and budgets, and the contrast named beforehand.

A cell is one student: an arm, a size and a seed. Every student of a size takes as many steps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen, validators

from parrot.core.errors import ConfigError, UnknownNameError


class Arm(StrEnum):
    """What a student learned from; the order is that of the tables."""

    BASE = "base"  # nothing yet
    BLIND = "blind"  # rationales whose teacher saw no label
    BLIND_AGREE = "blind-agree"  # the same teacher calls as anchored-full, spent on blind samples
    ANCHORED = "anchored"  # rationales whose teacher saw the label
    ANCHORED_THINNED = "anchored-thinned"  # those, dropped at random to as many as anchored-full
    ANCHORED_TEXT = "anchored-text"  # those that the paper's filter keeps
    ANCHORED_FULL = "anchored-full"  # those that all default filters keep
    SCORES_ONLY = "scores-only"  # the same as anchored-full, without their words
    HEAD = "head"  # the labels alone, by a scalar Bradley-Terry head


class Equal(StrEnum):
    """What a size counts."""

    PAIRS = "pairs"  # labelled pairs, before any filter
    ROWS = "rows"  # kept rationales; for the head labelled pairs


LEARNING: Final = tuple(arm for arm in Arm if arm is not Arm.BASE)


@frozen(slots=True)
class Contrast:
    """One arm against another, on the same test pairs. better: the arm hoped to be ahead."""

    better: Arm
    than: Arm

    def __str__(self) -> str:
        return f"{self.better} against {self.than}"


PRIMARY: Final = Contrast(Arm.ANCHORED_FULL, Arm.BLIND_AGREE)
"""Named before any run: at equal pairs, the largest size, agreement on decisive pairs."""
CONTRASTS: Final = (
    PRIMARY,
    Contrast(Arm.ANCHORED_FULL, Arm.BASE),
    Contrast(Arm.ANCHORED_FULL, Arm.HEAD),
    Contrast(Arm.ANCHORED_FULL, Arm.SCORES_ONLY),
    Contrast(Arm.ANCHORED_FULL, Arm.ANCHORED_THINNED),
    Contrast(Arm.ANCHORED_FULL, Arm.ANCHORED_TEXT),
    Contrast(Arm.ANCHORED, Arm.BLIND),
    Contrast(Arm.BLIND_AGREE, Arm.BLIND),
    Contrast(Arm.ANCHORED_TEXT, Arm.ANCHORED),
)


@frozen(slots=True, order=True)
class Cell:
    """One student to train and judge. size: pairs or rows; 0 of the base, which learns nothing."""

    arm: Arm = field(converter=Arm)
    size: int = field(validator=validators.ge(0))
    seed: int = 0
    equal: Equal = field(default=Equal.PAIRS, converter=Equal)

    @property
    def id(self) -> str:
        """Readable, unique in a study, and a folder's name."""
        return f"{self.arm}-{self.size}-{self.equal}-seed{self.seed}"


@frozen(slots=True)
class Design:
    """A whole study. tests: test pairs. least, most: bounds of a student's steps; passes: over the
    rows of an unfiltered arm, between them. Raises ConfigError for sizes, seeds or arms of none.
    """

    sizes: tuple[int, ...] = (100, 500, 2000)
    seeds: int = field(default=2, validator=validators.ge(1))
    arms: tuple[Arm, ...] = LEARNING
    equal: tuple[Equal, ...] = (Equal.PAIRS,)
    tests: int = field(default=2000, validator=validators.ge(1))
    batch: int = 16
    least: int = 60
    most: int = 320
    passes: float = 3.0

    def __attrs_post_init__(self) -> None:
        if not (self.sizes and self.arms and self.equal) or min(self.sizes) < 1:
            raise ConfigError("a study needs sizes of at least 1, arms, and what is equal")

    def steps(self, size: int) -> int:
        """Steps of every student of that size; an unfiltered arm has two rows a pair."""
        whole = round(self.passes * 2 * size / self.batch)
        return max(self.least, min(self.most, whole))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, the base first, then a seed of every size, so that an early end has whole curves."""
        return (Cell(Arm.BASE, 0), *self._cells())

    def _cells(self) -> Iterator[Cell]:
        for equal in self.equal:
            for seed in range(self.seeds):
                for size in sorted(self.sizes):
                    for arm in self.arms:
                        if not _the_same_as_another(arm, equal):
                            yield Cell(arm, size, seed, equal)


def _the_same_as_another(arm: Arm, equal: Equal) -> bool:
    return arm is Arm.BASE or (equal is Equal.ROWS and arm is Arm.ANCHORED_THINNED)


BUDGETS: Final[Mapping[str, Design]] = {
    "small": Design(),
    "tiny": Design(sizes=(100, 500), seeds=1, tests=400, most=120),
    "large": Design(
        sizes=(100, 250, 500, 1000, 2000, 5000),
        seeds=3,
        equal=(Equal.PAIRS, Equal.ROWS),
        tests=4000,
        most=1200,
    ),
}


def budget_named(name: str) -> Design:
    """A shipped budget by its name. Raises UnknownNameError."""
    if name not in BUDGETS:
        raise UnknownNameError("budget", name, BUDGETS)
    return BUDGETS[name]


def part_of(cells: tuple[Cell, ...], done: Collection[str], part: str) -> tuple[Cell, ...]:
    """The cells that are left to one of several processes: `2/3` is the second of three.

    Raises ConfigError for a part that is none.
    """
    number, slash, count = part.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal()):
        raise ConfigError(f"a part is named like 1/2, not {part!r}")
    at, of = int(number), int(count)
    if not 1 <= at <= of:
        raise ConfigError(f"there is no part {at} of {of}")
    return tuple(cell for cell in cells[at - 1 :: of] if cell.id not in done)
