"""A chat-completions server that costs its machine little, so that clients are what is measured.

Run: python tests/benchmarks/lean_server.py [--latency 0.05] [--cap N] [--noise SHARE]

It reads no JSON and always writes the same 600-token reply after a log-normal time. It answers 429
beyond `cap` requests at once, and to `noise` of all requests at random. `GET /stats` tells and
clears its counts; `GET /set?cap=60&noise=0.1&latency=0.2` changes it. Where the library's own loopback
server (`parrot.core.testing.server`) judges and keeps books, this one only counts.
"""

import argparse
import asyncio
import json
import random
import re
import time
from urllib.parse import parse_qsl, urlsplit

REPLY = " ".join(["word"] * 600)
BODY = json.dumps(
    {
        "id": "c-0",
        "object": "chat.completion",
        "created": 0,
        "model": "lean",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": REPLY, "refusal": None},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 600, "total_tokens": 1600},
    }
).encode()
REFUSAL = json.dumps({"error": {"message": "slow down", "type": "requests"}}).encode()
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def answer(status, body, more=b""):
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
    return head % (status, len(body), more) + body


OK = answer(b"200 OK", BODY)
TOO_MANY = answer(b"429 Too Many Requests", REFUSAL, b"retry-after: 1\r\n")


class State:
    latency, sigma, cap, noise = 0.05, 0.5, None, 0.0

    def __init__(self):
        self.chance = random.Random(0)
        self.serving = 0
        self.clear()

    def clear(self):
        self.served = self.refused = self.peak = self.bytes = self.connections = 0
        self.began, self.cpu = time.monotonic(), time.process_time()

    def told(self):
        counts = {
            n: getattr(self, n) for n in ("served", "refused", "peak", "bytes", "connections")
        }
        counts["seconds"] = time.monotonic() - self.began
        counts["cpu"] = time.process_time() - self.cpu
        self.clear()
        return counts

    def delay(self):
        return self.latency * self.chance.lognormvariate(-(self.sigma**2) / 2, self.sigma)


class Connection(asyncio.Protocol):
    def __init__(self, state):
        self.state, self.data, self.wanted = state, bytearray(), None

    def connection_made(self, transport):
        self.transport = transport
        self.state.connections += 1

    def data_received(self, data):
        self.data += data
        while True:
            if self.wanted is None:
                end = self.data.find(b"\r\n\r\n")
                if end < 0:
                    return
                head = bytes(self.data[:end])
                del self.data[: end + 4]
                found = LENGTH.search(head)
                self.head, self.wanted = head, int(found[1]) if found else 0
            if len(self.data) < self.wanted:
                return
            self.state.bytes += self.wanted
            del self.data[: self.wanted]
            self.wanted = None
            self.asked()

    def asked(self):
        state = self.state
        method, path, _ = self.head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        if method == "GET":
            if path.startswith("/set"):
                for name, value in parse_qsl(urlsplit(path).query):
                    setattr(state, name, json.loads(value))
            self.transport.write(answer(b"200 OK", json.dumps(state.told()).encode()))
            return
        full = state.cap is not None and state.serving >= state.cap
        if full or state.chance.random() < state.noise:
            state.refused += 1
            self.transport.write(TOO_MANY)
            return
        state.serving += 1
        state.peak = max(state.peak, state.serving)
        asyncio.get_running_loop().call_later(state.delay(), self.serve)

    def serve(self):
        self.state.serving -= 1
        self.state.served += 1
        if not self.transport.is_closing():
            self.transport.write(OK)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--cap", type=int)
    parser.add_argument("--noise", type=float, default=0.0)
    given = parser.parse_args()
    state = State()
    state.latency, state.cap, state.noise = given.latency, given.cap, given.noise
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(state), "127.0.0.1", given.port, backlog=2048
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
