"""The page of a data run: funnel, examples with their images, and what it reads of a long run."""

import json
import re

import pytest

pytest.importorskip("PIL", reason="pictures are reduced with Pillow")

from parrot.adapters.report import data_page, pictures
from parrot.adapters.report import data_run as pages
from parrot.adapters.runs import RunFolder
from parrot.core.errors import ConfigError, RecordError


def test_funnel_filters_and_examples_of_every_end(made, tmp_path):
    page = data_page(RunFolder(made.data_run(tmp_path, kept=4, dropped=3, failed=2)))
    found = made.harmless(page)
    for said in ("7 came, 4 stayed, 3 fell", "Kept (4 of 4)", "fox: fox (3 of 3)"):
        assert said in found.text
    assert len(found.of("article")) == 7
    assert len(found.of("img")) == 4 * 2 + 2 + 3 * 2 + 1  # every second one is an edit
    assert "Image A of: fox" in {image["alt"] for image in found.of("img")}
    assert "preferred" in found.text


def test_of_a_long_run_200_examples_are_held_and_opened(made, tmp_path, monkeypatch):
    run = RunFolder(made.data_run(tmp_path, kept=6_000, dropped=4_000, failed=50))
    read, opened, shown = [], [], []
    records, open_image, example = run.records, run.open_image, pages.example

    def counted(name="rationales.jsonl"):
        for number, record in records(name):
            read.append(name)
            yield number, record

    monkeypatch.setattr(run, "records", counted)
    monkeypatch.setattr(run, "open_image", lambda ref: opened.append(ref) or open_image(ref))
    monkeypatch.setattr(pages, "example", lambda *given: shown.append(1) or example(*given))
    page = data_page(run)
    assert len(read) == 10_050  # each line once
    assert len(shown) == len(re.findall('<article class="example">', page)) == 200
    assert len(opened) <= 3 * 200
    assert len(page.encode()) < 2_000_000
    assert data_page(run) == page  # the same run, the same page


def test_pictures_of_any_size_stay_under_20_megabytes(made, tmp_path, monkeypatch):
    run = RunFolder(made.data_run(tmp_path, kept=100, dropped=150))
    noise = "x" * 100_000

    def huge(*_):
        return f"data:image/png;base64,{noise}"

    monkeypatch.setattr(pictures, "_url", huge)
    page = data_page(run)
    assert 17_000_000 < len(page.encode()) <= 20_000_000
    assert "no room for the picture" in page


@pytest.mark.parametrize("order", ["AB", "BA"])
def test_images_stand_as_the_teacher_saw_them(made, tmp_path, order):
    run = made.data_run(tmp_path, kept=1, dropped=0)
    record = json.loads((run / "rationales.jsonl").read_text())
    record["provenance"]["order"] = order
    record["pair"]["image_b"] = "absent:00"
    made.lines(run / "rationales.jsonl", [record])
    page = data_page(RunFolder(run))
    seen = re.findall(r"<figure class=\"(won)?\">.*?<figcaption>(.*?)</figcaption>", page)
    won = ("won", f"Image {order[0]}, preferred")
    assert won in seen
    lacking = re.search(r"not in the data</p><figcaption>(Image [AB])", page)[1]
    assert lacking == f"Image {order[1]}"
    assert ("saw the pair turned" in page) == (order == "BA")


def test_an_image_that_is_gone_is_said_and_the_page_goes_on(made, tmp_path):
    run = made.data_run(tmp_path, kept=1, dropped=0)
    (run / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    page = data_page(RunFolder(run))
    assert page.count("no picture") == 2
    made.harmless(page)


def test_a_broken_line_is_named(made, tmp_path):
    run = made.data_run(tmp_path, kept=2, dropped=0)
    first, second = (run / "rationales.jsonl").read_text().splitlines()
    (run / "rationales.jsonl").write_text(f"{first}\n{second.replace('pairwise', 'x')}\n")
    with pytest.raises(RecordError, match=r"rationales\.jsonl.*2.*form"):
        data_page(RunFolder(run))
    (run / "funnel.json").write_text('{"pairs": {}, "rationales": {}, "filters": [{}]}')
    with pytest.raises(ConfigError, match="no funnel of a run"):
        data_page(RunFolder(run))


def test_no_folder_of_the_machine_is_told(made, tmp_path):
    run = made.data_run(tmp_path)
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**about, "pairs": "/home/someone/pairs.jsonl"}))
    page = data_page(RunFolder(run))
    assert "pairs.jsonl" in page
    assert "someone" not in page
    assert str(tmp_path) not in page
