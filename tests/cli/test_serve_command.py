"""`parrot serve` as a process: its address, an answer, a stop that loses nothing."""

import base64
import os
import signal
import subprocess
import sys

import pytest

from parrot.backends.images import original_bytes
from parrot.backends.miniature.pairs import stream

httpx = pytest.importorskip("httpx", reason="needs httpx")
pytest.importorskip("uvicorn", reason="needs the extra `server`")
ENTRY = [sys.executable, "-c", "from parrot.cli import main; main()", "serve"]


def started(*options, **environment):
    return subprocess.Popen(
        [*ENTRY, "--critic", "miniature:teacher", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_it_serves_on_loopback_and_stops_when_told():
    pair = next(pair for pair, _ in stream(1, seed=1))
    images = [
        base64.b64encode(original_bytes(one)).decode() for one in (pair.image_a, pair.image_b)
    ]
    body = {"items": [{"prompt": pair.request.prompt, "image": image} for image in images]}
    with started(PARROT_SERVER_TOKEN="sesame") as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            with httpx.Client(base_url=url, timeout=60) as client:
                assert client.get("/ready").json()["model"] == "miniature:teacher-medium"
                assert client.post("/score", json=body).status_code == 401
                told = {"Authorization": "Bearer sesame"}
                results = client.post("/score", json=body, headers=told).json()["results"]
                assert all(0.0 <= one["total"] <= 1.0 for one in results)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--aggregate", "means"), "Did you mean 'mean'"),
        (("--form", "pair"), "pairwise"),
        (("--rubric", "nowhere"), "no rubric"),
        (("--critic", "miniature:teechar"), "Did you mean"),
    ],
)
def test_wrong_options_are_a_line(options, said):
    with started(*options) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said in errors
    assert "Traceback" not in errors


def test_open_to_all_is_said():
    with started("--host", "0.0.0.0") as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert "PARROT_SERVER_TOKEN is not set" in errors
