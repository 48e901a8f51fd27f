"""`parrot refine` and `parrot critique`: traces that say everything, resumption after a kill."""

import json
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("numpy", reason="the miniature draws with numpy")
pytest.importorskip("PIL", reason="images are opened with Pillow")

from parrot.backends.miniature.chance import Chance
from parrot.backends.miniature.pairs import image_for
from parrot.backends.miniature.realise import random_scene
from parrot.backends.miniature.world import Drawing
from parrot.cli import main

ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
WHO = ("--generator", "miniature:painter", "--critic", "miniature:teacher")


def run(*arguments):
    command = [*ENTRY, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def here(monkeypatch, capsys):
    """A command in this process: what it prints, complains and ends with."""

    def work(*arguments):
        monkeypatch.setattr(sys, "argv", ["parrot", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return work


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def requests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("requests")
    source = folder / "source.png"
    source.write_bytes(image_for(Drawing(random_scene(Chance("cli", 1)))).source)
    lines = [{"id": f"r{n}", "prompt": f"a red circle and {n} blue squares"} for n in range(5)]
    lines += [{"prompt": "change the background to black", "sources": ["source.png"]}]
    place = folder / "requests.jsonl"
    place.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


@pytest.fixture(scope="module")
def done(requests, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    ended = run("refine", requests, *WHO, "--rounds", "2", "--out", out, "--json")
    assert ended.returncode == 0, ended.stderr
    return out, json.loads(ended.stdout)


def test_a_file_of_requests_leaves_a_whole_trace(done):
    out, told = done
    results = rows(out / "results.jsonl")
    assert [r["id"] for r in results] == ["r0", "r1", "r2", "r3", "r4", "6"]
    assert told["requests"] == 6
    assert [len(r["sources"]) for r in results] == [0, 0, 0, 0, 0, 1]
    assert (out / results[5]["sources"][0]).read_bytes().startswith(b"\x89PNG")
    assert told["worsened"] == 0
    drafts = rows(out / "trace.jsonl")
    assert len(drafts) == told["drafts"] == sum(r["spent"]["drafts"] for r in results)
    for draft in drafts:
        assert (out / draft["image"]).is_file()
        assert draft["total"] is not None or draft["unscored"]["kind"]
        assert draft["spent"]["tokens"] > 0
    for result in results:
        own = [d for d in drafts if d["id"] == result["id"]]
        drawn = [one for step in result["decisions"] for one in step.get("draw", ())]
        assert len(drawn) == len(own)
        assert result["reward"] == max((d["total"] for d in own if "total" in d), default=None)
    about = json.loads((out / "run.json").read_text())
    assert about["status"] == "done"
    assert about["generator"] == "miniature:painter"


def results_of(out):
    """What a run came to, without the seconds, which differ."""
    return [{k: v for k, v in row.items() if k != "spent"} for row in rows(out / "results.jsonl")]


def test_a_killed_run_goes_on_to_the_same_end(requests, done, tmp_path, monkeypatch):
    out, _ = done
    half = tmp_path / "half"
    shutil.copytree(out, half)
    (half / "results.jsonl").unlink()
    lines = (half / "trace.jsonl").read_bytes().splitlines(keepends=True)
    (half / "trace.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:50])
    first = json.loads(lines[0])
    (half / first["image"]).unlink()  # its image is gone: it is drawn again
    monkeypatch.chdir(tmp_path)  # a relative folder is the same folder
    ended = run("refine", requests, *WHO, "--rounds", "2", "--out", "half", "--json")
    assert ended.returncode == 0, ended.stderr
    assert len(rows(half / "trace.jsonl")) == len(lines) + 1
    assert json.loads(ended.stdout)["asks"]["asked"] == 0  # the store has every critique
    assert results_of(half) == results_of(out)
    assert (half / first["image"]).is_file()


def test_another_run_in_the_same_folder_is_refused(requests, done):
    out, _ = done
    before = (out / "results.jsonl").read_bytes()
    ended = run("refine", requests, *WHO, "--rounds", "3", "--out", out)
    assert ended.returncode == 2
    assert "holds another run (policy" in ended.stderr
    assert (out / "results.jsonl").read_bytes() == before


def test_one_request_in_words_is_told_draft_by_draft(tmp_path):
    ended = run(
        "refine",
        "a red circle",
        *WHO,
        "--policy",
        "best-of-n",
        "--seeds",
        "3",
        "--out",
        tmp_path / "o",
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("draft ") >= 3
    assert "drawn from: a red circle (seed 2)" in ended.stdout
    assert "image: " in ended.stdout


def test_what_cannot_be_is_refused(here, tmp_path):
    for arguments, said in (
        (("a circle", *WHO, "--policy", "budget"), "needs a bound"),
        (("a circle", *WHO, "--gate", "beauty=3"), "unknown dimension 'beauty'"),
        (("a circle", *WHO, "--money-each", "1"), "--drawing-price"),
        (("none.jsonl", *WHO), "is no file"),
        (("a circle", *WHO, "--draw", "steps=3"), "option of miniature: generators"),
        (("a circle", *WHO, "--draw", "steps"), "KEY=VALUE"),
        (
            ("a circle", "--generator", "miniature:artist", "--critic", "miniature:teacher"),
            "painter",
        ),
    ):
        status, _, told = here("refine", *arguments, "--out", tmp_path / "never")
        assert (status, said in told) == (2, True), told
    assert not (tmp_path / "never").exists()


def test_a_broken_line_is_named(here, tmp_path):
    place = tmp_path / "r.jsonl"
    place.write_text('{"prompt": "a circle"}\n{"prompt": 3}\n')
    status, _, told = here("refine", place, *WHO, "--out", tmp_path / "o")
    assert status == 1
    assert "r.jsonl:2" in told
    assert "prompt" in told


def test_a_critique_to_read_and_as_json(here, done):
    out, _ = done
    image = out / rows(out / "results.jsonl")[0]["image"]
    asked = ("critique", image, "--request", "a red circle", "--model", "miniature:teacher-low")
    status, read, complaint = here(*asked)
    assert status == 0, complaint
    assert "Text Faithfulness: " in read
    assert "refined request: " in read
    told = json.loads(here(*asked, "--json")[1])
    assert told["reward"] == pytest.approx(sum(told["dimensions"].values()) / 2)
    assert told["refinement"]["request"]
    edit = here(*asked, "--source", image, "--no-refine")[1]
    assert "Image Faithfulness: " in edit
    assert "refined request" not in edit


def test_a_critique_of_no_request_is_refused_before_anything_is_asked(here, done):
    out, _ = done
    image = out / rows(out / "results.jsonl")[0]["image"]
    status, _, told = here("critique", image, "--request", " ", "--model", "miniature:teacher-low")
    assert status == 2
    assert told.startswith("error: --request is empty")
