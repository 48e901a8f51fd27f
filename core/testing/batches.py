"""The files and batches endpoints on loopback, with faults, for tests; standard library only.

Each row that is run is paid: `paid` counts how often each custom id was.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self

from attrs import define, field

from parrot.core.testing.app import Teacher
from parrot.core.testing.chat import Answer, ChatRequest, Raw, completion, error_body, usage_of
from parrot.core.testing.judge import judge

Json = dict[str, Any]


@define(slots=True)
class BatchFaults:
    """What goes wrong. lost_polls: polls that get a 500; lost_creates: batches that are made and
    not told of; row_errors: share of rows in the error file; expires: batches that end half done;
    repeats: every answer line stands twice, and one of a foreign id; polls: until a batch is over.
    """

    lost_polls: int = 0
    lost_creates: int = 0
    row_errors: float = 0.0
    expires: int = 0
    repeats: bool = False
    polls: int = 1


@define(slots=True, eq=False)
class BatchServer:
    """A server that lives as long as its `with` block, on threads of its own."""

    teacher: Teacher = judge
    faults: BatchFaults = field(factory=BatchFaults)
    files: dict[str, bytes] = field(factory=dict, init=False)
    batches: dict[str, Json] = field(factory=dict, init=False)
    paid: Counter[str] = field(factory=Counter, init=False)
    _numbers: Any = field(factory=count, init=False)
    _polls: Counter[str] = field(factory=Counter, init=False)
    _guard: Any = field(factory=threading.RLock, init=False)
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, bytes]:
        """Status and body of one request."""
        with self._guard:
            match method, path.partition("?")[0].split("/")[2:]:
                case "POST", ["files"]:
                    return 200, _json({"id": self._keep(_part(body)), "object": "file"})
                case "GET", ["files", name, "content"] if name in self.files:
                    return 200, self.files[name]
                case "POST", ["batches"]:
                    return self._create(json.loads(body))
                case "GET", ["batches"]:
                    newest = [self._shown(b) for b in reversed(self.batches.values())]
                    return 200, _json({"object": "list", "data": newest, "has_more": False})
                case "GET", ["batches", name] if name in self.batches:
                    return self._poll(name)
                case "POST", ["chat", "completions"]:
                    return self._live(body)
        return 404, error_body(f"no {path}", kind="not_found")

    def _keep(self, data: bytes) -> str:
        name = f"file-{next(self._numbers)}"
        self.files[name] = data
        return name

    def _create(self, asked: Json) -> tuple[int, bytes]:
        if asked["input_file_id"] not in self.files:
            return 400, error_body("no such file", kind="invalid_request_error")
        name = f"batch-{next(self._numbers)}"
        self.batches[name] = {"id": name, "object": "batch", "status": "in_progress", **asked}
        self._run(self.batches[name])
        if self.faults.lost_creates:
            self.faults.lost_creates -= 1
            return 500, error_body("lost", kind="server_error")
        return 200, _json(self._shown(self.batches[name]))

    def _run(self, batch: Json) -> None:
        lines = self.files[batch["input_file_id"]].splitlines()
        batch["end"] = "completed"
        if self.faults.expires:
            self.faults.expires -= 1
            batch["end"], lines = "expired", lines[: len(lines) // 2]
        good, bad = [], []
        for line in map(json.loads, lines):
            told = {"custom_id": line["custom_id"], "error": None}
            if self._fails(line["custom_id"]):
                error = {"error": {"message": "server had an error", "code": "server_error"}}
                bad.append(_json({**told, "response": {"status_code": 500, "body": error}}))
                continue
            status, body = self._asked(_json(line["body"]))
            self.paid[line["custom_id"]] += 1
            answer = {"status_code": status, "body": json.loads(body)}
            good.append(_json({**told, "response": answer}))
        if self.faults.repeats:
            good = [*good, *good, good[0].replace(good[0][15:31], b"f" * 16), b"{broken"]
        batch["output_file_id"] = self._keep(b"\n".join(good)) if good else None
        batch["error_file_id"] = self._keep(b"\n".join(bad)) if bad else None

    def _fails(self, name: str) -> bool:
        # By id and by how often it was sent, so that a second batch may bring the answer.
        self._polls[f"row {name}"] += 1
        drawn = hashlib.sha256(f"{name} {self._polls[f'row {name}']}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") / 2**32 < self.faults.row_errors

    def _asked(self, body: bytes) -> tuple[int, bytes]:
        # Alike for a row and a live request, which write one body in different bytes.
        told = json.loads(body)
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        request = ChatRequest(told, digest)
        said = self.teacher(request)
        if isinstance(said, Raw):
            return said.status, said.body
        answer = Answer(said) if isinstance(said, str) else said
        return 200, completion(request, answer, usage_of(request, answer, cached=False))

    def _live(self, body: bytes) -> tuple[int, bytes]:
        self.paid["live"] += 1
        return self._asked(body)

    def _poll(self, name: str) -> tuple[int, bytes]:
        if self.faults.lost_polls:
            self.faults.lost_polls -= 1
            return 500, error_body("lost", kind="server_error")
        self._polls[name] += 1
        if self._polls[name] >= self.faults.polls:
            self.batches[name]["status"] = self.batches[name]["end"]
        return 200, _json(self._shown(self.batches[name]))

    def _shown(self, batch: Json) -> Json:
        over = batch["status"] == batch["end"]
        hidden = () if over else ("output_file_id", "error_file_id")
        return {k: v for k, v in batch.items() if k != "end" and k not in hidden}


def _json(data: object) -> bytes:
    return json.dumps(data).encode()


def _part(body: bytes) -> bytes:
    """The file in a form of parts."""
    bound = body.partition(b"\r\n")[0]
    for part in body.split(bound):
        head, _, data = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return data.removesuffix(b"\r\n")
    raise ValueError("the form holds no file")


def _handler_of(server: BatchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self._body()
            status, said = server.answer(self.command, self.path, body, self.headers)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        do_GET = do_POST = _do  # noqa: N815  the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its parameter there
            return None

    return Handler
