"""Malformed, huge, truncated and hostile requests: a 4xx or a clean close, no code run, no 500."""

import base64
import json
import pickle
import random
import socket
import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parrot
from parrot.core.testing.colours import critique_by_colour
from parrot.core.testing.expecting import UNHURRIED
from parrot.core.testing.fakes import ScriptedModel, plain_image

unhurried = settings(deadline=None, suppress_health_check=UNHURRIED)  # no clock decides

httpx = pytest.importorskip("httpx", reason="needs httpx")
pytest.importorskip("fastapi", reason="needs the extra `server`")

from parrot.adapters.server.refusing import Refusal  # noqa: E402
from parrot.adapters.server.unpickling import plain_pickle  # noqa: E402

PNG = plain_image(3, 4, 5).source
GOOD = base64.b64encode(PNG).decode()
PATHS = ("/score", "/compute", "/mode/logits_non_cot", "/v1/chat/completions")
RAN = []


class Harmful:
    """A pickle that would call something."""

    def __reduce__(self):
        return (RAN.append, ("ran",))


def bomb_png(side=30_000):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 10_000)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    framed = b"".join(
        struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b))
        for kind, b in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + framed


GOOD_BODIES = {
    "/score": {"items": [{"prompt": "a fox", "image": GOOD, "sources": [GOOD]}], "critiques": True},
    "/compute": {"prompt": ["a fox"], "image": [GOOD], "condition_images": [[GOOD]]},
    "/v1/chat/completions": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a fox"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{GOOD}"}},
                ],
            }
        ],
        "temperature": 0.0,
    },
}
ODD = (
    None, True, -1, 1e308, 10**40, "", "x", "\x00", "data:,", "file:///etc/passwd",
    "http://127.0.0.1/", "../../etc/passwd", "A" * 5000, [], {}, [[]], [None], {"": {}}, GOOD[:-9],
    base64.b64encode(bomb_png()).decode(), base64.b64encode(b"GIF89a" + bytes(40)).decode(),
    base64.b64encode(PNG[:60]).decode(), "data:text/html;base64,PGI+",
)  # fmt: skip


def mutated(value, rng):
    """The value with one place of it changed to something odd, or gone."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(sorted(value))
        if rng.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], mutated(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD)


def hostile(seed):
    """A path and a body that no well-meaning client sends (a few are harmless after all)."""
    rng = random.Random(seed)
    path = rng.choice(PATHS)
    kind = rng.randrange(8)
    if kind == 0:
        return path, rng.randbytes(rng.randrange(400))
    if kind == 1:
        depth = rng.choice((50, 3_000, 200_000))
        return path, rng.choice((b"[", b'{"items":', b'{"a":[')) * depth
    if kind == 2:
        text = json.dumps(GOOD_BODIES.get(path, GOOD_BODIES["/score"])).encode()
        return path, text[: rng.randrange(len(text))]
    if kind == 3:
        return path, rng.choice((
            b'{"items": NaN}', b'{"items": Infinity}', b"9" * 6000, b'{"a": 1' + b"0" * 9000 + b"}",
            b'{"items":[{"prompt":"\\ud800","image":"' + GOOD.encode() + b'"}]}', b"\xff\xfe{}", b"",
            b'"items"', b"null", b"[]", b'{"items":[],"items":[]}',
        ))  # fmt: skip
    if kind == 4:
        body = pickle.dumps({"images": [PNG], "prompts": ["a fox"], "x": Harmful()})
        return "/mode/logits_non_cot", body
    if kind == 5:
        body = bytearray(pickle.dumps({"images": [PNG], "prompts": ["a fox"]}))
        for _ in range(rng.randrange(1, 6)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        return "/mode/logits_non_cot", bytes(body[: rng.randrange(1, len(body) + 1)])
    if kind == 6:
        return "/mode/logits_non_cot", rng.choice(PICKLE_BOMBS)
    good = GOOD_BODIES.get(path, GOOD_BODIES["/score"])
    return path, json.dumps(mutated(good, rng)).encode()


PICKLE_BOMBS = (
    b"\x80\x04r\xff\xff\xff\x7f.",  # a memo slot of two thousand millions
    b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",  # a bytearray of a terabyte
    b"\x80\x04\x8e" + struct.pack("<Q", 2**50) + b"x.",
    b"\x80\x04\x8b" + struct.pack("<i", 2**30) + b"1.",
    b"\x80\x04" + b"(" * 200_000 + b".",
    b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b".",
    b"\x80\x04cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    b"\x80\x04ctorch\ntensor\n.",
    b"Pxyz\n.",
    b"\x80\x04}(K\x01K\x02K\x03u.",
)


def ask(client, url, path, body):
    response = client.post(url + path, content=body)
    assert response.status_code < 500, (path, body[:200], response.text[:200])
    return response.status_code


def answers_many(served, seeds):
    statuses = {}
    with httpx.Client(timeout=60) as client:
        for seed in seeds:
            path, body = hostile(seed)
            status = ask(client, served.url, path, body)
            statuses[status] = statuses.get(status, 0) + 1
        for path, body in GOOD_BODIES.items():  # it still works
            assert client.post(served.url + path, json=body).status_code == 200
    assert not RAN
    assert served.service.admission.held == served.service.admission.drawings == 0
    return statuses


def test_hundreds_of_hostile_bodies(served):
    statuses = answers_many(served, range(200))
    refused = sum(count for status, count in statuses.items() if status >= 400)
    assert refused > 150


def test_hostile_bodies_for_a_critic_that_looks_closely(serve):
    with serve(parrot.open_model("miniature:teacher"), pickles=True) as served:
        answers_many(served, range(20_000, 20_060))


@pytest.mark.deep
def test_ten_thousand_hostile_bodies(served):
    statuses = answers_many(served, range(200, 10_200))
    assert sum(statuses.values()) == 10_000


@pytest.mark.parametrize("bomb", PICKLE_BOMBS, ids=range(len(PICKLE_BOMBS)))
def test_pickle_bombs_are_refused_at_once(bomb):
    with pytest.raises(Refusal) as caught:
        plain_pickle(bomb)
    assert caught.value.status == 400


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.text() | st.binary()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@unhurried
@given(value=plain, protocol=st.sampled_from((3, 4, 5)))
def test_plain_pickles_read_as_pickle_reads_them(value, protocol):
    assert plain_pickle(pickle.dumps(value, protocol)) == value


@unhurried
@given(data=st.binary(max_size=200))
def test_whatever_the_bytes_only_a_refusal_comes_out(data):
    for tail in (b"", b"."):
        try:
            plain_pickle(b"\x80\x04" + data + tail)
        except Refusal as refusal:
            assert refusal.status == 400


def test_shared_references_do_not_multiply_bytes(served):
    image = PNG * 1000
    prompt = "a" * len(image)
    wished = [{"requirement": prompt}] * 200
    for columns in (
        {"images": [image] * 200, "prompts": ["a"] * 200},
        {"images": [PNG] * 200, "prompts": [prompt] * 200},
        {"images": [PNG] * 200, "prompts": ["a"] * 200, "metadatas": wished},
    ):
        body = pickle.dumps(columns, 4)
        assert len(body) < 2 * len(image)
        answer = httpx.post(f"{served.url}/mode/logits_non_cot", content=body)
        assert answer.status_code == 400
        assert "says more than it has" in answer.json()["error"]


def raw(served, request, *, half_close=True):
    """What comes back for raw bytes; empty for a clean close."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        got = b""
        with suppress(OSError):  # closed while we were still sending
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                got += part
    return got


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
        b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /" + b"a" * 200_000,
        b"POST /score HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000,
        b"\r\n\r\n",
    ],
    ids=["truncated", "bad chunk", "negative length", "tls", "long line", "many headers", "empty"],
)
def test_broken_connections_are_closed_cleanly(served, request_):
    got = raw(served, request_)
    assert got == b"" or got.split(b" ", 2)[1].startswith(b"4"), got[:200]
    assert httpx.get(f"{served.url}/health").status_code == 200


def test_a_body_that_says_it_is_too_large_is_not_read(served):
    head = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n"
    got = raw(served, head, half_close=False)
    assert b" 413 " in got.split(b"\r\n")[0]
    assert b"\r\nconnection: close\r\n" in got.lower()


def test_a_body_that_does_not_say_so_is_cut_off(serve):
    from parrot.adapters.server import Limits

    def endless():
        while True:
            yield b" " * 65536

    limits = Limits(body=2**20)
    with serve(ScriptedModel(critique_by_colour), limits=limits) as served:
        with suppress(httpx.TransportError):  # closed while we were still sending
            answer = httpx.post(f"{served.url}/score", content=endless(), timeout=20)
            assert answer.status_code == 413
        assert served.service.counts.requests["/score", 413] == 1
        assert served.service.admission.held == 0


def test_a_body_that_never_comes_times_out(serve):
    from parrot.adapters.server import Limits

    limits = Limits(read_seconds=0.2)
    with serve(ScriptedModel(critique_by_colour), limits=limits) as served:
        head = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
        assert b" 408 " in raw(served, head, half_close=False).split(b"\r\n")[0]


def test_pixels_are_limited_before_any_is_decoded(served):
    image = base64.b64encode(bomb_png()).decode()
    answer = httpx.post(f"{served.url}/score", json={"items": [{"prompt": "a", "image": image}]})
    assert answer.status_code in {400, 413}
    assert "pixels" in answer.json()["error"]


def test_the_limit_on_pixels_is_the_servers(serve):
    from parrot.adapters.server import Limits

    with serve(ScriptedModel(critique_by_colour), limits=Limits(pixels=63)) as served:
        for body in (GOOD_BODIES["/score"], GOOD_BODIES["/compute"]):
            path = "/score" if "items" in body else "/compute"
            answer = httpx.post(served.url + path, json=body)
            assert answer.status_code == 413
            assert "8 x 8 pixels" in answer.json()["error"]
