"""Published and recomputed figures on recorded judges of GenAI-Bench; skips without the data."""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path

import pytest

from parrot.core.evaluation import evaluate, genai_bench_choice
from parrot.core.judgements import Judged, Judgement
from parrot.core.values import Both, Label

VOTES = {
    "leftvote": (Label.A, None),
    "rightvote": (Label.B, None),
    "tievote": (Label.TIE, Both.GOOD),
    "bothbad_vote": (Label.TIE, Both.BAD),
}


def shared(task, judge):
    root = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("PARROT_SHARED_DATA") or root.parent / "shared" / "data")
    path = folder / "genai_bench" / f"{task}.{judge}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"recorded answers are not here: {path.name} (set PARROT_SHARED_DATA)")
    return path


@cache
def recorded(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def judged(path):
    return [
        Judged(
            Judgement(
                f"{one['task']}/{one['idx']}",
                answer=one["response"],
                model=one["judge"],
                request=one.get("prompt") or one["source_prompt"] + "\n" + one["instruct_prompt"],
            ),
            *VOTES[one["human_vote"]],
        )
        for one in recorded(path)
    ]


@pytest.mark.parametrize(
    ("task", "judge", "protocol", "accuracy", "digits"),
    [
        ("image_generation", "gpt4o", "genai-bench-4way", 45.59, 2),
        ("image_edition", "gpt4o", "genai-bench-4way", 53.54, 2),
        ("image_generation", "llavanext", "genai-bench-4way", 22.65, 2),
        ("image_edition", "llavanext", "genai-bench-4way", 25.35, 2),
        ("image_generation", "gpt4o", "genai-bench-3way", 48.0, 1),
        ("image_generation", "gpt4o", "no-tie-strict", 55.4, 1),
        ("image_generation", "gpt4o", "no-tie-decided", 74.6, 1),
        ("image_edition", "gpt4o", "genai-bench-3way", 54.0, 1),
        ("image_edition", "gpt4o", "no-tie-strict", 72.2, 1),
        ("image_edition", "gpt4o", "no-tie-decided", 83.6, 1),
    ],
)
def test_figures(task, judge, protocol, accuracy, digits):
    report = evaluate(judged(shared(task, judge)), protocol)
    assert report.accuracy is not None
    assert round(report.accuracy, digits) == accuracy
    assert report.ci95 is not None
    assert report.ci95[0] < report.accuracy < report.ci95[1]


@pytest.mark.parametrize("task", ["image_generation", "image_edition"])
@pytest.mark.parametrize("judge", ["gpt4o", "llavanext"])
def test_our_official_reader_takes_what_theirs_took(task, judge):
    names = {
        "[[A>B]]": (Label.A, None),
        "[[B>A]]": (Label.B, None),
        "[[A=B=Good]]": (Label.TIE, Both.GOOD),
        "[[A=B=Bad]]": (Label.TIE, Both.BAD),
    }
    for one in recorded(shared(task, judge)):
        read = genai_bench_choice(one["response"])
        expected = names.get(one["model_vote"])
        assert (read and (read.label, read.both)) == expected


def test_pairs_and_requests_are_counted_apart():
    report = evaluate(judged(shared("image_edition", "gpt4o")), "genai-bench-4way")
    assert (report.pairs, report.requests, report.unreadable) == (919, 179, 0)
