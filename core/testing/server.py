"""An OpenAI-compatible server on loopback, for tests and benchmarks; standard library only.

`LoopbackServer` runs on a thread of its own; `python -m parrot.core.testing.server` runs alone,
with the scripted judge as its teacher, so that whole pipelines run against it without any model.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import define, evolve, field

from parrot.core.testing.app import App, Behaviour, Counts, Painter, Teacher
from parrot.core.testing.faults import Faults, mixed
from parrot.core.testing.images import paint
from parrot.core.testing.judge import judge

_HEAD_LIMIT = 2**16
_BACKLOG = 2048


async def serve(app: App, *, port: int, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Serves on 127.0.0.1 until `stop` is set. port 0 takes any; `ready` is told which."""
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await app.handle(reader, writer)
        except asyncio.CancelledError:
            return  # the server stops: ending quietly is all there is to do
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(
        connection, "127.0.0.1", port, limit=_HEAD_LIMIT, backlog=_BACKLOG
    )
    ready(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@define(slots=True, eq=False)
class LoopbackServer:
    """A server that lives as long as its `with` block, on a thread of its own.

    teacher: what answers; painter: what draws; `url` ends in /v1; `target("m")` is what `openai:` takes.
    """

    teacher: Teacher = judge
    behaviour: Behaviour = field(factory=Behaviour)
    painter: Painter = paint
    _app: App = field(init=False)
    _port: int = field(default=0, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _stop: asyncio.Event = field(factory=asyncio.Event, init=False)
    _ready: threading.Event = field(factory=threading.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._app = App(self.teacher, self.behaviour, painter=self.painter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def counts(self) -> Counts:
        return self._app.counts

    def target(self, model: str = "loopback") -> str:
        """`MODEL@URL`, what `parrot.backends.openai.open_model` takes."""
        return f"{model}@{self.url}"

    def change(self, **changes: Any) -> None:
        """Behaves otherwise from the next request on: fields of `Behaviour`."""
        self._app.behaviour = evolve(self._app.behaviour, **changes)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="loopback-server", daemon=True)
        self._thread.start()
        if not self._ready.wait(timeout=10):
            raise TimeoutError("the loopback server did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await serve(self._app, port=0, stop=self._stop, ready=self._started)

    def _started(self, port: int) -> None:
        self._port = port
        self._ready.set()


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m parrot.core.testing.server")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--faults", type=float, default=0.0, help="share of faulty attempts")
    parser.add_argument("--throttled", type=float, default=0.0, help="share of random 429")
    parser.add_argument("--seed", type=int, default=0, help="decides which attempts are faulty")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--capacity", type=int, help="requests admitted at once; others get 429")
    parser.add_argument("--api-key", help="the only key that is let in")
    parser.add_argument("--log", type=Path, help="a JSON line for each request")
    return parser.parse_args(argv)


def _behaviour(given: argparse.Namespace) -> Behaviour:
    faults = mixed(given.faults, seed=given.seed)
    if given.throttled:
        faults = Faults(throttled=given.throttled, seed=given.seed)
    return Behaviour(
        faults=faults,
        capacity=given.capacity,
        latency_s=given.latency_ms / 1000,
        api_key=given.api_key,
    )


async def _alone(app: App, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(port: int) -> None:
        sys.stdout.write(f"serving on http://127.0.0.1:{port}/v1\n")
        sys.stdout.flush()

    await serve(app, port=port, stop=stop, ready=ready)


def main(argv: list[str] | None = None) -> None:
    """Serves until interrupted; says its URL on the first line of standard output."""
    given = _arguments(argv)
    app = App(judge, _behaviour(given))
    if given.log is None:
        asyncio.run(_alone(app, given.port))
        return
    with given.log.open("a", buffering=1, encoding="utf-8") as app.log:
        asyncio.run(_alone(app, given.port))


if __name__ == "__main__":
    main()
