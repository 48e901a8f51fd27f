"""Whatever words a run holds, its page runs nothing, fetches nothing, and shows them."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("PIL", reason="pictures are reduced with Pillow")

from parrot.adapters.report import Judgements, data_page, judgement_page, refinement_page
from parrot.adapters.report.page import safe
from parrot.adapters.runs import RunFolder
from parrot.core.records.judgements import read_judgements

EVIL = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title></main><svg onload=alert(1)>",
    '<meta http-equiv="Content-Security-Policy" content="default-src *">',
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "&lt;b&gt;&#60;script&#62;",
    "<!-- ",
    "]]>",
    "\x00\x1b[31m\u202e\u2066",
    "\ud800",
    "\r\n\t",
    "%3Cscript%3E",
)
hostile = st.lists(st.one_of(st.sampled_from(EVIL), st.text(max_size=8)), min_size=1, max_size=4)
words = hostile.map("".join)
readable = words.filter(lambda word: "\ud800" not in word)  # such a record is refused
few = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(words)
def test_a_word_is_text_and_nothing_else(word):
    told = safe(word)
    assert not set(told) & set("<>\"'")
    assert not any(ord(c) < 32 and c not in "\t\n" for c in told)
    assert not set(told) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_a_long_word_is_cut_and_says_so():
    assert safe("<" * 5_000).startswith("&lt;" * 4_000 + " … (1000 more")


@few
@given(word=words)
def test_refinement(made, tmp_path, word):
    for drawn in (True, False):
        page = refinement_page(made.refined_run(tmp_path, requests=1, word=word, drawn=drawn))
        found = made.harmless(page)
        assert len(found.of("img")) == (2 if drawn else 0)
        assert len(found.of("article")) == 1


@few
@given(word=readable)
def test_data(made, tmp_path, word):
    found = made.harmless(data_page(RunFolder(made.data_run(tmp_path, word=word))))
    assert len(found.of("article")) == 4
    assert len(found.of("section")) == 5


@few
@given(word=readable)
def test_judgements(made, word):
    rows = json.loads(json.dumps(made.judged(word=word)))
    read = list(read_judgements(enumerate(rows, 1), file="f"))
    found = made.harmless(judgement_page(Judgements(word, read, (), (word,)), resamples=1))
    assert len(found.of("section")) == 6
    assert len(found.of("article")) == 2


def test_the_words_are_shown_as_they_are(made, tmp_path):
    page = refinement_page(made.refined_run(tmp_path, word=EVIL[1]))
    assert EVIL[1] in made.harmless(page).text


def test_the_look_at_a_page_finds_what_must_not_be_there(made, tmp_path):
    page = refinement_page(made.refined_run(tmp_path))
    for bad in (
        "<script>1</script>",
        '<p onclick="x">',
        '<a href="javascript:x">',
        '<img alt="x" src="http://x">',
        f'<img alt="x" src="data:image/svg+xml;base64,{base64.b64encode(b"x").decode()}">',
        '<img alt="" src="data:image/png;base64,eA==">',
        '<p style="x">',
        '<meta http-equiv="Content-Security-Policy" content="x">',
    ):
        with pytest.raises(AssertionError):
            made.harmless(page.replace("</main>", bad + "</main>"))
