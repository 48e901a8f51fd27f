"""Predicting the label again without the hint: from words, from masked words, with the images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

from attrs import evolve, field, frozen

from parrot.core.asks import Ask, Failed, FailureKind, Reply, Sampling, TokenLogprob, whole
from parrot.core.candidates import Candidate
from parrot.core.critiques import Comparison
from parrot.core.errors import Unwritable
from parrot.core.evidence import Prediction, Specificity, Strength
from parrot.core.formats import MARKUP
from parrot.core.gatherers.masking import masked, masked_text
from parrot.core.prompts.checking import predict, predict_sighted, read_prediction
from parrot.core.values import Label

PREDICTING = Sampling(temperature=0.0, max_tokens=64)
_THOUGHT = "</think>"
_TOKENS = {"a": Label.A, "b": Label.B, "tie": Label.TIE, "t": Label.TIE, "ti": Label.TIE}


def wording_of(candidate: Candidate, *, hide: bool = False) -> str:
    """The rationale's words as evidence prompts show them; `hide` masks scores and winners."""
    body, raw = candidate.rationale.body, candidate.rationale.provenance.raw
    if isinstance(body, Comparison) and body.findings:
        if hide:
            return masked(body, candidate.rubric)
        with suppress(Unwritable):  # read in another format, whose headings markup cannot tell
            return MARKUP.write(body, candidate.rubric)
    return masked_text(raw) if hide else raw


def label_odds(reply: Reply, label: Label) -> dict[Label, float] | None:
    """P(A), P(B), P(TIE) where the reply begins to name the label that it was read as, normalised.

    What a model thinks before its answer does not count. None where no token begins that label.
    """
    for token in _answered(reply.logprobs or ()):
        if _begun(token.token) is not label:  # an article is no A, "it's" no answer yet
            continue
        odds = dict.fromkeys(Label, 0.0)
        for text, logprob in dict((*token.top, (token.token, token.logprob))).items():
            begun = _begun(text)
            if begun is not None:
                odds[begun] += math.exp(logprob)
        total = sum(odds.values())
        return {k: v / total for k, v in odds.items()} if total > 0 else None
    return None


def _answered(tokens: Sequence[TokenLogprob]) -> Sequence[TokenLogprob]:
    text, start = "", 0
    for n, token in enumerate(tokens, start=1):
        text = text[-len(_THOUGHT) :] + token.token
        if _THOUGHT in text:
            text, start = "", n
    return tokens[start:]


def _begun(text: str) -> Label | None:
    return _TOKENS.get(text.strip(" *_`\"'\n.:").casefold())


def _one(answer: Reply | Failed) -> Prediction | Failed:
    reply = whole(answer)
    if isinstance(reply, Failed):
        return reply
    label = read_prediction(reply.text)
    if label is None:
        return Failed(FailureKind.UNREADABLE, f"no label in {reply.text[:80]!r}")
    return Prediction(label, label_odds(reply, label))


def read_predictions(replies: Sequence[Reply | Failed]) -> Prediction | Failed:
    """One prediction from the replies in both orders: the first as asked, the second mirrored."""
    read = [_one(reply) for reply in replies]
    for one in read:
        if isinstance(one, Failed):
            return one
    first, *rest = [p for p in read if isinstance(p, Prediction)]
    turned = (first, *(p.mirrored() for p in rest))
    odds = [p.probabilities for p in turned if p.probabilities is not None]
    if len(odds) == len(turned):
        mean = {k: sum(o[k] for o in odds) / len(odds) for k in Label}
        return Prediction(max(Label, key=lambda k: mean[k]), mean)
    agreed = {p.label for p in turned}
    return Prediction(first.label if len(agreed) == 1 else None)


@frozen(slots=True)
class PredictLabel:
    """Evidence for `Predictive`: one ask, or one in each order where the images are shown."""

    strength: Strength = Strength.TEXT
    sampling: Sampling = PREDICTING

    @property
    def name(self) -> str:
        return self.strength.value

    def asks(self, candidate: Candidate, /) -> Sequence[Ask]:
        if self.strength is Strength.SIGHTED:
            return tuple(
                predict_sighted(c.pair, wording_of(c), sampling=self.sampling)
                for c in (candidate, candidate.mirrored())
            )
        hide = self.strength is Strength.MASKED
        text = wording_of(candidate, hide=hide)
        return (predict(candidate.pair.request, text, sampling=self.sampling),)

    def read(
        self, candidate: Candidate, replies: Sequence[Reply | Failed], /
    ) -> Prediction | Failed:
        return read_predictions(replies)


@frozen(slots=True)
class CompareForeign:
    """Evidence for `Specific`: the label predicted with this and with another pair's rationale.

    The other one is the candidate's evidence "foreign", a Candidate, put there by the pipeline.
    """

    name: str = "specific"
    sampling: Sampling = field(default=evolve(PREDICTING, top_logprobs=5))

    def asks(self, candidate: Candidate, /) -> Sequence[Ask]:
        foreign = candidate.evidence.get("foreign")
        if not isinstance(foreign, Candidate):
            return ()
        return tuple(
            predict_sighted(one.pair, wording_of(other), sampling=self.sampling)
            for one, other in (
                (candidate, candidate),
                (candidate.mirrored(), candidate.mirrored()),
                (candidate, foreign),
                (candidate.mirrored(), foreign.mirrored()),
            )
        )

    def read(
        self, candidate: Candidate, replies: Sequence[Reply | Failed], /
    ) -> Specificity | Failed:
        if len(replies) != 4:
            return Failed(FailureKind.NOT_ASKED, "no other pair's rationale to compare with", 0)
        own, foreign = read_predictions(replies[:2]), read_predictions(replies[2:])
        if isinstance(own, Failed):
            return own
        return foreign if isinstance(foreign, Failed) else Specificity(own, foreign)
