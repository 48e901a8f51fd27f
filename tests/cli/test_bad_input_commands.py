"""What goes wrong from outside: one line that says what and where, nothing lost, the run goes on."""

import base64
import errno
import io
import json
import os
import re
import resource
import sqlite3
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image as Pillow

from parrot import cli
from parrot.adapters.runs import RunFolder, RunWriter
from parrot.adapters.store import SqliteStore
from parrot.backends.miniature.files import write_pairs
from parrot.core.errors import StoreFullError
from parrot.core.testing.app import Behaviour
from parrot.core.testing.chat import Answer, Raw, error_body
from parrot.core.testing.judge import judge
from parrot.core.testing.server import LoopbackServer

ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
FREE = ("--filters", "free")
KEY = "sk-very-secret-0123456789"


def picture(shade, form="PNG", **options):
    out = io.BytesIO()
    noise = Pillow.effect_noise((48, 48), shade).convert("RGB")
    noise.save(out, form, **options)
    return out.getvalue()


def bomb(width, height):
    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def row(n, **changes):
    whole = {"id": f"p{n}", "prompt": f"a red fox number {n}", "label": "A"}
    return whole | {"image_a": "a.png", "image_b": "b.png"} | changes


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    (place / "a.png").write_bytes(picture(20))
    (place / "b.png").write_bytes(picture(60))
    return place


def given(folder, rows):
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return file


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


IMAGES = {
    "unreadable": (b"no picture at all", "no known image format"),
    "empty": (b"", "is empty"),
    "png cut short": (picture(30)[:900], "cut short"),
    "jpeg cut short": (picture(30, "JPEG")[:-200], "cut short"),
    "decompression bomb": (bomb(150_000, 150_000), "pixels"),
    "missing": (None, "cannot be opened"),
    "link out of its folder": ("link", "leaves its folder"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_bad_image_fails_its_pair_alone_and_mended_goes_on(folder, tmp_path, parrot, name):
    data, why = IMAGES[name]
    bad = folder / "bad.img"
    if data == "link":
        (tmp_path / "secret.png").write_bytes(picture(90))
        bad.symlink_to(tmp_path / "secret.png")
    elif data is not None:
        bad.write_bytes(data)
    file = given(folder, [row(0), row(1, image_b="bad.img"), row(2)])
    with LoopbackServer() as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", file, "--teacher", teacher, "--out", tmp_path / "run", *FREE)
        status, _, told = parrot(*command)
        assert (status, len(told)) == (1, 1)
        assert "1 of 3 pairs failed" in told[0]
        assert "p1" in told[0]
        assert "pairs.jsonl:2" in told[0]
        assert why in told[0]
        assert server.counts.answered == 4  # the other two pairs, in both orders
        bad.unlink(missing_ok=True)
        bad.write_bytes(picture(90))
        status, _, told = parrot(*command)
        assert (status, told) == (0, [])
        assert (server.counts.answered, server.counts.repeated) == (6, 0)
    outcomes = lines(tmp_path / "run" / "outcomes.jsonl")
    assert [one["id"] for one in outcomes] == ["p0", "p1", "p2"]


def test_a_teacher_sees_pictures_upright_and_the_digest_is_of_the_file(folder, tmp_path, parrot):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # stored on its side: a quarter turn to the right makes it upright
    lying = Pillow.new("RGB", (64, 32), "red")
    lying.paste("blue", (0, 0, 32, 32))
    lying.save(folder / "a.png", "JPEG", exif=exif, quality=95)
    file, seen = given(folder, [row(0)]), []

    def look(request):
        for part in request.body["messages"][-1]["content"]:
            if part["type"] == "image_url":
                data = part["image_url"]["url"].partition(",")[2]
                seen.append(Pillow.open(io.BytesIO(base64.b64decode(data))))
        return judge(request)

    with LoopbackServer(look) as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", file, "--teacher", teacher, "--out", tmp_path / "run", *FREE)
        assert parrot(*command)[0] == 0
        asked = server.counts.answered
        assert parrot(*command)[0] == 0
        assert server.counts.answered == asked  # the same file is the same ask
    upright = next(p for p in seen if p.size == (32, 64))
    assert upright.getpixel((16, 10))[2] > 200  # blue above, red below
    assert upright.getpixel((16, 54))[0] > 200
    assert 0x0112 not in upright.getexif()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "p0", \n', "pairs.jsonl:1: not JSON"),
        ("[1, 2]\n", "pairs.jsonl:1: not an object"),
        (b'{"id": "\xff"}\n', "pairs.jsonl:1: not UTF-8"),
        ([row(0), row(0)], "pairs.jsonl:2: field 'id'"),
        ([row(0, image_a="/etc/hostname")], "pairs.jsonl:1: field 'image_a'"),
        ([row(0, image_a="../data/../../a.png")], "pairs.jsonl:1: field 'image_a'"),
        ([row(0, label="left")], "pairs.jsonl:1: field 'label': must be A, B or TIE"),
        ([{k: v for k, v in row(0).items() if k != "prompt"}], "field 'prompt': is missing"),
        ([row(0) | {"may_trian": False}], "may_train"),
        ("\n \n", "no records"),
    ],
)
def test_a_bad_record_stops_everything_before_an_ask(folder, tmp_path, parrot, text, said):
    file = folder / "pairs.jsonl"
    if isinstance(text, list):
        given(folder, text)
    else:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    teacher = ("--teacher", "miniature:teacher")
    status, _, told = parrot("rationalize", file, *teacher, "--out", tmp_path / "run")
    assert (status, len(told)) == (1, 1)
    assert said in told[0]
    assert not (tmp_path / "run").exists()


def test_parquet_that_is_none_is_one_line(folder, tmp_path, parrot):
    (folder / "pairs.parquet").write_bytes(b"PAR1 is not enough" * 9)
    teacher = ("--teacher", "miniature:teacher", "--out", tmp_path / "run")
    status, _, told = parrot("rationalize", folder / "pairs.parquet", *teacher)
    assert (status, len(told)) == (1, 1)
    assert "pairs.parquet: not sound Parquet" in told[0]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--filters", "leek-free"), "Did you mean 'leak-free'?"),
        (("--rubric", "t3i"), "auto, t2i, edit"),
        (("--wording", "gone.json"), "gone.json: No such file"),
        (("--format", "markdwn"), "Did you mean 'markup'?"),
        (("--from", "hpd"), "Did you mean 'hpdv3'?"),
        (("--teacher", "gpt-5"), "kind:target"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(folder, tmp_path, parrot, option, said):
    teacher = ("--teacher", "miniature:teacher", "--out", tmp_path / "run")
    status, _, told = parrot("rationalize", given(folder, [row(0)]), *teacher, *option)
    assert (status, len(told)) == (2, 1)
    assert said in told[0]
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("mini"), 40, seed=3, task="t2i").pairs


@pytest.fixture
def done(mini, tmp_path, parrot):
    """A finished run."""
    out = tmp_path / "run"
    assert (
        parrot("rationalize", mini, "--teacher", "miniature:teacher", "--out", out, *FREE)[0] == 0
    )
    return out


def files_of(out):
    return {p.name: p.read_bytes() for p in out.iterdir() if p.suffix in (".jsonl", ".json")}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("show", "RUN", "--dropped", "leek-free"), "Did you mean 'leak-free'?"),
        (("export", "RUN", "--to", "llama-factory", "--out", "x"), "llamafactory"),
        (("export", "RUN", "--to", "trl", "--out", "RUN/run.json"), "run.json"),
        (("filter", "RUN", "--out", "RUN"), "another run (command"),
        (("project", "RUN", "--teacher", "miniature:teacher", "--out", "RUN"), "another run"),
        (("filter", "gone"), "gone is no run folder: it does not exist"),
        (("project", "gone", "--teacher", "miniature:teacher"), "it does not exist"),
        (("batch", "status", "gone"), "it does not exist"),
        (("show", "RUN/run.json"), "it is a file"),
    ],
)
def test_a_finished_run_survives_wrong_commands(done, tmp_path, parrot, command, said):
    before = files_of(done)
    status, _, told = parrot(*(part.replace("RUN", str(done)) for part in command))
    assert status in (1, 2)
    assert len(told) == 1
    assert said in told[0]
    assert files_of(done) == before


@pytest.mark.parametrize(
    ("file", "option"),
    [("same", "--blind"), ("other", "--anchored")],
)
def test_another_run_does_not_take_a_folder_that_is_taken(
    done, mini, tmp_path, parrot, file, option
):
    before = files_of(done)
    pairs = mini if file == "same" else write_pairs(tmp_path / "other", 10, seed=9).pairs
    teacher = ("--teacher", "miniature:teacher", option)
    status, _, told = parrot("rationalize", pairs, *teacher, "--out", done, *FREE)
    assert (status, len(told)) == (2, 1)
    assert "holds another run" in told[0]
    assert "--out" in told[0]
    assert files_of(done) == before


def test_a_stop_does_not_replace_results_that_came_further(mini, tmp_path, parrot):
    with LoopbackServer() as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", mini, "--teacher", teacher, "--out", tmp_path, *FREE)
        assert parrot(*command)[0] == 0
        before = files_of(tmp_path)
        server.change(api_key="changed")
        status, _, told = parrot(*command, "--temperature", "0.5")
        assert (status, len(told)) == (3, 1)
        assert files_of(tmp_path) == before
        assert not list(tmp_path.glob("*.partial"))


def test_a_stopped_first_run_shows_what_it_has(mini, tmp_path, parrot):
    command = ("rationalize", mini, "--teacher", "miniature:teacher", "--out", tmp_path, *FREE)
    status, _, told = parrot(*command, "--max-asks", 30, "--concurrency", 4)
    assert (status, len(told)) == (3, 1)
    assert "stopped" in RunFolder(tmp_path).about["status"]
    first = len(lines(tmp_path / "outcomes.jsonl"))
    assert 0 < first < 40
    assert parrot(*command)[0] == 0
    assert len(lines(tmp_path / "outcomes.jsonl")) == 40
    assert RunFolder(tmp_path).about["status"] == "done"


def test_a_full_disk_is_one_line_and_nothing_paid_for_is_asked_again(mini, tmp_path):
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    with LoopbackServer(behaviour=Behaviour(latency_s=0.05)) as server:
        teacher = ("--teacher", f"openai:{server.target('judge')}", "--concurrency", "2")
        command = [*ENTRY, "rationalize", str(mini), *teacher, "--out", str(tmp_path), *FREE]
        full = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, preexec_fn=small
        )
        told = [line for line in full.stderr.splitlines() if not line.startswith('{"')]
        assert (full.returncode, len(told)) == (1, 1), full.stderr
        assert str(tmp_path) in told[0]
        paid = sum(1 for _ in SqliteStore(tmp_path / "store.sqlite", read_only=True).scan())
        answered = server.counts.answered
        assert paid > 0
        assert answered - paid <= 20  # at most the last quarter second, which is one commit
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        assert server.counts.repeated <= answered - paid
    assert len(lines(tmp_path / "outcomes.jsonl")) == 40


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_do_not_fit_leave_the_store_and_no_half_files(mini, tmp_path, parrot):
    (tmp_path / "rationales.jsonl.partial").symlink_to("/dev/full")
    with LoopbackServer() as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", mini, "--teacher", teacher, "--out", tmp_path, *FREE)
        status, _, told = parrot(*command)
        assert (status, len(told)) == (1, 1)
        assert "no space left" in told[0]
        assert not list(tmp_path.glob("*.partial"))
        assert server.counts.answered > 0
        assert parrot(*command)[0] == 0
        assert server.counts.repeated == 0


def test_a_writer_says_what_it_could_not_write(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StoreFullError, match=r"run\.json"), monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", full)
        with RunWriter(tmp_path, images_root=tmp_path, about={"command": "x"}):
            pass


def test_a_store_of_a_later_version_is_left_alone(done, mini, parrot):
    db = sqlite3.connect(done / "store.sqlite")
    with db:
        db.execute("update meta set value = '99' where name = 'schema'")
    db.close()
    before = files_of(done)
    command = ("rationalize", mini, "--teacher", "miniature:teacher", "--out", done, *FREE)
    status, _, told = parrot(*command)
    assert (status, len(told)) == (1, 1)
    assert "version 99" in told[0]
    assert "upgrade" in told[0]
    assert files_of(done) == before


def test_a_second_process_is_turned_away(done, mini, parrot):
    before = files_of(done)
    command = ("rationalize", mini, "--teacher", "miniature:teacher", "--out", done, *FREE)
    with SqliteStore(done / "store.sqlite"):
        status, _, told = parrot(*command)
        assert (status, len(told)) == (1, 1)
        assert f"in use by another process (process {os.getpid()})" in told[0]
        assert files_of(done) == before
    assert parrot(*command)[0] == 0


@pytest.mark.parametrize(
    ("wants", "said"),
    [
        ({"api_key": "right"}, "PARROT_API_KEY_127_0_0_1"),
        ({"models": frozenset({"other"})}, "'judge' does not exist"),
    ],
)
def test_no_access_is_one_line_and_then_goes_on(mini, tmp_path, parrot, monkeypatch, wants, said):
    with LoopbackServer(behaviour=Behaviour(**wants)) as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", mini, "--teacher", teacher, "--out", tmp_path, *FREE)
        status, _, told = parrot(*command)
        assert (status, len(told)) == (3, 1)
        assert said in told[0]
        server.change(models=None)
        monkeypatch.setenv("PARROT_API_KEY_127_0_0_1", "right")
        assert parrot(*command)[0] == 0
    assert len(lines(tmp_path / "outcomes.jsonl")) == 40


def everything_in(folder):
    found = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    return found + b"".join(str(p).encode() for p in folder.rglob("*"))


def echoing(request):
    """Every way a server may repeat what it was sent, turn by turn."""
    told = json.dumps(request.headers)
    kind = int(request.digest[:4], 16) % 9
    said = {
        0: Raw(400, error_body(told, kind="invalid_request_error")),
        1: Raw(500, error_body(told, kind="server_error")),
        2: Raw(422, told.encode()),
        3: Raw(200, json.dumps({"error": {"message": told}}).encode()),
        4: Raw(200, json.dumps(told).encode()),
        5: Raw(200, f"<html>{told}</html>".encode()),
        6: Raw(429, error_body(told, kind="requests"), {"retry-after": "0"}),
        7: Raw(200, json.dumps({"choices": [{"message": {"refusal": told}}]}).encode()),
        8: Answer(f"{judge(request).text}\n{told}"),
    }[kind]
    return said if kind in (0, 7, 8) or request.attempt == 1 else judge(request)


def test_no_key_is_written_anywhere_though_the_server_repeats_it(
    mini, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("PARROT_API_KEY_127_0_0_1", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-host-987654321")
    with LoopbackServer(echoing) as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", mini, "--teacher", teacher, "--max-failures", 1)
        out = ("--out", tmp_path / "run")
        monkeypatch.setattr(sys, "argv", ["parrot", *map(str, (*command, *out, *FREE))])
        with pytest.raises(SystemExit):
            cli.main()
        assert server.counts.keys == {f"Bearer {KEY}"}
    said = capfd.readouterr()
    seen = everything_in(tmp_path / "run") + (said.out + said.err).encode()
    assert lines(tmp_path / "run" / "failed.jsonl")
    assert b"***" in seen
    # Not even half of it, as a message that is cut amid the key would leave.
    assert not re.search(rb"sk-very-secr|0123456789", seen)
    assert b"sk-of-another" not in seen


def test_a_redirect_takes_no_key_to_another_host(mini, tmp_path, parrot, monkeypatch):
    monkeypatch.setenv("PARROT_API_KEY_127_0_0_1", KEY)
    with LoopbackServer() as other:

        def away(_):
            place = other.url.replace("127.0.0.1", "localhost") + "/chat/completions"
            return Raw(307, b"", {"location": place})

        with LoopbackServer(away) as server:
            teacher = f"openai:{server.target('judge')}"
            out = ("--out", tmp_path)
            status, _, told = parrot("rationalize", mini, "--teacher", teacher, *out, *FREE)
        assert status != 0
        assert len(told) == 1
        assert other.counts.requests == 0


def test_a_key_goes_only_to_the_host_it_was_set_for(mini, tmp_path, parrot, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with LoopbackServer() as own, LoopbackServer() as other:
        monkeypatch.setenv("OPENAI_BASE_URL", own.url)
        teacher = f"openai:{other.target('judge')}"
        out = ("--out", tmp_path / "x", "--limit", 2)
        assert parrot("rationalize", mini, "--teacher", teacher, *out, *FREE)[0] == 0
        assert other.counts.keys == {"Bearer no-key"}
        out = ("--out", tmp_path / "y", "--limit", 2)
        assert parrot("rationalize", mini, "--teacher", "openai:judge", *out, *FREE)[0] == 0
        assert own.counts.keys == {f"Bearer {KEY}"}


def test_a_server_that_only_fails_stops_the_run_and_says_why(tmp_path, parrot):
    many = write_pairs(tmp_path / "pairs", 600, seed=8, task="t2i").pairs

    def refuse(_):
        return Raw(400, error_body("pictures are not for me", kind="invalid_request_error"))

    with LoopbackServer(refuse) as server:
        teacher = f"openai:{server.target('judge')}"
        command = ("rationalize", many, "--teacher", teacher, "--out", tmp_path / "run", *FREE)
        status, _, told = parrot(*command)
    assert (status, len(told)) == (3, 1)
    assert "asks failed" in told[0]
    assert "pictures are not for me" in told[0]
    assert server.counts.requests < 600
