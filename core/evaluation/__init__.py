"""Agreement with human labels under named protocols: pure values, rules and seeded statistics."""

from __future__ import annotations

from parrot.core.evaluation.bootstrap import bootstrap_interval
from parrot.core.evaluation.choosing import (
    ChoiceOrLack,
    Lack,
    ReaderRule,
    choice_of,
    genai_bench_choice,
)
from parrot.core.evaluation.position import PositionBias, position_bias
from parrot.core.evaluation.protocols import (
    EVALUATION_PROTOCOLS,
    Cost,
    EvaluationProtocol,
    Unit,
    evaluation_protocol,
)
from parrot.core.evaluation.reliability import (
    Claim,
    Reliability,
    fit_slope,
    gap_claims,
    reliability,
    reliability_to_dict,
    vote_claims,
)
from parrot.core.evaluation.report import REPORT_SCHEMA, Report, report_to_dict
from parrot.core.evaluation.scoring import evaluate
from parrot.core.evaluation.thresholds import Threshold, fit_threshold
from parrot.core.evaluation.voting import Vote, vote_of, voted

__all__ = [
    "EVALUATION_PROTOCOLS",
    "REPORT_SCHEMA",
    "ChoiceOrLack",
    "Claim",
    "Cost",
    "EvaluationProtocol",
    "Lack",
    "PositionBias",
    "ReaderRule",
    "Reliability",
    "Report",
    "Threshold",
    "Unit",
    "Vote",
    "bootstrap_interval",
    "choice_of",
    "evaluate",
    "evaluation_protocol",
    "fit_slope",
    "fit_threshold",
    "gap_claims",
    "genai_bench_choice",
    "position_bias",
    "reliability",
    "reliability_to_dict",
    "report_to_dict",
    "vote_claims",
    "vote_of",
    "voted",
]
