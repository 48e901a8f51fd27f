"""Images servers as generators: what is sent, what comes back, and every way it can go wrong."""

import asyncio
import base64
import json

import pytest

pytest.importorskip("openai", reason="the extra `openai` is not installed")

from parrot.backends.openai import open_generator
from parrot.core.asks import FailureKind
from parrot.core.engine.retry import RetryPolicy
from parrot.core.errors import (
    AccessError,
    ConfigError,
    ImageError,
    RefusedError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from parrot.core.refine import drawn
from parrot.core.testing.app import Behaviour
from parrot.core.testing.chat import Raw, error_body
from parrot.core.testing.conformance import check_generator
from parrot.core.testing.fakes import plain_image
from parrot.core.testing.faults import Faults
from parrot.core.testing.images import paint
from parrot.core.testing.server import LoopbackServer
from parrot.core.values import Request

FOX, SOURCE, OTHER = Request("a red fox"), plain_image(1, 2, 3), plain_image(4, 5, 6)


class NoTime:
    """A clock that stands still: waits between tries are over at once."""

    def now(self):
        return 0.0

    async def sleep(self, seconds):
        await asyncio.sleep(0)


class Seen:
    """A painter that remembers its requests."""

    def __init__(self, say=paint):
        self.requests, self.say = [], say

    def __call__(self, request):
        self.requests.append(request)
        return self.say(request)


def draw(server, request=FOX, *, seed=1, start=None, **options):
    async def work():
        generator = open_generator(server.target("painter"), **options)
        try:
            return await generator.draw(request, seed=seed, start=start)
        finally:
            await generator.aclose()

    return asyncio.run(work())


def test_it_conforms():
    with LoopbackServer() as server:
        check_generator(lambda: open_generator(server.target("painter")))


def test_a_request_in_words_is_sent_as_json_with_the_servers_own_fields():
    seen = Seen()
    with LoopbackServer(painter=seen) as server:
        draw(server, seed=7, size="512x512", quality="low")
    (request,) = seen.requests
    assert dict(request.body) == {
        "model": "painter",
        "prompt": "a red fox",
        "n": 1,
        "seed": 7,
        "size": "512x512",
        "quality": "low",
        "response_format": "b64_json",
    }
    assert request.images == ()


def test_an_edit_is_sent_as_a_form_with_its_images_as_they_are():
    seen = Seen()
    with LoopbackServer(painter=seen) as server:
        draw(server, Request("make it blue", (SOURCE,)))
        draw(server, Request("make it blue", (SOURCE, OTHER)))
        draw(server, Request("make it blue", (SOURCE, OTHER)), start=plain_image(7, 8, 9))
    assert [request.images for request in seen.requests] == [
        (SOURCE.source,),
        (SOURCE.source, OTHER.source),
        (plain_image(7, 8, 9).source, OTHER.source),
    ]
    assert seen.requests[0].body["prompt"] == "make it blue"


def test_a_server_without_seeds_is_sent_none_and_its_id_says_so():
    seen = Seen()
    with LoopbackServer(painter=seen) as server:
        target = server.target("painter")
        plain, unseeded = open_generator(target), open_generator(target, seed=False)
        assert plain.id == "openai:painter"
        assert unseeded.id != plain.id
        asyncio.run(_drawn_and_closed(unseeded))
    assert "seed" not in seen.requests[0].body


async def _drawn_and_closed(generator):
    await generator.draw(FOX, seed=5)
    await generator.aclose()


def test_ids_hold_no_url_and_follow_what_is_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    official = open_generator("gpt-image-1")
    assert (official.seed, official.id) == (False, "openai:gpt-image-1")
    assert "response_format" not in official.fields
    one, other = (open_generator("m@http://localhost:1/v1", size=s) for s in ("a", "b"))
    assert len({one.id, other.id, open_generator("m@http://localhost:1/v1").id}) == 3
    assert open_generator("m@http://localhost:1/v1", tag="left").id == "openai:m#left"


def answer(**fields):
    return lambda request: Raw(200, json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("say", "error", "words"),
    [
        (answer(data=[{"url": "http://elsewhere/x.png"}]), RejectedError, "not followed"),
        (answer(data=[]), TransientError, "no image"),
        (answer(data=[{"b64_json": "?"}]), TransientError, "not base64"),
        (answer(data=[{"finish_reason": "content_filter"}]), RefusedError, "content filter"),
        (answer(error={"message": "overloaded", "code": 503}), TransientError, "overloaded"),
        (
            answer(data=[{"b64_json": base64.b64encode(b"no image").decode()}]),
            ImageError,
            "no known image",
        ),
        (
            lambda r: Raw(400, error_body("rejected by the safety system", kind="image_error")),
            RefusedError,
            "safety system",
        ),
        (lambda r: Raw(400, error_body("size is odd", kind="bad")), RejectedError, "size is odd"),
        (lambda r: Raw(200, b"[]"), TransientError, "no object"),
    ],
)
def test_each_fault_is_its_own_error(say, error, words):
    with LoopbackServer(painter=say) as server, pytest.raises(error, match=words):
        draw(server)


def test_access_and_load_are_told_apart():
    with LoopbackServer(behaviour=Behaviour(api_key="right")) as server:
        with pytest.raises(AccessError, match="401"):
            draw(server)
    with LoopbackServer(behaviour=Behaviour(faults=Faults(throttled=1.0))) as server:
        with pytest.raises(ThrottledError):
            draw(server)


def test_the_loop_tries_again_what_a_server_refused_for_load():
    faults = Faults(throttled=0.3, server_error=0.3, hang_up=0.2, seed=3)
    with LoopbackServer(behaviour=Behaviour(faults=faults)) as server:

        async def work():
            generator = open_generator(server.target("painter"))
            policy = RetryPolicy(attempts=30)
            try:
                return await asyncio.gather(
                    *(
                        drawn(generator, FOX, seed=n, start=None, clock=NoTime(), retry=policy)
                        for n in range(20)
                    )
                )
            finally:
                await generator.aclose()

        images = asyncio.run(work())
        assert len({image.sha256 for image in images}) == 20
        assert server.counts.requests > 20
        assert FailureKind.THROTTLED not in images


def test_what_is_ours_is_no_option():
    with pytest.raises(ConfigError, match="for each drawing"):
        open_generator("m@http://localhost:1/v1", prompt="mine")


def test_half_a_character_is_refused_before_it_is_sent():
    seen = Seen()
    with (
        LoopbackServer(painter=seen) as server,
        pytest.raises(RejectedError, match="half a character"),
    ):
        draw(server, Request("half \ud83d"))
    assert not seen.requests
