"""Taking a comparison's claims apart by image, and asking each again of that image alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import frozen

from parrot.core.asks import Ask, Failed, FailureKind, Reply, Sampling, whole
from parrot.core.candidates import Candidate
from parrot.core.critiques import Comparison
from parrot.core.evidence import ClaimAnswer, ClaimAnswers, Holds
from parrot.core.naming import called, named
from parrot.core.prompts.checking import check_claims, read_claims
from parrot.core.values import Label

CHECKING = Sampling(temperature=0.0, max_tokens=512)

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|;\s+")
_LINK = re.compile(r",?\s+(?:while|whereas|but|although|though|however,?)\s+", re.IGNORECASE)
_BOTH = re.compile(
    r"\b(?:both|neither|each)\b(?:\s+(?:of\s+the\s+)?(?:images|pictures|candidates))?",
    re.IGNORECASE,
)


@frozen(slots=True)
class Claim:
    """A clause about one image."""

    side: Label
    dimension: str
    text: str


def claims_of(comparison: Comparison) -> tuple[Claim, ...]:
    """Each clause of the justifications, with the image it names.

    A clause without a name goes on about the last image named in its justification; one that
    speaks of both is a claim about each. What names no image at all is no claim.
    """
    return tuple(
        claim
        for finding in comparison.findings
        for claim in _claims(finding.dimension, finding.justification)
    )


def _claims(dimension: str, text: str) -> Iterator[Claim]:
    last: tuple[Label, ...] = ()
    for sentence in _SENTENCE.split(text):
        for clause in _clauses(sentence):
            names = named(clause)
            if not names and _BOTH.search(clause):
                names = (Label.A, Label.B)
            last = names or last
            stripped = clause.strip(" \t,.;")
            if stripped:
                for side in last:
                    yield Claim(side, dimension, stripped)


def _clauses(sentence: str) -> Iterator[str]:
    """A sentence, taken apart where what follows a "while" or "but" names an image of its own."""
    start = 0
    for link in _LINK.finditer(sentence):
        said = sentence[link.end() :].partition(",")[0]
        if named(said):
            yield sentence[start : link.start()]
            start = link.end()
    yield sentence[start:]


@frozen(slots=True)
class CheckClaims:
    """Evidence for `Grounded`: one ask an image, with every claim about it."""

    name: str = "grounded"
    sampling: Sampling = CHECKING

    def asks(self, candidate: Candidate, /) -> Sequence[Ask]:
        return tuple(self._ask(candidate, side, claims) for side, claims in _by_side(candidate))

    def _ask(self, candidate: Candidate, side: Label, claims: tuple[Claim, ...]) -> Ask:
        pair = candidate.pair
        image = pair.image_a if side is Label.A else pair.image_b
        texts = tuple(_about_it(c) for c in claims)
        return check_claims(pair.request, image, texts, sampling=self.sampling)

    def read(
        self, candidate: Candidate, replies: Sequence[Reply | Failed], /
    ) -> ClaimAnswers | Failed:
        answers: list[ClaimAnswer] = []
        for (side, claims), reply in zip(_by_side(candidate), map(whole, replies), strict=True):
            if isinstance(reply, Failed):
                return reply
            said = read_claims(reply.text, len(claims))
            if said is None:
                return Failed(FailureKind.UNREADABLE, f"claims unanswered in {reply.text[:80]!r}")
            answers += [
                ClaimAnswer(side, c.dimension, c.text, Holds(word))
                for c, word in zip(claims, said, strict=True)
            ]
        return ClaimAnswers(tuple(answers))


def _by_side(candidate: Candidate) -> Iterator[tuple[Label, tuple[Claim, ...]]]:
    body = candidate.rationale.body
    claims = claims_of(body) if isinstance(body, Comparison) else ()
    for side in (Label.A, Label.B):
        own = tuple(c for c in claims if c.side is side)
        if own:
            yield side, own


def _about_it(claim: Claim) -> str:
    # "Image A shows" becomes "this image shows"; a mention of the other image stays as it is, and
    # the model is told to say unsure where this image alone cannot tell.
    return called(claim.text, claim.side, "this image")
