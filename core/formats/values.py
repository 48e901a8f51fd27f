"""Scores and winners as models write them. Form is forgiven, content never.

Forgiven: bold, brackets, quotes, `3.5/4`, `3.5 (out of 4)`, words after the number, full-width
signs, the value on a later line. Not read: ranges, several different numbers (a decimal comma is
two numbers), numbers in words, numbers off the scale or on another, a number beside N/A.
"""

from __future__ import annotations

import re

from attrs import frozen

from parrot.core.critiques import NA, NotApplicable, ProblemCode, Score
from parrot.core.rubric import Scale
from parrot.core.values import Label


@frozen(slots=True)
class Unread:
    """A value that cannot be taken, and why."""

    code: ProblemCode
    detail: str


_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_NARROW |= {
    ord(a): ord(b) for a, b in zip("−‐‑–—〜「」【】“”‘’　", "-----~[][]\"\"'' ", strict=True)
}
_NO_WIDTH = re.compile("[\u200b\u2060\ufeff]")
_DECORATION = " *_`\"'[](){}$"
_BULLET = re.compile(r"[-•·] ")
_NUMBER = r"(?:[0-9]{1,400}(?:\.[0-9]{1,400})?|\.[0-9]{1,400})"
_HEAD = re.compile(rf"[+-]?{_NUMBER}(?![0-9A-Za-z%+°½¼¾⅓⅔])(?!\.[0-9])")
_ANY_NUMBER = re.compile(rf"(?<![0-9.]){_NUMBER}")
_OUT_OF = re.compile(rf"(?:/|\bout of\b|\bof\b) ?[\[(*_]{{0,3}}({_NUMBER})(?![0-9])", re.IGNORECASE)
_SPAN = re.compile(rf"(?<![0-9.])({_NUMBER}) ?(?:-|\bto\b) ?({_NUMBER})(?![0-9])", re.IGNORECASE)
_RANGE = re.compile(
    r"[ )\]*_]*(?:-+|~|\.{2,}|…|(?:to|through|until)\b)[ (\[*_]*\.?[0-9]", re.IGNORECASE
)
_HEDGE = re.compile(
    r"-$|[ )\]*_]*(?:(?:or|to|plus|minus|percent)\b|and (?:a )?(?:half|quarter|third)\b|point |%"
    r"|-[^\W\d])",
    re.IGNORECASE,
)
_NA = re.compile(r"(?:n ?[/.\\]? ?a\b\.?|no[nt][ -]applicable\b)", re.IGNORECASE)
_NA_INSIDE = re.compile(r"\bn ?/ ?a\b|\bnot[ -]applicable\b", re.IGNORECASE)
_NUMBER_NEXT = re.compile(
    r"(?:[ /,;:=>→-]*+(?:or |and |to )?[+.]?[0-9]| ?\( ?[0-9.]+ ?\)?$)", re.IGNORECASE
)


def shown(text: str) -> str:
    """A short quotation for a problem's detail."""
    flat = " ".join(text[:200].split())
    return repr(flat if len(flat) <= 60 else flat[:57] + "...")


def content_lines(raw: str) -> list[str]:
    """The lines that say something: narrow signs, single spaces, decoration taken off."""
    text = raw if raw.isascii() else _NO_WIDTH.sub("", raw.translate(_NARROW))
    lines = (" ".join(line.split()).strip(_DECORATION) for line in text.split("\n"))
    return [line for line in lines if any(map(str.isalnum, line))]


def read_score(raw: str, scale: Scale) -> Score | Unread:
    """The one number on the scale, or NA, that the text after a score's heading says."""
    lines = content_lines(raw)
    if not lines:
        return Unread(ProblemCode.MISSING, "no value after the heading")
    first = _score_in(lines[0], scale)
    for line in lines[1:]:
        if (_bare(line) or _NA.fullmatch(line)) and _score_in(line, scale) != first:
            return Unread(ProblemCode.CONFLICTING, f"{shown(lines[0])} and {shown(line)}")
    return first


def _bare(line: str) -> bool:
    return re.fullmatch(rf"[+-]?{_NUMBER}(?: ?/ ?{_NUMBER})?\.?", line) is not None


def _score_in(line: str, scale: Scale) -> Score | Unread:
    not_applicable = _NA.match(line)
    if not_applicable:
        if _NUMBER_NEXT.match(line, not_applicable.end()):
            return Unread(ProblemCode.CONFLICTING, f"N/A and a number: {shown(line)}")
        return NA
    if scale.low >= 0:
        line = _BULLET.sub("", line, count=1) if _BULLET.match(line) else line
    head = _HEAD.match(line)
    if head is not None and _RANGE.match(line, head.end()):
        return Unread(ProblemCode.RANGE, f"{shown(line)} is a range")
    if head is None:
        several = len(_ANY_NUMBER.findall(line)) > 1
        code = ProblemCode.CONFLICTING if several else ProblemCode.NOT_A_SCORE
        return Unread(code, f"{shown(line)} is no number")
    value = float(head[0])
    doubt = _doubt(value, line[head.end() :], line, scale)
    if doubt is not None:
        return doubt
    if not scale.holds(value):
        code = ProblemCode.OUT_OF_SCALE
        return Unread(code, f"{head[0]} is not within {scale.low:g} to {scale.high:g}")
    return value


def _doubt(value: float, rest: str, line: str, scale: Scale) -> Unread | None:
    """Why the rest of the line makes the number before it uncertain; None where it does not."""
    if not rest:
        return None
    for other in _OUT_OF.findall(rest):
        if float(other) != scale.high:
            detail = f"{shown(line)} is on another scale than {scale.low:g} to {scale.high:g}"
            return Unread(ProblemCode.OUT_OF_SCALE, detail)
    rest = _OUT_OF.sub(" ", rest)
    if _RANGE.match(rest):  # as in 3/4 - 4/4
        return Unread(ProblemCode.RANGE, f"{shown(line)} is a range")
    rest = _SPAN.sub(lambda m: " " if _is_scale(m, scale) else m[0], rest)
    others = {float(n) for n in _ANY_NUMBER.findall(rest)}
    if others - {value} or _NA_INSIDE.search(rest) or any(_odd_number(c) for c in rest):
        return Unread(ProblemCode.CONFLICTING, f"{shown(line)} says more than one thing")
    if _HEDGE.match(rest):
        return Unread(ProblemCode.NOT_A_SCORE, f"{shown(line)} is not one number")
    return None


def _is_scale(span: re.Match[str], scale: Scale) -> bool:
    return float(span[1]) == scale.low and float(span[2]) == scale.high


def _odd_number(char: str) -> bool:
    return not char.isascii() and char.isnumeric()


_IMAGE = r"(?:the )?(?:image|candidate|picture|option|result|output)"
_SIDE = re.compile(rf"({_IMAGE}[ _-]*)?([ab])(?![\w'])", re.IGNORECASE)
_TIE = re.compile(
    r"(?:it ?'? ?i?s )?(?:an? )?(?:tie|tied|draw|equal|even)\b|(?:both|neither)\b",
    re.IGNORECASE,
)
_SIGN = re.compile(rf"(?:{_IMAGE} )?([ab]) ?([<>=]) ?(?:{_IMAGE} )?([ab])\b", re.IGNORECASE)
_AFTER_LETTER = re.compile(
    r" ?(?:$|[.,;:!(\[-]|(?:wins?|won|is|was|by|over|with|because|as|since|due|for|has|slightly"
    r"|clearly|marginally|strongly|narrowly|much|better)\b)",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    rf"[ (\[*_]*+(?:(?:(?:and|or|vs\.?|versus)\b|[&/|+,=-]) ?(?:{_IMAGE} ?)?(?:[ab]|tie|neither|both|it)\b"
    r"|or\b|(?:is |was |does )?(?:not\b|n't|worse|loses?\b|lost\b|weaker|inferior|tied?\b|equal))",
    re.IGNORECASE,
)


def read_winner(raw: str) -> Label | NotApplicable | Unread:
    """The winner that the text after its heading names: A, B, a tie, or NA.

    "Both" and "neither" are ties: no image of the two is better.
    """
    lines = content_lines(raw)
    if not lines:
        return Unread(ProblemCode.NO_WINNER, "no value after the heading")
    first = _winner_in(lines[0])
    for line in lines[1:]:
        if len(line) <= 12 and not isinstance(other := _winner_in(line), Unread) and other != first:
            return Unread(ProblemCode.CONFLICTING, f"{shown(lines[0])} and {shown(line)}")
    return first


def _winner_in(line: str) -> Label | NotApplicable | Unread:
    unread = Unread(ProblemCode.NO_WINNER, f"{shown(line)} names no winner")
    sign = _SIGN.match(line)
    if sign:
        return _by_sign(sign) or unread
    if _NA.match(line):
        return NA
    tie = _TIE.match(line)
    if tie:
        doubtful = _UNSURE.match(line, tie.end()) or _NA_INSIDE.search(line)
        return unread if doubtful else Label.TIE
    side = _SIDE.match(line)
    if side is None or _UNSURE.match(line, side.end()):
        return unread
    if side[1] is None and not _AFTER_LETTER.match(line, side.end()):
        return unread
    return Label(side[2].upper())


def _by_sign(sign: re.Match[str]) -> Label | None:
    left, right = sign[1].upper(), sign[3].upper()
    if left == right:
        return None
    return {"=": Label.TIE, ">": Label(left), "<": Label(right)}[sign[2]]
