"""Generate, critique, refine: pure policies over a history of drafts, and the loop that runs them."""

from parrot.core.refine.drafts import (
    Decision,
    Draft,
    Draw,
    Fault,
    History,
    Rewrite,
    Spent,
    Stop,
    Trace,
    Try,
    Why,
)
from parrot.core.refine.drawing import Look, drawn
from parrot.core.refine.gates import Gate, gate_of
from parrot.core.refine.policies import (
    POLICIES,
    Bounded,
    KeepBest,
    Paper,
    RefinePolicy,
    best_of,
    policy_named,
)
from parrot.core.refine.rewriting import checked, rewrite_of
from parrot.core.refine.runner import Keep, Refining, refine, refine_all

__all__ = [
    "POLICIES",
    "Bounded",
    "Decision",
    "Draft",
    "Draw",
    "Fault",
    "Gate",
    "History",
    "Keep",
    "KeepBest",
    "Look",
    "Paper",
    "RefinePolicy",
    "Refining",
    "Rewrite",
    "Spent",
    "Stop",
    "Trace",
    "Try",
    "Why",
    "best_of",
    "checked",
    "drawn",
    "gate_of",
    "policy_named",
    "refine",
    "refine_all",
    "rewrite_of",
]
