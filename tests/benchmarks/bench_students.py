"""Base, student and scalar head on the same held-out pairs, with intervals.

    python tests/benchmarks/bench_students.py [PAIRS] [BASE STUDENT HEAD]

2,000 pairs and the shipped ones unless told otherwise; both orders, likeliest words. Then the student
again, an image at a time (pointwise), and by expected scores.
"""

import sys

import torch
from attrs import evolve

from parrot.backends.miniature.shipped import folder_of
from parrot.backends.miniature.studied import held_out
from parrot.cli.students import LONGEST, head_judgements_of, judged_by, student_judgements
from parrot.core.asks import Sampling
from parrot.core.expecting import TOP
from parrot.core.formats import Form
from parrot.core.pipelines.judging import Judging
from parrot.core.pipelines.rationalizing import BOTH_ORDERS
from parrot.core.prompts.judging import Prompt
from parrot.core.studies.cells import Arm, Cell
from parrot.core.studies.report import report_of, table_of
from parrot.core.studies.results import Result, marks_of

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
NAMED = sys.argv[2:] or ["miniature:base", "miniature:student", "miniature:head"]
GREEDY = Sampling(temperature=0.0, max_tokens=LONGEST)
POINTWISE = Judging(Prompt(), form=Form.POINTWISE, sampling=GREEDY)
EXPECTED = Judging(
    Prompt(), orders=BOTH_ORDERS, sampling=evolve(GREEDY, top_logprobs=TOP), expected=True
)


def main():
    torch.set_num_threads(1)
    base, student, head = map(folder_of, NAMED)
    drawn = list(held_out(COUNT))
    pairs, known = [pair for pair, _ in drawn], [truth for _, truth in drawn]

    def told(title, *found):
        ids = [one.id for one in known]
        results = [Result(Cell(arm, size), marks_of(rows, ids)) for arm, size, rows in found]
        print(f"## {title}\n{table_of(report_of(results, known))}", flush=True)

    how = {"prompt": Prompt(), "device": "cpu"}
    told(
        "Both images at once, both orders",
        (Arm.BASE, 0, student_judgements(base, pairs, **how)),
        (Arm.ANCHORED_FULL, 1, student_judgements(student, pairs, **how)),
        (Arm.HEAD, 1, head_judgements_of(head, pairs, **how)),
    )
    told(
        "An image at a time",
        (Arm.ANCHORED_FULL, 1, judged_by(student, pairs, POINTWISE, device="cpu")),
    )
    told(
        "By expected scores",
        (Arm.ANCHORED_FULL, 1, judged_by(student, pairs, EXPECTED, device="cpu")),
    )


if __name__ == "__main__":
    main()
