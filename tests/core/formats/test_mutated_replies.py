"""Replies that went wrong in every way: nothing is raised, no score is invented, all is typed."""

import random
import re

import pytest

from parrot.core.critiques import (
    NA,
    Comparison,
    Critique,
    Finding,
    PairFinding,
    Problem,
    ProblemCode,
    Refinement,
)
from parrot.core.formats import JSON, MARKUP, MARKUP_SCORE_FIRST, Form, format_of
from parrot.core.rubric import IMAGE_EDIT, TEXT_TO_IMAGE
from parrot.core.testing.texts import HOSTILE_PIECES
from parrot.core.values import Label

SENTENCES = (
    "The cat sits on the mat as asked.",
    "Edges are blurred near the hat, and 2 of 5 fingers are missing.",
    "Image A keeps the source; Image B does not.",
    "The sign reads 'OPEN 24'.",
    "猫がいる。",
)
CHARACTERS = "0123456789.,:;/-–~#*_[](){}\"'`<>\\|=+ \t\n\r：３．ABNab½%"
NUMBER = re.compile(r"(?=((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))")
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def prose(rng):
    return " ".join(rng.choice(SENTENCES) for _ in range(rng.randint(0, 3)))


def score(rng):
    return NA if rng.random() < 0.1 else rng.randint(10, 40) / 10


def pair_finding(rng, key):
    a, b = score(rng), score(rng)
    if a is NA or b is NA:
        return PairFinding(key, prose(rng), NA, NA, NA)
    winner = Label.A if a > b else Label.B if b > a else Label.TIE
    return PairFinding(key, prose(rng), a, b, rng.choice((winner, Label.TIE)))


def valid(rng, rubric, form):
    if form is Form.PAIRWISE:
        findings = tuple(pair_finding(rng, key) for key in rubric.keys)
        value = Comparison(findings, prose(rng), prose(rng))
    else:
        findings = tuple(Finding(key, prose(rng), score(rng)) for key in rubric.keys)
        again = Refinement(prose(rng), "A cat on a mat.") if rng.random() < 0.5 else None
        value = Critique(findings, prose(rng), prose(rng), again)
    return rng.choice((MARKUP, MARKUP, MARKUP_SCORE_FIRST, JSON)).write(value, rubric)


def truncated(rng, text, _):
    return text[: rng.randint(0, len(text))]


def spliced(rng, text, other):
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


def doubled(rng, text, _):
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines.insert(rng.randint(0, len(lines)), lines[at])
    return "\n".join(lines)


def dropped(rng, text, _):
    lines = text.split("\n")
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def swapped(rng, text, _):
    lines = text.split("\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


def scratched(rng, text, _):
    if not text:
        return text
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(CHARACTERS) + text[at + rng.randint(0, 1) :]


def injected(rng, text, _):
    at = rng.randint(0, len(text))
    glue = rng.choice(("\n", " ", ""))
    return text[:at] + glue + rng.choice(HOSTILE_PIECES) + glue + text[at:]


def unbroken(rng, text, _):
    at = text.find("\n", rng.randint(0, len(text)))
    return text[:at] + " " + text[at + 1 :] if at >= 0 else text


def wrapped(rng, text, other):
    return (
        rng.choice(("```\n{}\n```", "<think>{}</think>\n{}", "Sure:\n{}", "{}\n> {}"))
        .replace("{}", text, 1)
        .replace("{}", other)
    )


MUTATIONS = (
    truncated, spliced, doubled, dropped, swapped, scratched, scratched, injected, injected,
    unbroken, wrapped,
)  # fmt: skip


def mutated(rng):
    rubric = rng.choice((TEXT_TO_IMAGE, IMAGE_EDIT))
    form = rng.choice(tuple(Form))
    text, other = valid(rng, rubric, form), valid(rng, rubric, form)
    for _ in range(rng.randint(1, 5)):
        text = rng.choice(MUTATIONS)(rng, text, other)
    return text, rubric, form


def numbers_in(text):
    return {float(found) for found in NUMBER.findall(text.translate(WIDE))}


def check(text, rubric, form, fmt):
    reading = fmt.read(text, rubric, form)
    assert isinstance(reading.value, Comparison if form is Form.PAIRWISE else Critique)
    for problem in reading.problems:
        assert isinstance(problem, Problem)
        assert isinstance(problem.code, ProblemCode)
        assert problem.detail
        assert problem.dimension is None or problem.dimension in rubric.keys
    found = [f.dimension for f in reading.value.findings]
    assert found == [key for key in rubric.keys if key in found]
    assert set(found).isdisjoint({p.dimension for p in reading.problems})
    assert set(found) | {p.dimension for p in reading.problems} >= set(rubric.keys)
    numbers = None
    for finding in reading.value.findings:
        for value in scores_of(finding):
            if value is NA:
                continue
            numbers = numbers_in(text) if numbers is None else numbers
            assert rubric.scale.holds(value)
            assert value in numbers


def scores_of(finding):
    if isinstance(finding, Finding):
        return (finding.score,)
    a, b, winner = finding.score_a, finding.score_b, finding.winner
    assert (a is NA) == (b is NA) == (winner is NA)
    if a is not NA:
        assert winner is not (Label.B if a > b else Label.A if b > a else None)
    return (a, b)


def run(count, seed):
    rng = random.Random(seed)
    whole = 0
    for _ in range(count):
        text, rubric, form = mutated(rng)
        fmt = format_of(text, rubric, form)
        check(text, rubric, form, fmt)
        check(text, rubric, form, JSON if fmt is MARKUP else MARKUP)
        whole += not fmt.read(text, rubric, form).problems
    return whole


def test_mutated_replies_invent_nothing_and_raise_nothing():
    whole = run(5_000, seed=1)
    assert 500 < whole < 4_500  # the mutations neither spare all replies nor spoil all


@pytest.mark.deep
def test_two_hundred_thousand_mutated_replies():
    run(200_000, seed=2)
