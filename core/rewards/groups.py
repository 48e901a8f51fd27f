"""Groups of drawings, and which of them have something to teach."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

from attrs import field, frozen, validators

from parrot.core.asks import Failed, FailureKind
from parrot.core.candidates import Drop, Keep, Undecided, Verdict
from parrot.core.judgements import request_key
from parrot.core.rewards.advantages import deviation
from parrot.core.rewards.values import Drawing, Outcome, Reward


def group_key(drawing: Drawing) -> str:
    """Equal for drawings of one prompt and one set of sources; the prompt alone is not enough.

    The official code keys groups by prompt, so one instruction on two pictures is one group there.
    """
    return request_key(drawing.request)


@frozen(slots=True)
class GroupFilter:
    """Keeps a group whose totals vary and are not all good already (paper T11; UniWorld-V2).

    min_deviation: a group must exceed it (population deviation of its totals). max_mean: its mean
    must stay below. Both hold as in Edit-R1's training mask. Unscored members are left out; a group
    of fewer than two scored members is Undecided.
    """

    min_deviation: float = field(default=0.05, validator=validators.ge(0.0))
    max_mean: float = field(default=0.9, validator=validators.ge(0.0))

    def __call__(self, group: Sequence[Outcome], /) -> Verdict:
        totals = [one.total for one in group if isinstance(one, Reward)]
        if len(totals) < 2:
            said = f"{len(totals)} of {len(group)} members have a reward"
            return Undecided(Failed(FailureKind.UNREADABLE, said))
        spread, middle = deviation(totals), math.fsum(totals) / len(totals)
        if not spread > self.min_deviation:
            return Drop("level", f"deviation {spread:.4f}")
        if not middle < self.max_mean:
            return Drop("already-good", f"mean {middle:.4f}")
        return Keep()


def judged_groups(
    outcomes: Sequence[Outcome], groups: Sequence[Hashable], keeps: GroupFilter
) -> Mapping[Hashable, Verdict]:
    """The verdict on each group by its key, in order of first appearance."""
    members: dict[Hashable, list[Outcome]] = {}
    for one, key in zip(outcomes, groups, strict=True):
        members.setdefault(key, []).append(one)
    return {key: keeps(group) for key, group in members.items()}
