"""A server on loopback, on a thread of its own, over a critic whose scores are known."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import parrot
from parrot.core.engine import RetryPolicy
from parrot.core.testing.colours import critique_by_colour
from parrot.core.testing.fakes import ScriptedModel


@contextmanager
def serving(critic, *, cached=4096, **settings):
    """The url of a running server, its critic and its service."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs the extra `server`")
    pytest.importorskip("fastapi", reason="needs the extra `server`")
    from parrot.adapters.server import create_app

    model = parrot.RewardModel(critic, retry=RetryPolicy(attempts=1), cached=cached)
    app = create_app(model, **settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", access_log=False))
    ready = threading.Event()
    startup = server.startup

    async def started(sockets=None):
        await startup(sockets)
        ready.set()

    server.startup = started
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(30)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield SimpleNamespace(
            url=f"http://127.0.0.1:{port}", port=port, critic=critic, service=app.state.service
        )
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def serve():
    """`serving`, to be entered with a critic and settings."""
    return serving


@pytest.fixture(scope="module")
def served():
    """One server for tests that leave it as it was."""
    with serving(ScriptedModel(critique_by_colour), pickles=True) as running:
        yield running
