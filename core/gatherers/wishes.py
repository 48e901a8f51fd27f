"""Does a refined request keep every wish of the original? Asked of a model, or compared in part."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from parrot.core.asks import Ask, Failed, FailureKind, Reply, Sampling, whole
from parrot.core.candidates import Candidate
from parrot.core.critiques import Critique
from parrot.core.evidence import Wishes
from parrot.core.prompts.checking import check_wishes, read_wishes

_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)'([^']+)'(?!\w)|‘([^’]+)’")
_NEGATION = re.compile(
    r"\b(?:no|not|without|never|don't|do\s+not|nothing|none|except|avoid)\s+(\w+(?:\s+\w+)?)",
    re.IGNORECASE,
)
_WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_NUMBER = re.compile(rf"\b(\d+|{'|'.join(_WORDS)})\b", re.IGNORECASE)


def _numbers(text: str) -> dict[str, str]:
    return {
        (str(_WORDS.index(n.lower()) + 1) if n.lower() in _WORDS else n): n
        for n in _NUMBER.findall(text)
    }


def compared_wishes(original: str, refined: str) -> Wishes:
    """Quoted texts, numbers and negations of the original, kept or lost; partial by its nature."""
    kept: list[str] = []
    lost: list[str] = []
    folded = refined.casefold()
    for groups in _QUOTED.findall(original):
        text = next(g for g in groups if g)
        (kept if text.casefold() in folded else lost).append(f'the text "{text}"')
    there = _numbers(refined)
    for number, word in _numbers(original).items():
        (kept if number in there else lost).append(f"the number {word}")
    denied = {_last_word(n) for n in _NEGATION.findall(refined)}
    for negated in _NEGATION.findall(original):
        (kept if _last_word(negated) in denied else lost).append(f"no {negated}")
    return Wishes(tuple(kept), tuple(lost), partial=True)


def _last_word(text: str) -> str:
    return text.casefold().split()[-1]


ASKING = Sampling(temperature=0.0, max_tokens=768)


@frozen(slots=True)
class CheckWishes:
    """Evidence for `KeepsWishes`. ask_model=False compares without a model and says `partial`."""

    ask_model: bool = True
    name: str = "wishes"
    sampling: Sampling = ASKING

    def asks(self, candidate: Candidate, /) -> Sequence[Ask]:
        refined = _refined(candidate)
        if not (self.ask_model and refined):
            return ()
        return (check_wishes(candidate.pair.request.prompt, refined, sampling=self.sampling),)

    def read(self, candidate: Candidate, replies: Sequence[Reply | Failed], /) -> Wishes | Failed:
        original, refined = candidate.pair.request.prompt, _refined(candidate)
        if not replies:
            return compared_wishes(original, refined)
        (answer,) = replies
        reply = whole(answer)
        if isinstance(reply, Failed):
            return reply
        wishes = read_wishes(reply.text)
        if wishes is None:
            return Failed(FailureKind.UNREADABLE, f"no wishes in {reply.text[:80]!r}")
        kept = tuple(w for w, stays in wishes if stays)
        return Wishes(kept, tuple(w for w, stays in wishes if not stays), partial=False)


def _refined(candidate: Candidate) -> str:
    body = candidate.rationale.body
    return body.refinement.request if isinstance(body, Critique) and body.refinement else ""
