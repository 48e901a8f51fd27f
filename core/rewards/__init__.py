"""Rewards: one value a dimension from one critique, their total, and advantages in a group."""

from parrot.core.rewards.advantages import (
    FLOW_FACTORY,
    FLOW_GRPO,
    MS_SWIFT,
    TRL,
    VERL,
    Advantages,
    Deviation,
    Over,
    clipped,
    deviation,
    gdpo,
    grpo,
    optimality,
    ranked,
)
from parrot.core.rewards.aggregates import (
    AGGREGATES,
    Aggregate,
    Lexicographic,
    Weighted,
    aggregate_named,
    geometric,
    mean,
    worst,
)
from parrot.core.rewards.calling import REWARD, Called, Said
from parrot.core.rewards.groups import GroupFilter, group_key, judged_groups
from parrot.core.rewards.imputing import NOT_APPLICABLE, TOTAL, Imputed, Running, impute
from parrot.core.rewards.reading import averaged, reward_of
from parrot.core.rewards.tally import Tally
from parrot.core.rewards.values import Drawing, Outcome, Reward, Unscored
from parrot.core.rewards.win_rates import Meeting, Result, meetings, result_of, win_rates

__all__ = [
    "AGGREGATES",
    "FLOW_FACTORY",
    "FLOW_GRPO",
    "MS_SWIFT",
    "NOT_APPLICABLE",
    "REWARD",
    "TOTAL",
    "TRL",
    "VERL",
    "Advantages",
    "Aggregate",
    "Called",
    "Deviation",
    "Drawing",
    "GroupFilter",
    "Imputed",
    "Lexicographic",
    "Meeting",
    "Outcome",
    "Over",
    "Result",
    "Reward",
    "Running",
    "Said",
    "Tally",
    "Unscored",
    "Weighted",
    "aggregate_named",
    "averaged",
    "clipped",
    "deviation",
    "gdpo",
    "geometric",
    "group_key",
    "grpo",
    "impute",
    "judged_groups",
    "mean",
    "meetings",
    "optimality",
    "ranked",
    "result_of",
    "reward_of",
    "win_rates",
    "worst",
]
