"""`miniature:teacher`: a simulated teacher that gets only an ask's words and images.

It answers every kind of ask that the prompts of this library make, through the exact reader with
systematic errors. A simulation: its errors are the committed table in `errors`.
"""

from __future__ import annotations

import json
import re

from attrs import evolve, field, frozen

from parrot.backends.miniature.answering import read_margin, scores_in, spoken, weighed, wishes
from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.comparing import SIDES, Trace, compared
from parrot.backends.miniature.critiquing import critiqued
from parrot.backends.miniature.errors import DEFAULT, LEVELS
from parrot.backends.miniature.hearing import Heard, Kind, heard
from parrot.backends.miniature.human import overall
from parrot.backends.miniature.perception import Eyes, worth
from parrot.backends.miniature.requests import brief_of
from parrot.backends.miniature.sloppiness import garbled, sloppy
from parrot.backends.miniature.telling import Subject
from parrot.backends.miniature.world import Scene
from parrot.core.asks import Ask, Finish, Reply, TokenLogprob, Until, Usage
from parrot.core.critiques import Comparison, Critique
from parrot.core.errors import UnknownNameError
from parrot.core.interfaces import Profile
from parrot.core.keys import key_of
from parrot.core.prompts import checking, fences
from parrot.core.rubric import rubric_for
from parrot.core.stopping import end_of_scores
from parrot.core.values import Label, Request

_CLAIM = re.compile(r"^\d+\. (.*)$", re.MULTILINE)
_TOKEN = re.compile(r"\s*\S+|\s+\Z")
_NO_IMAGE = "I see no image to judge."


@frozen(slots=True)
class Answer:
    """What the teacher says before lengths are looked at, and the truth about it."""

    text: str
    finish: Finish = Finish.END
    trace: Trace = field(factory=Trace)
    logprobs: tuple[TokenLogprob, ...] | None = None


class MiniatureTeacher:
    """The simulated teacher at one level of error: `low`, `medium` or `high`. For one thread."""

    def __init__(self, level: str = DEFAULT) -> None:
        if level not in LEVELS:
            raise UnknownNameError("level of the miniature teacher", level, LEVELS)
        self.level, self.rates = level, LEVELS[level]
        self.eyes = Eyes(level, self.rates)

    @property
    def id(self) -> str:
        return f"miniature:teacher-{self.level}"

    @property
    def profile(self) -> Profile:
        return Profile(logprobs=True, schema=True, images=True, seed=True)

    async def reply(self, ask: Ask, /) -> Reply:
        """What the teacher writes; the same to the same ask. Raises ImageError."""
        return _limited(ask, self._answer(ask))

    def prompt_tokens(self, ask: Ask, /) -> int:
        """Words of the ask, and sixteen an image."""
        return _size(ask)

    async def aclose(self) -> None:
        """Holds nothing."""

    def trace(self, ask: Ask) -> Trace:
        """The truth about the reply that this ask gets; empty where nothing can go astray."""
        answer = self._answer(ask)
        return _honest(answer.trace, _limited(ask, answer).text)

    def _answer(self, ask: Ask) -> Answer:
        said = heard(ask)
        match said.kind:
            case Kind.PREDICTION:
                word, logprobs = spoken(self._margin(said))
                return Answer(word, logprobs=logprobs)
            case Kind.CLAIMS:
                return Answer(self._claims(said))
            case Kind.WISHES:
                return Answer(wishes(said.told(checking.ORIGINAL), said.told(checking.REFINED)))
        return self._judged(ask, said)

    def _judged(self, ask: Ask, said: Heard) -> Answer:
        wanted = 2 if said.kind is Kind.COMPARISON else 1
        if len(said.shown) != wanted:
            return Answer(_NO_IMAGE, trace=Trace(garbled=True))
        chance = Chance("judge", key_of(ask, self.id).hex())
        judge = self._comparison if said.kind is Kind.COMPARISON else self._critique
        value, trace = judge(said, chance)
        text = said.outline.format.write(value, said.outline.rubric)
        if chance.hit(self.rates.garble):
            text, finish = garbled(text, chance)
            return Answer(text, finish, evolve(trace, garbled=True))
        if chance.hit(self.rates.sloppy):
            text = sloppy(text, chance)
        return Answer(text, trace=trace)

    def _comparison(self, said: Heard, chance: Chance) -> tuple[Comparison | Critique, Trace]:
        brief, source = self._brief(said), self._source(said)
        a, b = (
            Subject(f"Image {side.value}", self.eyes.look(image), brief, source)
            for side, image in zip(SIDES, said.shown, strict=True)
        )
        rubric = said.outline.rubric
        return compared((a, b), rubric, said.applicable, said.hint, self.rates, chance)

    def _critique(self, said: Heard, chance: Chance) -> tuple[Comparison | Critique, Trace]:
        brief, source, rubric = self._brief(said), self._source(said), said.outline.rubric
        subject = Subject("the image", self.eyes.look(said.shown[0]), brief, source)
        scores: dict[str, float] | None = None
        if said.side:
            low, high = rubric.scale.low, rubric.scale.high
            scores = scores_in(said.told(fences.RATIONALE), said.side, low, high)
        critique, stray = critiqued(
            subject,
            said.prompt,
            rubric,
            said.applicable,
            self.rates,
            chance,
            said=scores,
            refine=said.outline.refine,
        )
        return critique, Trace(strayed=stray)

    def _brief(self, said: Heard) -> Brief | None:
        return brief_of(said.prompt, is_edit=bool(said.sources))

    def _source(self, said: Heard) -> Scene | None:
        return self.eyes.look(said.sources[0]).scene if said.sources else None

    def _margin(self, said: Heard) -> float:
        evaluation = said.told(fences.RATIONALE)
        if len(said.shown) != 2:
            return read_margin(evaluation)
        request = Request(said.prompt, said.sources)
        applicable = rubric_for(request).applicable(request)
        brief, source = self._brief(said), self._source(said)
        a, b = (overall(worth(brief, self.eyes.look(i), applicable, source)) for i in said.shown)
        shown = dict(zip(SIDES, said.shown, strict=True))

        def confirms(side: Label, claim: str) -> bool | None:
            return self.eyes.confirms(shown[side], claim)  # pyright: ignore[reportArgumentType]

        return weighed(a - b, evaluation, confirms)

    def _claims(self, said: Heard) -> str:
        if len(said.shown) != 1:
            return _NO_IMAGE
        words = {True: "yes", False: "no", None: "unsure"}
        listing = said.told(checking.STATEMENTS)
        return "\n".join(
            f"{number}: {words[self.eyes.confirms(said.shown[0], claim)]}"
            for number, claim in enumerate(_CLAIM.findall(listing), start=1)
        )


def _honest(trace: Trace, text: str) -> Trace:
    """The trace without what did not make it into the text."""

    def there(words: str) -> bool:
        # A claim opens its sentence with a capital letter; JSON escapes the quotes of a letter.
        tail = words[1:]
        return tail in text or json.dumps(tail)[1:-1] in text

    return evolve(
        trace,
        leaked=trace.leaked if trace.leaked and there(trace.leaked) else None,
        strayed=trace.strayed if trace.strayed and there(trace.strayed) else None,
        invented=tuple((side, claim) for side, claim in trace.invented if there(claim)),
    )


def _limited(ask: Ask, answer: Answer) -> Reply:
    """The reply within the ask's limits: its tokens, or its scores."""
    text, finish = answer.text, answer.finish
    if ask.until is Until.SCORES and ask.last_score and finish is Finish.END:
        end = end_of_scores(text, ask.last_score)
        if end is not None:
            text, finish = text[:end], Finish.SCORES
    tokens = _TOKEN.findall(text)
    if len(tokens) > ask.sampling.max_tokens:
        tokens = tokens[: ask.sampling.max_tokens]
        text, finish = "".join(tokens), Finish.LENGTH
    logprobs = answer.logprobs
    if ask.sampling.top_logprobs is None:
        logprobs = None
    elif logprobs is None:
        logprobs = tuple(TokenLogprob(t, -0.01, ((t, -0.01),)) for t in tokens)
    else:
        top = ask.sampling.top_logprobs
        logprobs = tuple(evolve(one, top=one.top[:top]) for one in logprobs)
    return Reply(text, finish, Usage(_size(ask), 0, len(tokens)), logprobs)


def _size(ask: Ask) -> int:
    words = sum(p.count(" ") + 1 for t in ask.turns for p in t.parts if isinstance(p, str))
    return words + 16 * len(ask.images)


def open_model(target: str) -> MiniatureTeacher:
    """`teacher` (medium), `teacher-low`, `teacher-medium` or `teacher-high`."""
    name, dash, level = target.partition("-")
    if name != "teacher" or (dash and level not in LEVELS):
        known = ("teacher", *(f"teacher-{v}" for v in LEVELS))
        raise UnknownNameError("miniature model", target, known)
    return MiniatureTeacher(level or DEFAULT)
