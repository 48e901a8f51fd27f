"""Reading replies: how many a second, and whether time grows in a straight line with length.

Run: python tests/benchmarks/bench_reading.py [SECONDS]

Replies judge all four dimensions of `IMAGE_EDIT`. Each line is one form and format: replies a second
at 2,000 characters, and what a character costs in longer replies against 2,000 (1.00 is linear).
Seconds of processor time count, the best of five rounds: others' work only ever adds to them.
"""

import sys
import time

from parrot.core.critiques import Comparison, Critique, Finding, PairFinding, Refinement
from parrot.core.formats import Form, format_named
from parrot.core.rubric import IMAGE_EDIT
from parrot.core.values import Label

LENGTHS = (2_000, 8_000, 32_000, 128_000)
PROSE = "The bird's left wing keeps its outline, yet the light falls from the other side (2 of 3). "


def prose(length):
    return (PROSE * (length // len(PROSE) + 1))[:length].strip()


def judged(form, filler):
    keys = [d.key for d in IMAGE_EDIT.dimensions]
    if form is Form.PAIRWISE:
        found = [PairFinding(k, prose(filler), 3.0, 2.5, Label.A) for k in keys]
        return Comparison(tuple(found), prose(filler), prose(filler))
    found = [Finding(k, prose(filler), 3.0) for k in keys]
    refined = Refinement(prose(filler), prose(filler))
    return Critique(tuple(found), prose(filler), prose(filler), refined)


def reply_of(length, form, fmt):
    """A reply of very nearly so many characters."""
    low, high = 1, length
    while low < high:
        middle = (low + high + 1) // 2
        if len(fmt.write(judged(form, middle), IMAGE_EDIT)) <= length:
            low = middle
        else:
            high = middle - 1
    return fmt.write(judged(form, low), IMAGE_EDIT)


def seconds_each(text, form, fmt, seconds):
    best = float("inf")
    for _ in range(5):
        count, began, spent = 0, time.process_time(), 0.0
        while spent < seconds / 5:
            read = fmt.read(text, IMAGE_EDIT, form)
            count, spent = count + 1, time.process_time() - began
        best = min(best, spent / count)
    assert not read.problems
    return best


def main(seconds=1.0):
    longer = "".join(f"{f'x{n // LENGTHS[0]}':>8}" for n in LENGTHS[1:])
    print(f"{'':20}{'characters':>11}{'replies/s':>11}   a character, against 2,000:{longer}")
    for name in ("markup", "json"):
        fmt = format_named(name)
        for form in Form:
            texts = [reply_of(n, form, fmt) for n in LENGTHS]
            each = [seconds_each(t, form, fmt, seconds) / len(t) for t in texts]
            rate = 1 / (each[0] * len(texts[0]))
            grown = "".join(f"{one / each[0]:8.2f}" for one in each[1:])
            print(f"{f'{name} {form.value}':20}{len(texts[0]):11}{rate:11.0f}{'':30}{grown}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
