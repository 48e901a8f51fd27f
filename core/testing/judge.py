"""The scripted judge: plausible answers to every kind of ask, read off the ask's own words.

It sees nothing: images count only by the bytes of the request, whose digest is its noise. It exists
so that pipelines run whole against the loopback server; it is no model of a teacher (the miniature
is). Which answer an ask gets is decided by the phrases in `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from parrot.core.testing.chat import Answer, ChatRequest

Speaker = Callable[[ChatRequest, Random], Answer]

_HEADING = re.compile(r"^(\d+)\. ([A-Z][^:\n]{2,60}):", re.MULTILINE)
_HINT = re.compile(r"human preference is:\s*(A|B|Tie)\b", re.IGNORECASE)
_ABSENT = re.compile(r"write N/A for: ([^\n]+?)\.?$", re.MULTILINE)
_SCORES = re.compile(r"Score ([AB])\W+?(\d(?:\.\d+)?)")
_REASONS = re.compile(r"\bImage ([AB])(?: shows its [^,\n]*)? with clean edges")
_STATEMENT = re.compile(r"^(\d{1,3})\. \S", re.MULTILINE)
_FENCED = r"^{title}\n(={{5,}})\n(.*?)\n\1$"
_WRONG = 0.1  # the share of asks answered against the hint
_TIED = 0.3


def judge(request: ChatRequest) -> Answer:
    """What the scripted judge says; the same to the same request, however often it is asked."""
    noise = Random(request.digest)
    for phrase, speaker in KINDS.items():
        if phrase in request.text:
            return speaker(request, noise)
    return Answer("I have nothing to say to that.")


def _headings(text: str) -> list[str]:
    return list(dict.fromkeys(heading for _, heading in _HEADING.findall(text)))


def _leaning(request: ChatRequest, noise: Random) -> float:
    """How much better A is, from -1.5 to 1.5; near zero for a tie."""
    hint = _HINT.search(request.text)
    side = hint[1].upper() if hint else noise.choice(["A", "B"])
    if side == "TIE":
        return 0.0
    sign = 1.0 if side == "A" else -1.0
    return (-sign if noise.random() < _WRONG else sign) * noise.uniform(0.5, 1.5)


def _clipped(score: float) -> float:
    return round(min(4.0, max(1.0, score)), 1)


def _absent(text: str) -> set[str]:
    found = _ABSENT.search(text)
    return {name.strip() for name in found[1].split(",")} if found else set()


def _compare(request: ChatRequest, noise: Random) -> Answer:
    leaning, absent = _leaning(request, noise), _absent(request.text)
    lines = ["# User Request Analysis", "The request names a subject and how it should look.", ""]
    lines += ["# Detailed Judgement"]
    for number, heading in enumerate(_headings(request.text), start=1):
        lines += [f"{number}. {heading}:", *_compared(heading, leaning, noise, heading in absent)]
    lines += ["# Summary:", "Both images answer the request; their finish differs in detail."]
    return Answer("\n".join(lines))


def _compared(heading: str, leaning: float, noise: Random, absent: bool) -> list[str]:  # noqa: FBT001
    if absent:
        reason = "## Justification: The request gives no occasion for this."
        return [reason, "## Score A: N/A", "## Score B: N/A", "## Winner: N/A"]
    middle = noise.uniform(2.0, 3.2)
    a = _clipped(middle + leaning / 2 + noise.uniform(-_TIED, _TIED) / 2)
    b = _clipped(middle - leaning / 2)
    if leaning == 0.0:
        b = a
    winner = "Image A" if a > b else "Image B" if b > a else "It's a tie"
    return [
        f"## Justification: {_reason(heading.lower(), a, b)}",
        f"## Score A: {a}",
        f"## Score B: {b}",
        f"## Winner: {winner}",
    ]


def _reason(heading: str, a: float, b: float) -> str:
    # The reason says without a score or a winner's name what the scores say, as a sound one does.
    if a == b:
        return f"Image A and Image B show their {heading} alike."
    good, poor = ("A", "B") if a > b else ("B", "A")
    return f"Image {good} shows its {heading} with clean edges, Image {poor} with slips."


def _critique(request: ChatRequest, noise: Random) -> Answer:
    absent = _absent(request.text)
    wish = _fenced("Request:", request.text) or "a picture"
    lines = ["# User Request Analysis", "The request names a subject and how it should look.", ""]
    lines += ["# Detailed Judgement"]
    for number, heading in enumerate(_headings(request.text), start=1):
        score = "N/A" if heading in absent else str(_clipped(noise.uniform(1.5, 4.0)))
        reason = f"What the image shows of {heading.lower()} is plain to see."
        lines += [f"{number}. {heading}:", f"## Justification: {reason}", f"## Score: {score}"]
    lines += ["# Summary:", "A sound image with small slips.", "", "# User Request Refinement:"]
    lines += ["## Refinement Comments: Name the place of the subject."]
    lines += [f"## Refined Request: {wish}, placed in the middle of the picture"]
    return Answer("\n".join(lines))


def _fenced(title: str, text: str) -> str | None:
    pattern = _FENCED.format(title=re.escape(title))
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    return found[2] if found else None


def _predict(request: ChatRequest, noise: Random) -> Answer:
    sums = {"A": 0.0, "B": 0.0}
    for side, score in _SCORES.findall(request.text):
        sums[side] += float(score)
    if not any(sums.values()):
        named = _REASONS.findall(request.text)
        sums = {side: float(named.count(side)) for side in sums}
    gap = sums["A"] - sums["B"] + noise.uniform(-0.1, 0.1)
    word = "Tie" if abs(gap) < _TIED else "A" if gap > 0 else "B"
    odds = {w: 0.8 if w == word else 0.1 for w in ("A", "B", "Tie")}
    return Answer(word, odds=odds)


def _claims(request: ChatRequest, noise: Random) -> Answer:
    listed = _fenced("Statements:", request.text) or ""
    numbers = _STATEMENT.findall(listed)
    return Answer("\n".join(f"{n}: {_seen(noise)}" for n in numbers))


def _seen(noise: Random) -> str:
    return "yes" if noise.random() < 0.95 else "unsure"


def _wishes(request: ChatRequest, noise: Random) -> Answer:
    first = _fenced("First version:", request.text) or ""
    second = _fenced("Second version:", request.text) or ""
    wishes = [w.strip() for w in re.split(r"[,.;\n]", first) if w.strip()] or ["a picture"]
    said = [f"{'kept' if w.lower() in second.lower() else 'lost'}: {w}" for w in wishes]
    return Answer("\n".join(said))


KINDS: dict[str, Speaker] = {
    "the image you judge is called": _critique,
    "Say which image the evaluation finds better": _predict,
    "say which image people would prefer": _predict,
    "numbered list of statements": _claims,
    "two versions of a request": _wishes,
    "Score A": _compare,
    "Score": _critique,
}
"""The first phrase that an ask holds decides what is said."""
