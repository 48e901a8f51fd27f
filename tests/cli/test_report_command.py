"""`parrot report`: the kind of run is found out, one page comes of it, and errors are one line."""

import json
import sys

import pytest

pytest.importorskip("PIL", reason="pictures are reduced with Pillow")
pytest.importorskip("numpy", reason="the miniature draws with numpy")

from parrot import cli
from parrot.adapters.runs import RunFolder, RunWriter
from parrot.backends.miniature.files import write_pairs
from parrot.core.candidates import Candidate, Provenance, Rationale
from parrot.core.critiques import Comparison
from parrot.core.formats import read_choice
from parrot.core.outcomes import Fate, PairOutcome
from parrot.core.rubric import rubric_for
from parrot.core.testing.fakes import plain_image
from parrot.core.values import Label, PreferencePair, Request


@pytest.fixture
def parrot(monkeypatch, capsys, tmp_path):
    """Runs the command line in the test's folder; gives status, output and what it says of errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["parrot", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return run


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "pairs", 10, task="both").pairs


def test_a_page_of_each_kind_of_run(parrot, pairs, tmp_path):
    teacher = ("--teacher", "miniature:teacher")
    parrot("rationalize", pairs, *teacher, "--filters", "free", "--out", "run")
    parrot("judge", pairs, "--model", "miniature:teacher", "--both-orders", "--out", "j.jsonl")
    both = ("--generator", "miniature:painter", "--critic", "miniature:teacher")
    parrot("refine", "a red circle", *both, "--out", "refined", "--rounds", "1")
    for run, title, *more in (
        ("run", "Rationales"),
        ("j.jsonl", "Judgements", "--pairs", pairs),
        ("refined", "Refinement"),
    ):
        assert parrot("report", run, *more, "--out", "page.html") == (0, "report: page.html\n", "")
        page = (tmp_path / "page.html").read_text()
        assert f"<title>{title}</title>" in page
        assert "<img " in page
        assert "A simulation" in page
    assert parrot("report", "refined")[1] == "report: report.html\n"
    assert not list(tmp_path.glob("*.partial"))


def test_what_is_wrong_is_said_in_one_line(parrot, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "run.json").write_text('{"command": "tune"}')
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.json").write_text('{"command": "rationalize"}')
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "rows.jsonl").write_text('{"prompt": "no judgement"}\n')
    for arguments, status, said in (
        (["gone"], 2, "gone is not there: give a run folder"),
        (["other"], 2, "other has no run.json"),
        (["study"], 2, "a run of 'tune', of which there is no report"),
        (["begun"], 2, "its run has not ended"),
        (["begun", "--out", "no/where/page.html"], 2, "--out is in 'no/where', which is no folder"),
        (["begun", "--pairs", "p.jsonl"], 2, "go with a file of judgements"),
        (["empty.jsonl"], 1, "empty.jsonl"),
        (["rows.jsonl"], 1, "rows.jsonl:1: field 'pair_id'"),
        (["rows.jsonl", "--out", "study"], 1, "rows.jsonl:1"),
    ):
        ended, out, told = parrot("report", *arguments)
        assert (ended, out, told.count("\n")) == (status, "", 1), arguments
        assert said in told
    assert not (tmp_path / "report.html").exists()


def test_images_of_the_run_itself_are_found_from_anywhere(parrot, tmp_path):
    a, b = plain_image(200, 0, 0), plain_image(0, 0, 200)
    pair = PreferencePair("p", Request("a red square"), a, b, Label.A)
    made = Provenance("t", "p", anchored=True, raw="[[A>B]]")
    choice = read_choice("[[A>B]]").value.label
    rationale = Rationale("p", Comparison((), summary="A it is. [[A>B]]"), made, (), choice)
    candidate = Candidate(pair, rubric_for(pair.request), rationale)
    about = {"command": "rationalize", "pairs": "pairs.parquet"}
    with RunWriter(tmp_path / "run", images_root=tmp_path / "elsewhere", about=about) as writer:
        writer.add(PairOutcome(pair, (Fate(candidate),)))
    record = json.loads((tmp_path / "run" / "rationales.jsonl").read_text())
    assert record["pair"]["image_a"].startswith("run:images/")
    parrot("filter", "run", "--filters", "well-formed", "--out", "filtered/again")
    for run in ("run", "filtered/again"):
        assert parrot("report", run, "--out", "page.html")[0] == 0
        page = (tmp_path / "page.html").read_text()
        assert page.count("<img ") == 2
        assert "no picture" not in page
        (_, seen) = next(RunFolder(tmp_path / run).records())
        assert RunFolder(tmp_path / run).open_image(seen["pair"]["image_b"]) == b
