"""`miniature:teacher`: a simulated teacher that gets only an ask's words and images.

It answers every kind of ask that the prompts of this library make, through the exact reader with
systematic errors. A simulation: its errors are the committed table in `errors`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial

from attrs import field, frozen

from parrot.backends.miniature.briefs import Brief
from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.comparing import Trace, claims_about, compared
from parrot.backends.miniature.errors import DEFAULT, LEVELS
from parrot.backends.miniature.human import TIE_BAND
from parrot.backends.miniature.perception import Eyes, balance, worth
from parrot.backends.miniature.phrases import Says, holds, understood
from parrot.backends.miniature.requests import brief_of, phrase, things_in
from parrot.backends.miniature.world import Scene
from parrot.core.asks import Ask, Finish, Reply, TokenLogprob, Usage
from parrot.core.critiques import NA, Comparison, Critique, Finding, Refinement
from parrot.core.errors import UnknownNameError
from parrot.core.formats import JSON, MARKUP, Form
from parrot.core.interfaces import Profile
from parrot.core.keys import key_of
from parrot.core.prompts import checking, fences, judging
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE, Rubric
from parrot.core.values import Image, Label, Request

_HINT = re.compile(re.escape(judging.HINT) + r"(A|B|Tie)")
_CLAIM = re.compile(r"^\d+\. (.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"[^.\n]+")


@frozen(slots=True)
class Heard:
    """An ask taken apart: its words, the request, and the images by the name before each."""

    text: str
    prompt: str
    images: dict[str, Image] = field(hash=False)

    @property
    def sources(self) -> tuple[Image, ...]:
        return tuple(i for name, i in self.images.items() if name.startswith("Source"))


def heard(ask: Ask) -> Heard:
    """Words and images of an ask; what follows a name's line is that name's image."""
    words: list[str] = []
    images: dict[str, Image] = {}
    for turn in ask.turns:
        for part in turn.parts:
            if isinstance(part, Image):
                name = words[-1].strip().rstrip(":") if words else f"image {len(images)}"
                images[name] = part
            else:
                words.append(part)
    text = "\n".join(words)
    request = next((r for w in words if (r := fences.unfenced(fences.REQUEST, w)) is not None), "")
    return Heard(text, request, images)


class MiniatureTeacher:
    """The simulated teacher at one level of error: `low`, `medium` or `high`."""

    def __init__(self, level: str = DEFAULT) -> None:
        if level not in LEVELS:
            raise UnknownNameError("level of the miniature teacher", level, LEVELS)
        self.level, self.rates = level, LEVELS[level]
        self._eyes = Eyes(level, self.rates)

    @property
    def id(self) -> str:
        return f"miniature:teacher-{self.level}"

    @property
    def profile(self) -> Profile:
        return Profile(logprobs=True, schema=True, images=True, seed=True)

    async def reply(self, ask: Ask, /) -> Reply:
        """What the teacher writes; the same to the same ask."""
        text, logprobs = self._answer(ask)
        if ask.sampling.top_logprobs is None:
            logprobs = None
        words = text.split(" ")
        cut = len(words) > ask.sampling.max_tokens
        if cut:
            text = " ".join(words[: ask.sampling.max_tokens])
        finish = Finish.LENGTH if cut else Finish.END
        usage = Usage(_tokens(ask), 0, min(len(words), ask.sampling.max_tokens))
        return Reply(text, finish, usage, logprobs)

    async def aclose(self) -> None:
        """Holds nothing."""

    def trace(self, ask: Ask) -> Trace:
        """The truth about the comparison that this ask gets; empty for other kinds of ask."""
        said = heard(ask)
        return (
            self._compare(ask, said)[1] if "Image B" in said.images and _judges(said) else Trace()
        )

    def _answer(self, ask: Ask) -> tuple[str, tuple[TokenLogprob, ...] | None]:
        said = heard(ask)
        if checking.ONE_WORD in said.text:
            return self._predict(said)
        answer: Callable[[], str] = partial(self._judge, ask, said)
        if checking.STATEMENTS in said.text:
            answer = partial(self._claims, said)
        elif checking.REFINED in said.text:
            answer = partial(_wishes, said)
        return answer(), None

    def _judge(self, ask: Ask, said: Heard) -> str:
        if "Image B" not in said.images:
            return self._critique(ask, said)
        comparison, trace = self._compare(ask, said)
        written = (JSON if ask.schema else MARKUP).write(comparison, _rubric(said))
        if trace.garbled:
            head, _, tail = written.rpartition("4" if ask.schema else "## Score B:")
            return (
                head + tail if ask.schema else head + "## Winner:" + tail.partition("## Winner:")[2]
            )
        return written

    def _scene(self, said: Heard) -> Scene | None:
        sources = said.sources
        return self._eyes.look(sources[0]).scene if sources else None

    def _brief(self, said: Heard) -> Brief | None:
        return brief_of(said.prompt, is_edit=bool(said.sources))

    def _compare(self, ask: Ask, said: Heard) -> tuple[Comparison, Trace]:
        hint = _HINT.search(said.text)
        label = None if hint is None else Label(hint[1].upper())
        rubric = _rubric(said)
        drawings = (
            self._eyes.look(said.images["Image A"]),
            self._eyes.look(said.images["Image B"]),
        )
        chance = Chance("compare", key_of(ask, self.id).hex())
        return compared(
            drawings,
            self._brief(said),
            self._scene(said),
            rubric,
            _applicable(rubric, said),
            label,
            self.rates,
            chance,
        )

    def _critique(self, ask: Ask, said: Heard) -> str:
        rubric = _rubric(said)
        applicable = _applicable(rubric, said)
        image = next((i for n, i in said.images.items() if not n.startswith("Source")), None)
        if image is None:
            return "I see no image."
        chance = Chance("critique", key_of(ask, self.id).hex())
        drawing, brief, source = self._eyes.look(image), self._brief(said), self._scene(said)
        values = worth(brief, drawing, applicable, source)
        keys = tuple(k for k in rubric.keys if k in applicable)
        claims = claims_about("The image", brief, drawing, source, keys)
        told = chance.hit(self.rates.contaminate)
        findings = []
        for key in rubric.keys:
            if key not in applicable:
                findings.append(Finding(key, "The request asks for none.", NA))
                continue
            words = ". ".join(claims[key]) + "."
            if told and key == keys[0]:
                words += " The other image does this differently."
            raw = 1.0 + 3.0 * values[key] + chance.gauss(self.rates.noise)
            findings.append(Finding(key, words, round(min(4.0, max(1.0, raw)), 1)))
        wish = said.prompt
        things = things_in(wish)
        if len(things) > 1 and chance.hit(self.rates.lose):
            wish = wish.replace(phrase(things[-1]), "something", 1)
        refined = Refinement(
            "Say plainly that every object must be whole.", f"{wish}, with every object whole"
        )
        critique = Critique(tuple(findings), "The request names what should be seen.", "", refined)
        return (JSON if ask.schema else MARKUP).write(critique, rubric)

    def _predict(self, said: Heard) -> tuple[str, tuple[TokenLogprob, ...]]:
        evaluation = fences.unfenced(fences.RATIONALE, said.text) or ""
        margin = _read_margin(evaluation)
        if "Image B" in said.images:
            applicable = _applicable(_rubric(said), said)
            brief, source = self._brief(said), self._scene(said)
            seen = [
                worth(brief, self._eyes.look(said.images[n]), applicable, source)
                for n in ("Image A", "Image B")
            ]
            margin = 0.7 * balance(*seen) + 0.3 * margin
        return _spoken(margin)

    def _claims(self, said: Heard) -> str:
        image = next((i for n, i in said.images.items() if not n.startswith("Source")), None)
        listing = fences.unfenced(checking.STATEMENTS, said.text) or ""
        if image is None:
            return "I see no image."
        drawing = self._eyes.look(image)
        words = {True: "yes", False: "no", None: "unsure"}
        return "\n".join(
            f"{number}: {words[holds(claim, drawing)]}"
            for number, claim in enumerate(_CLAIM.findall(listing), start=1)
        )


def _judges(said: Heard) -> bool:
    return checking.ONE_WORD not in said.text


def _rubric(said: Heard) -> Rubric:
    return IMAGE_EDIT if "Image Faithfulness" in said.text else TEXT_TO_IMAGE


def _applicable(rubric: Rubric, said: Heard) -> frozenset[str]:
    return rubric.applicable(Request(said.prompt, said.sources))


def _tokens(ask: Ask) -> int:
    words = sum(p.count(" ") + 1 for t in ask.turns for p in t.parts if isinstance(p, str))
    return words + 16 * len(ask.images)


def _wishes(said: Heard) -> str:
    original = fences.unfenced(checking.ORIGINAL, said.text) or ""
    refined = things_in(fences.unfenced(checking.REFINED, said.text) or "")
    lines = []
    for want in things_in(original):
        kept = want in refined
        lines.append(f"{'kept' if kept else 'lost'}: {phrase(want)}")
    return "\n".join(lines) or "kept: the request as a whole"


def _read_margin(evaluation: str) -> float:
    """How far an evaluation favours A, by its scores or, where it shows none, by its claims."""
    read = MARKUP.read(evaluation, IMAGE_EDIT, Form.PAIRWISE).value
    gaps = [
        f.score_a - f.score_b
        for f in read.findings
        if isinstance(f.score_a, float) and isinstance(f.score_b, float)
    ]
    if gaps:
        return sum(gaps) / len(gaps) / 3.0
    faults = {"A": 0, "B": 0}
    for sentence in _SENTENCE.findall(evaluation):
        said = understood(sentence)
        named = re.search(r"\bImage ([AB])\b", sentence)
        if said and named and said.says in (Says.LACKS, Says.FLAW):
            faults[named[1]] += 1
    return 0.15 * (faults["B"] - faults["A"])


def _spoken(margin: float) -> tuple[str, tuple[TokenLogprob, ...]]:
    weights = {"A": margin, "B": -margin, "Tie": TIE_BAND - abs(margin) / 2}
    total = math.log(sum(math.exp(8 * w) for w in weights.values()))
    odds = {word: 8 * w - total for word, w in weights.items()}
    best = max(odds, key=lambda word: odds[word])
    return best, (TokenLogprob(best, odds[best], tuple(odds.items())),)


def open_model(target: str) -> MiniatureTeacher:
    """`teacher` (medium), `teacher-low`, `teacher-medium` or `teacher-high`."""
    name, _, level = target.partition("-")
    if name != "teacher":
        raise UnknownNameError(
            "miniature model", target, ("teacher", *(f"teacher-{v}" for v in LEVELS))
        )
    return MiniatureTeacher(level or DEFAULT)
