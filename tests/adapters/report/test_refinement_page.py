"""The page of a refinement run: drafts side by side, marks, rewards by round, and its bounds."""

import json
import re
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("PIL", reason="pictures are reduced with Pillow")

from parrot.adapters.report import marked, pictures, refinement_page
from parrot.adapters.report.rounds import Scored, rounds_of
from parrot.core.errors import ConfigError, RecordError


def test_drafts_stand_side_by_side_with_their_rewards(made, tmp_path):
    page = refinement_page(made.refined_run(tmp_path, requests=1, drafts=3))
    found = made.harmless(page)
    assert len(found.of("img")) == 3
    assert found.of("img")[1]["alt"] == "Draft 1, drawn from: fox b"
    assert "Draft 2, round 2" in found.text
    assert page.count("chosen</span>") == 1
    assert "Set aside: lost" in found.text


def test_an_edit_shows_what_it_begins_from(made, tmp_path):
    run = made.refined_run(tmp_path, requests=1, drafts=2)
    place = run / "results.jsonl"
    result = json.loads(place.read_text())
    for sources, shown in ((["images/a.png"], 1), (["images/gone.png"], 0), ("odd", 0), ([7], 0)):
        place.write_text(json.dumps(result | {"sources": sources}) + "\n")
        found = made.harmless(refinement_page(run))
        assert len(found.of("img")) == 2 + shown
        assert ("Source image" in found.text) is (sources != "odd")
    place.write_text(json.dumps(result | {"sources": ["images/a.png"] * 9}) + "\n")
    assert len(made.harmless(refinement_page(run)).of("img")) == 2 + 4


def test_a_run_folder_may_be_named_from_where_one_stands(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(made.harmless(refinement_page(made.refined_run(Path("run")))).of("img")) == 4


def test_at_most_200_drafts_are_shown_whatever_the_run(made, tmp_path):
    page = refinement_page(made.refined_run(tmp_path, requests=70, drafts=7))
    assert len(re.findall(r"<h3>", page)) == 28  # 28 * 7 is the most that 200 allow
    assert len(re.findall("<img ", page)) == 196
    assert "42 more requests" in page
    assert ">490<" in page  # the table by round has them all
    page = refinement_page(made.refined_run(tmp_path, requests=70, drafts=1))
    assert len(re.findall(r"<h3>", page)) == 60
    page = refinement_page(made.refined_run(tmp_path, requests=1, drafts=30))
    assert len(re.findall("<img ", page)) == 24
    assert "6 more drafts" in page


def test_pictures_and_words_are_counted_once_against_the_bound(made, tmp_path, monkeypatch):
    run = made.refined_run(tmp_path, requests=20)
    whole = refinement_page(run)
    body = whole[whole.index('<article class="request">') :]
    body = body[: body.rindex("</article>") + len("</article>")]
    needed = len(body.encode()) - body.count("</article>\n<article")  # but for what parts them
    monkeypatch.setattr(pictures, "MOST_BYTES", needed)
    assert refinement_page(run) == whole
    monkeypatch.setattr(pictures, "MOST_BYTES", needed - 1)
    assert "No room" in refinement_page(run)


def test_a_page_that_is_full_still_names_what_it_leaves_out(made, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 5_000)
    page = refinement_page(made.refined_run(tmp_path, requests=20, side=600))
    held = re.findall(r'<article class="request">.*?</article>', page, re.DOTALL)
    assert 0 < sum(map(len, held)) <= 5_000
    assert "No room for this one." in page


words = st.lists(st.sampled_from(("a", "red", "fox", "<b>", "&", "in snow", ",", " ")), max_size=8)


@given(before=words.map(" ".join), after=words.map(" ".join))
def test_marks_hide_nothing_and_add_nothing(before, after):
    html = marked(before, after)
    kept = re.sub(r"<del>.*?</del>", "", html)
    assert unescape(re.sub(r"</?ins>", "", kept)) == after


def test_what_changed_is_marked():
    assert marked("a red fox", "a big red fox") == "a <ins>big</ins> red fox"
    assert marked("a red fox", "a fox") == "a <del>red </del>fox"


totals = st.one_of(st.none(), st.floats(0, 1))
requests = st.lists(st.lists(st.builds(Scored, st.integers(0, 4), totals), max_size=6), max_size=4)


@given(requests)
def test_the_best_so_far_never_falls(found):
    rounds = rounds_of(found)
    bests = [one.best for one in rounds if one.best is not None]
    assert all(b >= a - 1e-12 for a, b in pairwise(bests))
    assert sum(one.drafts for one in rounds) == sum(map(len, found))
    assert [one.number for one in rounds] == sorted({d.round for drafts in found for d in drafts})


def test_a_round_is_the_mean_of_its_own_drafts_and_the_best_of_all_until_then():
    first = [Scored(0, 0.2), Scored(1, 0.6), Scored(1, None)]
    second = [Scored(0, 0.8)]
    zero, one = rounds_of([first, second])
    assert (zero.mean, zero.best) == (0.5, 0.5)
    assert (one.drafts, one.unscored, one.mean, one.best) == (2, 1, 0.6, 0.7)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        refinement_page(tmp_path)
    (tmp_path / "run.json").write_text('{"command": "rationalize"}')
    with pytest.raises(ConfigError, match="no finished run of refine"):
        refinement_page(tmp_path)


def test_a_broken_draft_is_named(made, tmp_path):
    run = made.refined_run(tmp_path, requests=1)
    place = run / "trace.jsonl"
    first, *rest = map(json.loads, place.read_text().splitlines())
    made.lines(place, [{**first, "critiques": [{}]}, *rest])
    with pytest.raises(RecordError, match="draft of 'fox0' is no row of refine"):
        refinement_page(run)
    del first["round"]
    made.lines(place, [first])
    with pytest.raises(RecordError, match=r"trace\.jsonl.*round"):
        refinement_page(run)
