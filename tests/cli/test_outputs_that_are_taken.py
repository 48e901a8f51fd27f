"""A command whose place to write is taken by something else: one line, and what was there stays."""

import json

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "pairs", 4, seed=3, task="t2i").pairs


TEACHER = ("--model", "miniature:teacher")


@pytest.fixture
def judged(parrot, pairs, tmp_path):
    assert parrot("judge", pairs, *TEACHER, "--out", tmp_path / "judged.jsonl")[0] == 0
    return tmp_path / "judged.jsonl"


def refused(told, place, before, said):
    status, _, lines = told
    assert status == 2
    assert len(lines) == 1
    assert said in lines[0]
    assert place.read_bytes() == before


def test_nothing_takes_the_place_of_what_it_reads(parrot, pairs, judged):
    before = judged.read_bytes()
    refused(parrot("report", judged, "--out", judged), judged, before, "read here")
    evaluated = parrot("evaluate", judged, "--protocol", "no-tie-strict", "--json", judged)
    refused(evaluated, judged, before, "read here")
    before = pairs.read_bytes()
    refused(parrot("judge", pairs, *TEACHER, "--out", pairs), pairs, before, "read here")


def test_judgements_of_one_model_are_not_those_of_another(parrot, pairs, judged, tmp_path):
    before = judged.read_bytes()
    other = parrot("judge", pairs, "--model", "miniature:teacher-low", "--out", judged)
    refused(other, judged, before, "judgements of miniature:teacher-medium")
    probed = parrot("judge", pairs, *TEACHER, "--probe", "black-image", "--out", judged)
    refused(probed, judged, before, "judgements of miniature:teacher-medium, which")
    assert parrot("judge", pairs, *TEACHER, "--out", judged)[0] == 0
    assert judged.read_bytes() == before
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes")
    refused(parrot("judge", pairs, *TEACHER, "--out", notes), notes, b"my notes", "no judgements")
    status, _, lines = parrot("judge", pairs, *TEACHER, "--out", tmp_path)
    assert (status, len(lines)) == (2, 1)
    assert "is a folder" in lines[0]


@pytest.fixture
def run(parrot, pairs, tmp_path):
    asked = ("--teacher", "miniature:teacher", "--filters", "free", "--out", tmp_path / "run")
    assert parrot("rationalize", pairs, *asked)[0] == 0
    return tmp_path / "run"


def test_a_page_takes_the_place_of_a_page_alone(parrot, pairs, run, judged, tmp_path):
    for taken in (pairs, run / "rationales.jsonl", judged):
        refused(parrot("report", run, "--out", taken), taken, taken.read_bytes(), "no page of")
    foreign = tmp_path / "mine.html"
    foreign.write_text('<!doctype html>\n<html lang="en">\n<title>mine</title>')
    refused(parrot("report", run, "--out", foreign), foreign, foreign.read_bytes(), "no page of")
    for shown in (run, run, judged):
        assert parrot("report", shown, "--out", tmp_path / "page.html")[0] == 0
    (tmp_path / "page.html").write_text("")
    assert parrot("report", run, "--out", tmp_path / "page.html")[0] == 0


def test_a_report_of_agreement_takes_the_place_of_one_alone(parrot, pairs, run, judged, tmp_path):
    asked = ("evaluate", judged, "--protocol", "no-tie-strict", "--resamples", 10, "--json")
    for taken in (run / "run.json", run / "funnel.json", pairs):
        refused(parrot(*asked, taken), taken, taken.read_bytes(), "choose another --json")
    prose = tmp_path / "notes.md"
    prose.write_text('the "protocol" of a meeting')
    refused(parrot(*asked, prose), prose, prose.read_bytes(), "no report of parrot evaluate")
    for _ in range(2):
        assert parrot(*asked, tmp_path / "told.json")[0] == 0


def exported(parrot, run, out, to="llamafactory"):
    return parrot("export", run, "--to", to, "--out", out)


def test_an_export_takes_the_place_of_one_for_the_same_trainer_alone(parrot, run, tmp_path):
    out = tmp_path / "train"
    assert exported(parrot, run, out)[0] == 0
    before = {one.name: one.read_bytes() for one in out.iterdir() if one.is_file()}
    assert exported(parrot, run, out)[0] == 0
    assert {one.name: one.read_bytes() for one in out.iterdir() if one.is_file()} == before
    refused(
        exported(parrot, run, out, "ms-swift"), out / "README.md", before["README.md"], "ms-swift"
    )
    assert {one.name: one.read_bytes() for one in out.iterdir() if one.is_file()} == before


@pytest.mark.parametrize("name", ["README.md", "train.jsonl", "train.parquet", "dataset_info.json"])
def test_an_export_leaves_what_is_of_something_else(parrot, run, tmp_path, name):
    out = tmp_path / "mine"
    out.mkdir()
    (out / name).write_text("my notes")
    refused(exported(parrot, run, out), out / name, b"my notes", name)
    assert [one.name for one in out.iterdir()] == [name]


def test_an_export_is_not_mixed_into_a_run(parrot, run):
    before = (run / "run.json").read_bytes()
    refused(exported(parrot, run, run), run / "run.json", before, "holds run.json")
    assert not (run / "README.md").exists()


@pytest.mark.parametrize("command", ["rationalize", "filter", "project"])
def test_a_run_leaves_files_of_no_run(parrot, pairs, run, tmp_path, command):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "failed.jsonl").write_text("my notes")
    model = () if command == "filter" else ("--teacher", "miniature:teacher")
    asked = (command, pairs if command == "rationalize" else run, *model, "--out", out)
    refused(parrot(*asked), out / "failed.jsonl", b"my notes", "holds failed.jsonl and no run.json")
    assert [one.name for one in out.iterdir()] == ["failed.jsonl"]


@pytest.mark.parametrize(
    ("about", "said"),
    [({"schema": 99, "command": "rationalize"}, "later"), ({"rate": 1}, "another")],
)
def test_a_run_of_a_later_version_or_of_another_kind_stays(parrot, pairs, tmp_path, about, said):
    place = tmp_path / "run" / "run.json"
    place.parent.mkdir()
    place.write_text(json.dumps(about))
    asked = ("rationalize", pairs, "--teacher", "miniature:teacher", "--out", place.parent)
    refused(parrot(*asked), place, json.dumps(about).encode(), said)


def test_a_filter_that_could_not_read_leaves_its_place_free(parrot, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    out = tmp_path / "out"
    said = parrot("filter", tmp_path / "empty.jsonl", "--from", "genai-bench-answers", "--out", out)
    assert said[0] == 1
    assert not out.exists()


def test_requests_that_are_none_are_told_of(parrot, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    models = ("--generator", "miniature:painter", "--critic", "miniature:teacher")
    status, _, lines = parrot("refine", tmp_path / "empty.jsonl", *models, "--out", tmp_path / "o")
    assert status == 1
    assert "has no records" in lines[0]


@pytest.mark.parametrize(
    "bound",
    [
        ("--rpm", "0"),
        ("--tpm", "-1"),
        ("--max-seconds", "0"),
        ("--max-cost", "nan"),
        ("--price-in", "-3"),
        ("--plan", "--seconds-per-reply", "0"),
    ],
)
def test_bounds_out_of_range_are_wrong_options(parrot, pairs, tmp_path, bound):
    asked = ("rationalize", pairs, "--teacher", "miniature:teacher", "--out", tmp_path / "run")
    assert parrot(*asked, *bound)[0] == 2
    assert not (tmp_path / "run").exists()


def test_half_a_character_in_a_request_is_imported(parrot, pairs, tmp_path):
    first, *rest = pairs.read_text().splitlines()
    odd = json.dumps(json.loads(first) | {"prompt": "half \ud83d a parrot"})
    pairs.write_text("\n".join([odd, *rest]) + "\n")
    assert parrot("import", pairs, "--from", "plain", "--out", tmp_path / "in")[0] == 0
    read = json.loads((tmp_path / "in" / "pairs.jsonl").read_text().splitlines()[0])
    assert read["prompt"] == "half \ud83d a parrot"


def test_a_run_begun_for_later_is_told_as_json(parrot, pairs, tmp_path):
    asked = ("rationalize", pairs, "--teacher", "openai:T@http://127.0.0.1:9/v1", "--later")
    status, out, _ = parrot(*asked, "--out", tmp_path / "run", "--json")
    assert (status, json.loads(out)) == (0, {"begun": str(tmp_path / "run")})


def test_a_finished_run_is_not_begun_with_other_settings(parrot, pairs, run):
    asked = ("rationalize", pairs, "--teacher", "miniature:teacher", "--out", run, "--later")
    before = (run / "run.json").read_bytes()
    told = parrot(*asked, "--filters", "free", "--samples", 2)
    refused(told, run / "run.json", before, "samples: 1, not 2")
    assert parrot(*asked, "--filters", "free")[0] == 0
    assert (run / "run.json").read_bytes() == before


def test_a_broken_record_is_told_of_where_it_is_shown(parrot, pairs, tmp_path):
    asked = ("--teacher", "miniature:teacher", "--out", tmp_path / "run", "--filters", "free")
    parrot("rationalize", pairs, *asked)
    (tmp_path / "run" / "rationales.jsonl").write_text('{"schema": 1}\n')
    status, _, lines = parrot("show", tmp_path / "run")
    assert (status, len(lines)) == (1, 1)
    assert "'pair_id'" in lines[0]
