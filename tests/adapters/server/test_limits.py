"""A full queue, tokens, and the end of a server."""

import asyncio
import base64
import threading
import time

import pytest

from parrot.core.testing.colours import critique_by_colour
from parrot.core.testing.fakes import ScriptedModel, plain_image

httpx = pytest.importorskip("httpx", reason="needs httpx")
pytest.importorskip("fastapi", reason="needs the extra `server`")

from parrot.adapters.server import Limits  # noqa: E402
from parrot.adapters.server.limits import Admission  # noqa: E402
from parrot.adapters.server.refusing import Refusal  # noqa: E402


def items(first, count):
    images = [plain_image(first % 256, n, 3).source for n in range(count)]
    return {"items": [{"prompt": "a fox", "image": base64.b64encode(i).decode()} for i in images]}


class Held(ScriptedModel):
    """Answers nothing until it is let go."""

    def __init__(self):
        super().__init__(critique_by_colour)
        self.gate = threading.Event()

    async def reply(self, ask, /):
        await asyncio.to_thread(self.gate.wait, 30)
        return await super().reply(ask)


async def until(condition):
    while not condition():  # noqa: ASYNC110  another thread's loop brings it about
        await asyncio.sleep(0.005)


def test_a_full_queue_says_429_and_when_to_come_back_and_recovers(serve):
    critic = Held()

    async def main(served):
        async with httpx.AsyncClient(timeout=30, base_url=served.url) as client:
            tasks = [asyncio.ensure_future(client.post("/score", json=items(n, 4))) for n in (0, 1)]
            await until(lambda: served.service.admission.drawings == 8)
            full = await client.post("/score", json=items(2, 4))
            assert full.status_code == 429
            assert 1 <= int(full.headers["retry-after"]) <= 60
            assert (await client.get("/ready")).status_code == 200  # two places are left
            fits = asyncio.ensure_future(client.post("/score", json=items(3, 2)))
            await until(lambda: served.service.admission.drawings == 10)
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/health")).status_code == 200
            critic.gate.set()
            answers = await asyncio.gather(*tasks, fits)
            assert [answer.status_code for answer in answers] == [200] * 3
            assert (await client.post("/score", json=items(2, 4))).status_code == 200
            assert (await client.get("/ready")).status_code == 200

    with serve(critic, limits=Limits(queue=10, items=8)) as served:
        asyncio.run(main(served))
        assert served.service.admission.drawings == 0
        assert served.service.admission.refused == 1
        assert httpx.post(f"{served.url}/score", json=items(0, 9)).status_code == 413


def test_bytes_of_all_bodies_together_are_bounded(serve):
    critic = Held()
    body = items(0, 1)
    body["items"][0]["prompt"] = "x" * 60_000

    async def main(served):
        async with httpx.AsyncClient(timeout=30, base_url=served.url) as client:
            first = asyncio.ensure_future(client.post("/score", json=body))
            await until(lambda: served.service.admission.drawings == 1)
            again = await client.post("/score", json=body)
            assert again.status_code == 429
            assert "bytes" in again.json()["error"]
            critic.gate.set()
            assert (await first).status_code == 200
            assert (await client.post("/score", json=body)).status_code == 200

    with serve(critic, limits=Limits(held=100_000)) as served:
        asyncio.run(main(served))
        assert served.service.admission.held == 0


def test_admission_gives_back_what_it_lent():
    admission = Admission(Limits(queue=4, items=4, held=10))
    with admission.drawn(3):
        with pytest.raises(Refusal, match="full"), admission.drawn(2):
            pass
        with admission.drawn(1):
            assert admission.drawings == 4
    with pytest.raises(Refusal) as caught, admission.drawn(5):
        pass
    assert caught.value.status == 413
    admission.take(10)
    with pytest.raises(Refusal, match="bytes"):
        admission.take(1)
    admission.release(10)
    assert (admission.drawings, admission.held) == (0, 0)


def test_the_wait_follows_the_pace():
    admission = Admission(Limits())
    assert admission.wait == 5  # nothing is known yet
    for second in range(100):
        admission.answered(5, float(second))
        admission.answered(5, float(second))
    with admission.drawn(100):
        assert admission.wait == 10
        for n in range(100):
            admission.answered(1, 100.0 * (n + 2))
        assert admission.wait == 60


def test_a_token_opens_all_but_the_probes(serve):
    with serve(ScriptedModel(critique_by_colour), token="sesame") as served:
        url = served.url
        for path in ("/health", "/ready"):
            assert httpx.get(url + path).status_code == 200
        for path in ("/metrics", "/rewards", "/v1/models"):
            assert httpx.get(url + path).status_code == 401
            assert (
                httpx.get(url + path, headers={"Authorization": "Bearer sesam"}).status_code == 401
            )
            told = {"Authorization": "Bearer sesame"}
            assert httpx.get(url + path, headers=told).status_code == 200
        assert httpx.post(f"{url}/score", json=items(0, 1)).status_code == 401
        assert httpx.post(f"{url}/score", json=items(0, 1), headers=told).status_code == 200
        assert "sesame" not in repr(served.service)


def test_a_bug_in_a_critic_is_counted_as_every_answer_is(serve):
    def broken(_):
        raise ZeroDivisionError

    with serve(ScriptedModel(broken)) as server:
        assert httpx.post(f"{server.url}/score", json=items(1, 1)).status_code == 500
        metrics = httpx.get(f"{server.url}/metrics").text
    assert [line for line in metrics.splitlines() if "/score" in line and '"500"' in line]


def test_what_is_under_way_is_answered_before_the_end(serve):
    critic = Held()
    found = {}

    with serve(critic) as served:

        def ask():
            found["answer"] = httpx.post(f"{served.url}/score", json=items(0, 2), timeout=30)

        asking = threading.Thread(target=ask)
        asking.start()
        while served.service.admission.drawings != 2:
            time.sleep(0.005)
        threading.Timer(0.1, critic.gate.set).start()
    asking.join()
    assert found["answer"].status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.url}/health")


def test_a_small_body_is_read_before_it_is_refused_so_that_the_connection_lives(serve):
    with serve(ScriptedModel(critique_by_colour), token="sesame") as served:
        small = httpx.post(f"{served.url}/score", json=items(0, 1))
        assert small.status_code == 401
        assert "connection" not in small.headers
        try:
            large = httpx.post(f"{served.url}/score", content=b" " * 2**22, timeout=20)
        except httpx.TransportError:  # closed while we were still sending
            return
        assert large.headers["connection"] == "close"
