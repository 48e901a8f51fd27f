"""What a policy that writes is rewarded for: a critique that holds, or a request that draws well.

How trainers call it is in `trl`, `ms_swift` and `verl`. Nothing here knows a trainer.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from parrot.adapters.trainers.batches import Batch, Numbers
from parrot.adapters.trainers.pictures import sources_of
from parrot.core.asks import Failed, FailureKind
from parrot.core.critiques import Comparison, Critique
from parrot.core.engine import BackgroundLoop
from parrot.core.engine.retry import kind_of
from parrot.core.errors import ConfigError, ImageError, ModelError
from parrot.core.formats import MARKUP, Form, ReplyFormat
from parrot.core.interfaces import Generator
from parrot.core.rewards.values import Drawing
from parrot.core.rubric import Rubric, rubric_for
from parrot.core.values import Image, Label, Request

FORMED: Final = 0.1
"""For a critique that reads well and says the wrong thing: better than none, far from right."""

_REFINED: Final = re.compile("refined request:", re.IGNORECASE)


@frozen(slots=True)
class CriticReward:
    """The worth of a written critique, in [0, 1]: 0 unreadable, `formed` wrong, 1 right.

    A comparison is right where its scores have the sign of the label, half right where they tie and
    the label does not. A critique of one image is as right as its scores are near those given. An
    unreadable one is the policy's own doing, so it is a number and no failure.
    """

    rubric: Rubric | None = None
    format: ReplyFormat = MARKUP
    formed: float = FORMED

    def of_comparison(self, text: str, request: Request, label: Label) -> float:
        """A comparison of two images against the human's label."""
        rubric = self.rubric or rubric_for(request)
        read = self.format.read(text, rubric, Form.PAIRWISE)
        margin = read.value.margin(rubric.applicable(request))
        if margin is None or read.problems or not _justified(read.value):
            return 0.0
        said = 0 if abs(margin) < 1e-9 else int(math.copysign(1, margin))
        wanted = {Label.A: 1, Label.B: -1, Label.TIE: 0}[label]
        right = 1.0 if said == wanted else 0.5 if said == 0 else 0.0
        return self.formed + (1.0 - self.formed) * right

    def of_critique(self, text: str, request: Request, scores: Mapping[str, float]) -> float:
        """A critique of one image against scores on the rubric's scale; those that apply count."""
        rubric = self.rubric or rubric_for(request)
        read = self.format.read(text, rubric, Form.POINTWISE)
        applicable = rubric.applicable(request)
        found = {k: s for k, s in read.value.scores.items() if isinstance(s, float | int)}
        if read.problems or not applicable <= set(found) or not _justified(read.value):
            return 0.0
        known = [key for key in applicable if scores.get(key) is not None]
        if not known:
            raise ConfigError("none of the given scores is of a dimension that applies")
        if not all(isinstance(scores[key], float | int) for key in known):
            raise ConfigError(f"scores are numbers by dimension, not {dict(scores)!r}")
        unit = rubric.scale.unit
        gaps = [min(1.0, abs(unit(found[key]) - unit(scores[key]))) for key in known]
        return self.formed + (1.0 - self.formed) * (1.0 - math.fsum(gaps) / len(gaps))


def _justified(said: Comparison | Critique) -> bool:
    return all(one.justification.strip() for one in said.findings)


def refined_request(completion: str) -> str:
    """The request that a completion holds: what follows its last `Refined Request:`, else all."""
    *_, text = _REFINED.split(completion)
    return text.strip().strip("*#").strip()


@define(slots=True, eq=False)
class RefinerReward:
    """The worth of a rewritten request: a generator draws it, the critic scores the drawing.

    The critic sees the original request, not the rewritten one: else asking for less would pay. All
    completions are drawn from one seed, so that only their words differ. One drawing, and one
    critique, serve all functions that ask for its dimensions.
    """

    numbers: Numbers
    generator: Generator
    seed: int = 0
    kept: int = 256  # drawings remembered
    _home: BackgroundLoop = field(factory=lambda: BackgroundLoop("parrot-drawing"), init=False)
    _drawn: OrderedDict[Request, Image] = field(factory=OrderedDict, init=False)

    def batch(self, completions: Sequence[str], requests: Sequence[Request]) -> Batch:
        """The drawings of the rewritten requests, scored against the original ones."""
        asked = [
            Request(refined_request(text), request.sources)
            for text, request in zip(completions, requests, strict=True)
        ]
        images = self._home.run(self._draw_all(asked))
        given = [
            (request, image if isinstance(image, Failed) else Drawing(request, image))
            for request, image in zip(requests, images, strict=True)
        ]
        return self.numbers.scored(given)

    async def _draw_all(self, requests: Sequence[Request]) -> list[Image | Failed]:
        fresh = [one for one in dict.fromkeys(requests) if one not in self._drawn]
        drawn = await asyncio.gather(*(self._draw(one) for one in fresh))
        found = dict(zip(fresh, drawn, strict=True)) | {
            one: self._drawn[one] for one in requests if one in self._drawn
        }
        for one, image in found.items():
            if isinstance(image, Image):
                self._drawn[one] = image
                self._drawn.move_to_end(one)
        while len(self._drawn) > self.kept:
            self._drawn.popitem(last=False)
        return [found[one] for one in requests]

    async def _draw(self, request: Request) -> Image | Failed:
        if not request.prompt:
            return Failed(FailureKind.REJECTED, "the completion holds no request")
        start = request.sources[0] if request.sources else None
        try:
            return await self.generator.draw(request, seed=self.seed, start=start)
        except ImageError as error:
            return Failed(FailureKind.IMAGE, str(error))
        except ModelError as error:
            return Failed(kind_of(error), str(error))


def label_of(given: Any) -> Label:
    """A, B or TIE as a label. Raises ConfigError."""
    if given not in list(Label):
        raise ConfigError(f"a label is A, B or TIE, not {given!r}")
    return Label(given)


def text_of(completion: Any) -> str:
    """A completion's text: a string, or the content of the last message of a conversation."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Sequence) and completion and isinstance(completion[-1], Mapping):
        content = completion[-1].get("content")
        if isinstance(content, str):
            return content
        parts = content if isinstance(content, Sequence) else ()
        return "".join(str(p.get("text", "")) for p in parts if isinstance(p, Mapping))
    raise ConfigError(f"a completion is text or messages, not {type(completion).__name__}")


def requests_of(columns: Mapping[str, Any], count: int) -> list[Request]:
    """The original requests from a data set's columns `request` and, for edits, `sources`.

    Raises ConfigError where `request` is missing or a source is no image.
    """
    prompts = columns.get("request")
    if prompts is None:
        raise ConfigError("the data set needs a column `request`: what was asked, in words")
    sources = columns.get("sources") or [None] * count
    return [request_of(p, s) for p, s in zip(prompts, sources, strict=True)]


def request_of(prompt: Any, sources: Any = None) -> Request:
    """One request from words and source images."""
    found = sources_of(sources)
    if isinstance(found, Failed):
        raise ConfigError(f"a source image: {found.detail}")
    return Request(str(prompt), found)
