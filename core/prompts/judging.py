"""Prompts that ask for a comparison of two images or a critique of one.

`prefix-first` (ours): everything that asks of one rubric share stands first and byte-equal, so that
a server's prefix cache hits; request, images and hint follow. `released`: the order that the
published RationalRewards checkpoints saw: role, request, images, guideline, hint last (paper C.1,
and the repository's README for the pointwise form).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from attrs import frozen

from parrot.core.asks import Ask, Part, Sampling, Turn
from parrot.core.formats import MARKUP, Form, ReplyFormat
from parrot.core.prompts.fences import image_parts, request_parts
from parrot.core.prompts.wording import OURS, Wording, rubric_text
from parrot.core.rubric import Rubric
from parrot.core.values import Both, Image, Label, PreferencePair, Request


class Layout(StrEnum):
    """Where the shared text of an ask stands."""

    PREFIX_FIRST = "prefix-first"
    RELEASED = "released"


HINT = "Hint: human preference is: "
_SAID = {Label.A: "A", Label.B: "B", Label.TIE: "Tie"}
_TIED = {None: "", Both.GOOD: " (both good)", Both.BAD: " (both bad)"}


def hint_of(pair: PreferencePair) -> str:
    """The line that tells a teacher the label (paper C.1)."""
    return f"{HINT}{_SAID[pair.label]}{_TIED[pair.both]}"


@frozen(slots=True)
class Prompt:
    """Layout and wording of asks for critiques and comparisons in one reply format."""

    layout: Layout = Layout.PREFIX_FIRST
    format: ReplyFormat = MARKUP
    wording: Wording = OURS

    @property
    def id(self) -> str:
        """Names layout, format and wording; changes with any of them."""
        return f"{self.layout.value}/{self.format.name}/{self.wording.digest}"

    def compare(
        self,
        pair: PreferencePair,
        rubric: Rubric,
        *,
        anchored: bool,
        sampling: Sampling,
        sample: int = 0,
    ) -> Ask:
        """Asks for a comparison of the pair's images; `anchored` shows the label."""
        images = image_parts(**{"Image A": pair.image_a, "Image B": pair.image_b})
        parts = (*request_parts(pair.request), *images)
        hint = hint_of(pair) if anchored else None
        return self._ask(rubric, Form.PAIRWISE, pair.request, parts, hint, sampling, sample)

    def critique(
        self,
        request: Request,
        image: Image,
        rubric: Rubric,
        *,
        sampling: Sampling,
        sample: int = 0,
        refine: bool = True,
    ) -> Ask:
        """Asks for a critique of one image; `refine` also for a better request."""
        parts = (*request_parts(request), *image_parts(Image=image))
        form = Form.POINTWISE
        return self._ask(rubric, form, request, parts, None, sampling, sample, refine=refine)

    def _ask(
        self,
        rubric: Rubric,
        form: Form,
        request: Request,
        parts: tuple[Part, ...],
        hint: str | None,
        sampling: Sampling,
        sample: int,
        *,
        refine: bool = False,
    ) -> Ask:
        anchored, wording = hint is not None, self.wording
        tail = tuple(_tail(rubric, request, hint, released=self.layout is Layout.RELEASED))
        if self.layout is Layout.PREFIX_FIRST:
            opening = _opening(wording, self.format, rubric, form, anchored=anchored, refine=refine)
            turns = (opening, Turn("user", (*parts, *tail)))
        else:
            guideline = _guideline(
                wording, self.format, rubric, form, anchored=anchored, refine=refine
            )
            turns = (Turn("system", (wording.role,)), Turn("user", (*parts, guideline, *tail)))
        return Ask(turns, sampling, sample, schema=self.format.schema(rubric, form))


def _tail(rubric: Rubric, request: Request, hint: str | None, *, released: bool) -> Iterator[str]:
    applicable = rubric.applicable(request)
    absent = [d.heading for d in rubric.dimensions if d.key not in applicable]
    if absent and not released:
        yield f"For this request, write N/A for: {', '.join(absent)}."
    if hint is not None:
        yield hint


@lru_cache(maxsize=64)  # one string for many asks: its hash is remembered, it is equal at a glance
def _opening(
    wording: Wording, fmt: ReplyFormat, rubric: Rubric, form: Form, *, anchored: bool, refine: bool
) -> Turn:
    guideline = _guideline(wording, fmt, rubric, form, anchored=anchored, refine=refine)
    return Turn("system", (f"{wording.role}\n\n{guideline}",))


@lru_cache(maxsize=64)
def _guideline(
    wording: Wording, fmt: ReplyFormat, rubric: Rubric, form: Form, *, anchored: bool, refine: bool
) -> str:
    pairwise = form is Form.PAIRWISE
    blocks = [wording.pairwise if pairwise else wording.pointwise, rubric_text(rubric)]
    blocks.append(wording.method)
    if anchored:
        blocks.append(wording.anchored)
    if refine:
        blocks.append(wording.refinement)
    blocks += [wording.form, fmt.outline(rubric, form, refine=refine)]
    return "\n\n".join(blocks)
