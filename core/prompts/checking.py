"""Prompts that gather evidence: re-predicting the label, asking claims of one image, keeping wishes.

Each has its reader beside it. A reader raises nothing: what cannot be read is None.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from parrot.core.asks import Ask, Part, Sampling, Turn
from parrot.core.prompts.fences import RATIONALE, fenced, image_parts, request_parts
from parrot.core.values import Image, Label, PreferencePair, Request

_PREDICT = (
    "You read an evaluation of two images, Image A and Image B, that were made for one request. "
    "Say which image the evaluation finds better overall."
)
_PREDICT_SIGHTED = (
    "You see a request, two images made for it, Image A and Image B, and an evaluation of them. "
    "Look at the images, weigh the evaluation, and say which image people would prefer overall."
)
ONE_WORD = "Answer with one word only: A, B or Tie."

_ANSWER = re.compile(
    r"^\W*(?:answer\W+)?(?:the\s+)?(?:image\s+)?(a|b|tie|it'?s a tie|neither|equal)\b"
    r"(?:\s+is\s+(?:preferred|better))?\W*$",
    re.IGNORECASE,
)


def predict(request: Request, evaluation: str, *, sampling: Sampling) -> Ask:
    """Asks for the label from the evaluation alone (paper C.2: no images)."""
    parts: tuple[Part, ...] = (fenced("Request:", request.prompt), fenced(RATIONALE, evaluation))
    return Ask(
        (Turn("system", (f"{_PREDICT}\n{ONE_WORD}",)), Turn("user", (*parts, ONE_WORD))), sampling
    )


def predict_sighted(pair: PreferencePair, evaluation: str, *, sampling: Sampling) -> Ask:
    """Asks for the label from images and evaluation: P(y | x, z) of paper Eq. 2."""
    images = image_parts(**{"Image A": pair.image_a, "Image B": pair.image_b})
    parts = (*request_parts(pair.request), *images, fenced(RATIONALE, evaluation))
    opening = f"{_PREDICT_SIGHTED}\n{ONE_WORD}"
    return Ask((Turn("system", (opening,)), Turn("user", (*parts, ONE_WORD))), sampling)


def _answered(text: str) -> str:
    """What stands behind the thinking; nothing where the thinking never ends."""
    _, ended, answer = text.rpartition("</think>")
    return answer if ended or "<think" not in text else ""


def read_prediction(text: str) -> Label | None:
    """The label that a reply names, forgiving form ("Image A is preferred."), or None."""
    body = _answered(text).strip()
    last = body.splitlines()[-1] if body else ""
    found = _ANSWER.match(last)
    if not found:
        return None
    word = found[1].upper()
    return Label(word) if word in ("A", "B") else Label.TIE


_CLAIMS = (
    "You see one image and a numbered list of statements about it. For each statement look at the "
    "image and answer yes (it is so), no (it is not so) or unsure (this image alone cannot tell). "
    "Judge each statement by itself and trust only your eyes."
)
STATEMENTS = "Statements:"
_CLAIM_FORM = "Answer one line a statement: its number, a colon, then yes, no or unsure."
_HOLDS = r"(yes|no|unsure)\b"
# The answer comes first; behind a number without a colon it must be no word of the statement again.
_CLAIM_LINE = re.compile(
    rf"\W*(\d{{1,3}})(?:[^\w:：]*+[:：]\W*+{_HOLDS}|\W++{_HOLDS}(?!\s+\w)"
    rf"|\W.{{1,500}}[:：]\W{{0,5}}{_HOLDS}\W*$)",
    re.IGNORECASE,
)


def check_claims(
    request: Request, image: Image, claims: Sequence[str], *, sampling: Sampling
) -> Ask:
    """Asks of one image whether each claim holds (for an edit, beside its sources)."""
    numbered = "\n".join(f"{n}. {' '.join(c.split())}" for n, c in enumerate(claims, start=1))
    parts = (*request_parts(request), *image_parts(Image=image), fenced(STATEMENTS, numbered))
    opening = f"{_CLAIMS}\n{_CLAIM_FORM}"
    return Ask((Turn("system", (opening,)), Turn("user", (*parts, _CLAIM_FORM))), sampling)


def read_claims(text: str, count: int) -> tuple[str, ...] | None:
    """`yes`, `no` or `unsure` for each of `count` claims; None unless every one has one answer."""
    found: dict[int, str] = {}
    for line in _answered(text).splitlines():
        read = _CLAIM_LINE.match(line)
        if read:
            number, said = int(read[1]), (read[2] or read[3] or read[4]).lower()
            if number <= count and found.setdefault(number, said) != said:
                return None
    if set(found) != set(range(1, count + 1)):
        return None
    return tuple(found[n] for n in range(1, count + 1))


_WISHES = (
    "You get two versions of a request to an image generator. List every wish of the first version "
    "(objects, numbers, attributes, places, text to be written, what must not be there), one a line, "
    "and say of each whether the second version still carries it."
)
ORIGINAL, REFINED = "First version:", "Second version:"
_WISH_FORM = "Write one line a wish: kept or lost, a colon, then the wish."
_BEFORE = r"\W*(?:\d{1,3}[.):]\W*)?"
_WISH_LINE = re.compile(rf"{_BEFORE}(kept|lost)[^\w:：]*[:：]\s*(\S.*)$", re.IGNORECASE)
_WISH_LIKE = re.compile(
    rf"{_BEFORE}(?:kept|lost)\W+\w|.*[:：–-]\W*(?:kept|lost)\W*$", re.IGNORECASE
)


def check_wishes(original: str, refined: str, *, sampling: Sampling) -> Ask:
    """Asks which wishes of the original request the refined one keeps."""
    parts = (fenced(ORIGINAL, original), fenced(REFINED, refined), _WISH_FORM)
    return Ask((Turn("system", (f"{_WISHES}\n{_WISH_FORM}",)), Turn("user", parts)), sampling)


def read_wishes(text: str) -> tuple[tuple[str, bool], ...] | None:
    """Each wish and whether it was kept; None where there is none, or a line of one is not read."""
    found: list[tuple[str, bool]] = []
    for line in _answered(text).splitlines():
        read = _WISH_LINE.match(line)
        if read:
            found.append((read[2].strip(), read[1].lower() == "kept"))
        elif _WISH_LIKE.match(line):
            return None
    return tuple(found) or None
