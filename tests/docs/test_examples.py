"""Every Python block and every `parrot` line of README and docs runs, as a newcomer would run it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS_A_SERVER = "@http://"


def blocks(language):
    for page in PAGES:
        found = [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]
        if found:
            yield pytest.param(found, id=str(page.relative_to(ROOT)))


def run(command, folder):
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},  # the demo's own folder goes with the test's
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("codes", list(blocks("python")))
def test_python_blocks_run(codes, tmp_path):
    for code in codes:
        run([sys.executable, "-W", "error", "-c", code], tmp_path)


@pytest.mark.parametrize("scripts", list(blocks("sh")))
def test_commands_run(scripts, tmp_path):
    entry = "from parrot.cli import main; main()"
    for script in scripts:
        lines = [shlex.split(line) for line in script.splitlines() if line.startswith("parrot ")]
        if NEEDS_A_SERVER in script:
            continue  # the same commands run against the loopback server in tests/cli
        for _, *arguments in lines:
            run([sys.executable, "-c", entry, *arguments], tmp_path)
