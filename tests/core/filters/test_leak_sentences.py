"""leak-free on 400 sentences that were written without knowledge of it; half were never looked at."""

import json
from pathlib import Path

from parrot.core.filters import find_leak

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "leak_sentences.jsonl")
    .read_text()
    .splitlines()
]


def precision_and_recall(rows):
    found = [row for row in rows if find_leak(row["text"])]
    right = sum(row["leaks"] for row in found)
    return right / len(found), right / sum(row["leaks"] for row in rows)


def test_there_are_two_hundred_of_each():
    assert len(ROWS) == 400
    assert sum(row["leaks"] for row in ROWS) == 200


def test_precision_and_recall_stay_where_they_are_documented():
    precision, recall = precision_and_recall(ROWS)
    assert precision >= 0.95
    assert recall >= 0.83


def test_the_half_that_was_never_looked_at():
    precision, recall = precision_and_recall(ROWS[200:])
    assert precision >= 0.94
    assert recall >= 0.71


def test_no_filter_knows_a_phrase_of_the_miniature():
    import parrot.core.filters.leaks as leaks
    from parrot.backends.miniature.phrases import LEAKS

    source = Path(leaks.__file__).read_text()
    for phrase in LEAKS:
        assert phrase.format(w="A").rstrip(".") not in source
