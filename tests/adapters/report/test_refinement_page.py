"""The page of a refinement run: whole, escaped, without anything that runs or is fetched."""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("PIL", reason="pictures are reduced with Pillow")

from parrot.adapters import report
from parrot.adapters.report import marked, refinement_page
from parrot.core.errors import ConfigError
from parrot.core.testing.fakes import plain_image

EVIL = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def written(folder, *, requests=2, word=EVIL, image=True):
    (folder / "images").mkdir(exist_ok=True)
    picture = plain_image(9, 8, 7, side=600)
    (folder / "images" / "a.png").write_bytes(picture.source)
    about = {"command": "refine", "generator": "miniature:painter", "critic": word}
    (folder / "run.json").write_text(json.dumps({**about, "policy": {"name": word}}))
    results, drafts = [], []
    for n in range(requests):
        result = {"id": f"{word}{n}", "prompt": f"a {word}", "winner": 1, "reason": "rounds"}
        result |= {"reward": 0.9, "first_reward": 0.5, "notes": [word], "spent": {"drafts": 2}}
        results.append(result)
        finding = {"dimension": word, "score": 2.0, "justification": word}
        for number in (0, 1):
            draft = {"id": result["id"], "draft": number, "round": number, "prompt": f"a {word} b"}
            draft |= {"image": "images/a.png", "total": 0.5, "dimensions": {word: 0.5}}
            if not image:
                draft |= {"image": None, "not_drawn": {"kind": "timeout", "detail": word}}
            drafts.append({**draft, "critiques": [{"findings": [finding], "summary": word}]})
    for name, rows in (("results", results), ("trace", drafts)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


@pytest.mark.parametrize("image", [True, False])
def test_nothing_foreign_becomes_markup(tmp_path, monkeypatch, image):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    page = refinement_page(written(Path("run"), image=image))
    tags = Tags(page).tags
    assert "script" not in {tag for tag, _ in tags}
    for tag, attributes in tags:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert attributes["src"].startswith("data:image/")
            assert attributes["alt"]
        else:
            assert not {"src", "href", "style"} & set(attributes)
    assert sum(tag == "img" for tag, _ in tags) == (4 if image else 0)
    assert unescape(page).count("alert(1)") > 10


def test_the_policy_of_the_page_lets_its_own_style_in_and_nothing_else(tmp_path):
    page = refinement_page(written(tmp_path))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert page.index("Security-Policy") < page.index("<style>")


def test_a_page_stays_small_whatever_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_BYTES", 3_000)
    page = refinement_page(written(tmp_path, requests=80, word="x"))
    assert "20 more requests" in page
    assert len(re.findall(r"<h2>", page)) == 60
    assert sum(len(src) for src in re.findall(r'src="([^"]*)"', page)) <= 3_000
    assert "images/a.png" in page  # named where it finds no room


words = st.lists(st.sampled_from(("a", "red", "fox", "<b>", "&", "in snow", ",")), max_size=8)


@given(before=words.map(" ".join), after=words.map(" ".join))
def test_marks_hide_nothing_and_add_nothing(before, after):
    html = marked(before, after)
    kept = re.sub(r"<del>.*?</del>", "", html)
    assert unescape(re.sub(r"</?ins>", "", kept)) == after


def test_what_changed_is_marked():
    assert marked("a red fox", "a big red fox") == "a<ins> big</ins> red fox"
    assert marked("a red fox", "a fox") == "a <del>red </del>fox"


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        refinement_page(tmp_path)
    (tmp_path / "run.json").write_text('{"command": "rationalize"}')
    with pytest.raises(ConfigError, match="no finished run of refine"):
        refinement_page(tmp_path)
