"""The pages in a real Chromium: no error, nothing fetched, on a phone, by keyboard, light and dark."""

from itertools import pairwise

import pytest

pytest.importorskip("PIL", reason="pictures are reduced with Pillow")

from parrot.adapters.report import Judgements, data_page, judgement_page, refinement_page
from parrot.adapters.runs import RunFolder
from parrot.core.records.judgements import read_judgements

EVIL = "<script>document.title='owned'</script>\"'><img src=x onerror=\"document.title='owned'\">"
LONG = "longest" * 60
TAB, ENTER, SPACE = ("Tab", 9), ("Enter", 13), (" ", 32)
FOCUSED = "document.activeElement"
OPENED = "document.querySelectorAll('details').forEach((one) => one.open = true)"
# WCAG 2.2, 1.4.3: text against its ground, at least 4.5 to 1. Gives the worst and what it is of.
CONTRAST = """(() => {
  const parts = (said) => said.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const found = parts(getComputedStyle(one).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [0, 0, 0];
  };
  let worst = [99, ''];
  for (const one of document.querySelectorAll('body *')) {
    if (![...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(one);
    const ink = light(parts(one.closest('svg') ? style.fill : style.color));
    const [high, low] = [ink, light(ground(one))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < worst[0]) worst = [ratio, one.tagName + ': ' + one.textContent.slice(0, 40)];
  }
  return worst;
})()"""
# Boxes that stand out of the window, but for those inside of what scrolls by itself.
OUTSIDE = """[...document.querySelectorAll('main *')].filter((one) =>
  !one.closest('.wide, .skip') && one.getBoundingClientRect().right > innerWidth + 0.5
).map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module", params=["data", "judgements", "refinement"])
def page(request, made, tmp_path_factory):
    """A page of each kind of run, with hostile and very long words in it."""
    folder = tmp_path_factory.mktemp(request.param)
    word = f"{EVIL} {LONG} miniature:x"
    if request.param == "data":
        text = data_page(RunFolder(made.data_run(folder / "run", word=word, side=300)))
    elif request.param == "refinement":
        text = refinement_page(made.refined_run(folder / "run", drafts=5, word=word, side=300))
    else:
        rows = made.judged(word=word, n=12)
        rows += [{**row, "order": "BA"} for row in rows]
        read = list(read_judgements(enumerate(rows, 1), file="f"))
        text = judgement_page(Judgements(word, read, (), (word,)), resamples=10)
    place = folder / "report.html"
    place.write_text(text)
    return place


def test_opens_without_an_error_and_fetches_nothing(chromium, page):
    with chromium(page) as tab:
        assert tab.run("document.images.length") == tab.run(
            "[...document.images].filter((one) => one.complete && one.naturalWidth).length"
        )
        assert tab.run("document.title") in {"Rationales", "Judgements", "Refinement"}
        assert tab.run("getComputedStyle(document.querySelector('.figures')).display") == "grid"
        assert tab.errors() == []
        assert tab.fetched() == [page.as_uri()]


def test_an_error_would_be_seen(chromium, made, tmp_path):
    text = refinement_page(made.refined_run(tmp_path / "run"))
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("</main>", '<script>1</script><img src="http://[::1]/a"></main>'))
    with chromium(bad) as tab:
        said = " ".join(str(one) for one in tab.errors())
        assert "script-src" in said
        assert "img-src" in said


def test_a_phone_shows_it_without_scrolling_aside(chromium, page):
    with chromium(page, width=390, height=844, mobile=True) as tab:
        tab.run(OPENED)
        assert tab.run("document.documentElement.scrollWidth") == 390
        assert tab.run("innerWidth") == 390  # a wider page would be shown smaller
        assert tab.run(OUTSIDE) == []


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_their_ground(chromium, page, dark):
    with chromium(page, dark=dark) as tab:
        tab.run(OPENED)
        ground = tab.run("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") != dark
        ratio, where = tab.run(CONTRAST)
        assert ratio >= 4.5, where


def test_a_keyboard_reaches_everything_that_acts(chromium, page):
    with chromium(page) as tab:
        tab.press(*TAB)
        assert tab.run(f"{FOCUSED}.className") == "skip"
        assert tab.run(f"{FOCUSED}.getBoundingClientRect().left >= 0")
        assert tab.run(f"getComputedStyle({FOCUSED}).outlineWidth") == "3px"
        tab.press(*ENTER)
        assert tab.run(f"{FOCUSED}.id") == "main"
        tab.run(OPENED)
        acting = "a, summary, [tabindex='0']"
        tab.run("document.body.focus(); window.seen = new Set()")
        for _ in range(tab.run(f'document.querySelectorAll("{acting}").length') + 3):
            tab.press(*TAB)
            tab.run(f"window.seen.add({FOCUSED})")
        missed = "[...document.querySelectorAll(\"main a, main summary, main [tabindex='0']\")]"
        assert tab.run(f"{missed}.filter((one) => !seen.has(one)).length") == 0


def test_a_critique_opens_by_keyboard(chromium, page):
    with chromium(page) as tab:
        if not tab.run("document.querySelectorAll('summary').length"):
            pytest.fail("no page is without something to open")
        tab.run("document.querySelector('summary').focus()")
        tab.press(*ENTER)
        assert tab.run("document.querySelector('details').open")


def test_a_screen_reader_is_told_what_there_is(chromium, page):
    with chromium(page) as tab:
        tab.ask("Accessibility.enable")
        nodes = tab.ask("Accessibility.getFullAXTree")["nodes"]
        told = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]
        named = [name for role, name in told if role in {"image", "img", "region", "link"}]
        assert named
        assert all(named)
        assert {"main", "navigation", "heading"} <= {role for role, _ in told}
        levels = tab.run("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_images_of_a_pair_stand_level_and_equally_wide(chromium, made, tmp_path):
    place = tmp_path / "report.html"
    place.write_text(data_page(RunFolder(made.data_run(tmp_path / "run", kept=6))))
    boxes = """[...document.querySelectorAll('.pair')].map((pair) =>
      [...pair.querySelectorAll('figure')].slice(-2).map((one) => {
        const box = one.querySelector('img').getBoundingClientRect();
        return [box.top, box.width];
      }))"""
    for how in ({"width": 1280}, {"width": 390, "mobile": True}):
        with chromium(place, **how) as tab:
            for a, b in tab.run(boxes):
                assert a == pytest.approx(b, abs=0.5)
                assert a[1] > 100
