"""Ctrl-C, a reader that goes away, a terminal that knows only ASCII: each has its own clean end."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip("numpy", reason="the miniature needs the extra miniature")

from parrot.backends.miniature.files import write_pairs
from parrot.core.testing.app import Behaviour
from parrot.core.testing.judge import judge
from parrot.core.testing.server import LoopbackServer

ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()"]
TOLD = "interrupted; the same command goes on from what is stored"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), 40, seed=3, task="t2i").pairs


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    """A finished run whose requests are not in ASCII."""
    rows = [json.loads(line) for line in pairs.read_text().splitlines()][:4]
    named = [row | {"prompt": f"café {row['prompt']} 狐🦊"} for row in rows]
    file = pairs.with_name("named.jsonl")
    file.write_text("".join(json.dumps(row) + "\n" for row in named))
    out = tmp_path_factory.mktemp("runs") / "run"
    teacher = ("--teacher", "miniature:teacher", "--filters", "well-formed")
    command = [*ENTRY, "rationalize", str(file), *teacher, "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def interrupted(arguments, asked):
    """Status and error lines of a command that gets Ctrl-C once its server was asked."""
    child = subprocess.Popen(
        [*ENTRY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert asked.wait(60)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=120)
    return child.returncode, [line for line in said.splitlines() if not line.startswith('{"')]


def image_of(pairs):
    return pairs.parent / json.loads(pairs.read_text().splitlines()[0])["image_a"]


def commands(pairs, model, out):
    """A command of each kind that asks, by its name."""
    more = ("--concurrency", 1, "--out")
    return {
        "rationalize": (pairs, "--teacher", model, *more, out),
        "judge": (pairs, "--model", model, *more, out),
        "critique": (image_of(pairs), "--request", "a fox", "--model", model),
        "refine": ("a fox", "--generator", "miniature:painter", "--critic", model, *more, out),
    }


@pytest.mark.parametrize("name", ["rationalize", "judge", "critique", "refine"])
def test_ctrl_c_ends_with_130_and_one_line(name, pairs, tmp_path):
    asked = threading.Event()

    def teacher(request):
        asked.set()
        return judge(request)

    with LoopbackServer(teacher, Behaviour(latency_s=0.1)) as server:
        model = f"openai:{server.target('judge')}"
        arguments = commands(pairs, model, tmp_path / "out")[name]
        assert interrupted((name, *arguments), asked) == (130, [TOLD])


def test_ctrl_c_ends_a_command_that_asks_nobody_alike(pairs, tmp_path, parrot, monkeypatch):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("parrot.adapters.datasets.writing.write_pairs", pressed)
    command = ("import", pairs, "--from", "plain", "--out", tmp_path / "out")
    assert parrot(*command) == (130, "", [TOLD])


def without_reader(*arguments):
    """What a command says that writes into a pipe which nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [*ENTRY, *map(str, arguments)]
        return subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize("arguments", [("show", "RUN"), ("filter", "RUN"), ("--help",)])
def test_a_reader_that_left_is_no_error(arguments, run):
    done = without_reader(*(run if part == "RUN" else part for part in arguments))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_left_does_not_hide_what_failed(run, tmp_path):
    done = without_reader("show", tmp_path / "gone")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def in_ascii(*arguments):
    command = [*ENTRY, *map(str, arguments)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    return subprocess.run(command, capture_output=True, check=False, env=env)


def test_a_terminal_of_ascii_shows_what_it_cannot_carry_as_escapes(run):
    done = in_ascii("show", run, "-n", 1)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"request: caf\u00e9 " in done.stdout
    assert rb"\u72d0\ud83e\udd8a" in done.stdout


def test_json_on_a_terminal_of_ascii_is_still_json(run):
    done = in_ascii("show", run, "-n", 1, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    prompt = json.loads(done.stdout)["pair"]["prompt"]
    assert (prompt[:5], prompt[-3:]) == ("café ", " 狐🦊")


def test_a_stdout_that_was_never_open_is_no_error(run):
    closed = f'exec {sys.executable} -c "from parrot.cli import main; main()" doctor >&-'
    ended = subprocess.run(["sh", "-c", closed], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
