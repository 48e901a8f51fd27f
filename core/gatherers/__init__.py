"""Gatherers: what must be asked about a candidate, and what the replies say. Only the engine asks."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from parrot.core.candidates import Candidate, Gatherer
from parrot.core.evidence import Strength
from parrot.core.gatherers.claims import CheckClaims, Claim, claims_of
from parrot.core.gatherers.masking import masked, masked_text
from parrot.core.gatherers.predictions import PREDICTING, CompareForeign, PredictLabel
from parrot.core.gatherers.wishes import CheckWishes, compared_wishes


def gatherers(*, logprobs: bool = False) -> dict[str, Gatherer[Candidate, Any]]:
    """The shipped gatherers by the evidence they bring; `logprobs` asks for probabilities too."""
    predicting = evolve(PREDICTING, top_logprobs=5 if logprobs else None)
    made: tuple[Gatherer[Candidate, Any], ...] = (
        *(PredictLabel(strength, predicting) for strength in Strength),
        CompareForeign(sampling=predicting),
        CheckClaims(),
        CheckWishes(),
    )
    return {gatherer.name: gatherer for gatherer in made}


__all__ = [
    "CheckClaims",
    "CheckWishes",
    "Claim",
    "CompareForeign",
    "PredictLabel",
    "claims_of",
    "compared_wishes",
    "gatherers",
    "masked",
    "masked_text",
]
