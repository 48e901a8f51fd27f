"""`OpenAIModel` against the loopback server: what goes over the wire and what comes of it."""

import asyncio
import base64
import io
import json

import openai
import pytest
from PIL import Image as Pillow

from parrot.backends.images import image_from_bytes, image_from_path
from parrot.backends.openai import open_model
from parrot.core.asks import Ask, Finish, Sampling, Turn, Until
from parrot.core.errors import (
    AccessError,
    ConfigError,
    ImageError,
    MissingExtraError,
    ModelError,
    RejectedError,
    ThrottledError,
    TimedOutError,
    TransientError,
)
from parrot.core.registry import open_model as open_named
from parrot.core.testing.app import Behaviour
from parrot.core.testing.chat import Answer, Raw
from parrot.core.testing.faults import Faults
from parrot.core.testing.server import LoopbackServer


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


def ask(*parts, **options):
    return Ask((Turn("user", parts or ("hi",)),), **options)


def replies(model, *asks):
    """All replies or errors at once, the model closed."""

    async def all_of():
        try:
            return await asyncio.gather(*(model.reply(a) for a in asks), return_exceptions=True)
        finally:
            await model.aclose()

    return asyncio.run(all_of())


def reply(teacher, one=None, *, behaviour=None, **options):
    with LoopbackServer(teacher, behaviour or Behaviour()) as server:
        (got,) = replies(open_model(server.target("m"), **options), one or ask())
    if isinstance(got, BaseException):
        raise got
    return got


def test_a_reply_with_its_usage():
    got = reply(lambda request: f"you said {request.text}")
    assert (got.text, got.finish) == ("you said hi", Finish.END)
    assert got.usage.completion > 0


def test_an_image_arrives_byte_for_byte_with_its_media_type():
    out = io.BytesIO()
    Pillow.new("RGB", (30, 30), "red").save(out, "WEBP", lossless=True)
    seen = []

    def teacher(request):
        seen.extend([request.images, json.dumps(request.body)])
        return "ok"

    reply(teacher, ask("look:", image_from_bytes(out.getvalue())))
    assert seen[0] == (out.getvalue(),)
    assert "data:image/webp;base64," in seen[1]


def test_the_image_policy_of_the_ask_is_kept():
    out = io.BytesIO()
    Pillow.new("RGB", (300, 30), "red").save(out, "PNG")
    seen = []
    teacher = lambda request: seen.append(request.images[0]) or "ok"  # noqa: E731
    reply(teacher, ask(image_from_bytes(out.getvalue()), image_policy="max_side=100"))
    assert Pillow.open(io.BytesIO(seen[0])).size == (100, 10)


def test_an_image_that_changed_is_an_image_error_and_nothing_is_sent(tmp_path):
    place = tmp_path / "a.png"
    Pillow.new("RGB", (3, 3)).save(place)
    image = image_from_path(place)
    place.write_bytes(b"gone")
    with LoopbackServer() as server:
        (got,) = replies(open_model(server.target()), ask(image))
        assert isinstance(got, ImageError)
        assert server.counts.requests == 0


def test_concurrent_asks_do_not_mix():
    with LoopbackServer(lambda r: r.text, Behaviour(latency_s=0.01)) as server:
        asks = [ask(f"number {i}") for i in range(60)]
        got = replies(open_model(server.target(), connections=20), *asks)
        assert [g.text for g in got] == [f"number {i}" for i in range(60)]
        assert 1 < server.counts.peak_in_flight <= 20
        assert server.counts.connections <= 20


def test_connections_are_kept_alive():
    with LoopbackServer(lambda r: "ok") as server:
        model = open_model(server.target())

        async def one_by_one():
            for i in range(20):
                await model.reply(ask(str(i)))
            await model.aclose()

        asyncio.run(one_by_one())
        assert server.counts.connections == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("throttled", ThrottledError),
        ("server_error", TransientError),
        ("hang_up", TransientError),
        ("cut_body", TransientError),
        ("wrong_json", TransientError),
    ],
)
def test_each_fault_is_its_error_and_is_not_retried_in_secret(fault, kind):
    with LoopbackServer(lambda r: "ok" * 50, Behaviour(faults=Faults(**{fault: 1.0}))) as server:
        (got,) = replies(open_model(server.target()), ask())
        assert type(got) is kind
        assert got.retryable
        assert server.counts.requests == 1


def test_a_cut_reply_says_so():
    assert reply(lambda r: Answer("half", finish="length")).finish is Finish.LENGTH


def test_an_empty_reply_is_a_reply():
    assert reply(lambda r: "").text == ""


def test_a_server_that_keeps_silent_is_a_time_out():
    with pytest.raises(TimedOutError):
        reply(lambda r: "late", behaviour=Behaviour(latency_s=5.0), timeout=0.1)


def test_a_server_that_is_not_there_is_transient():
    with LoopbackServer() as server:
        target = server.target()
    (got,) = replies(open_model(target), ask())
    assert type(got) is TransientError


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Behaviour(api_key="right"), "PARROT_API_KEY_127_0_0_1"),
        (Behaviour(models=frozenset({"other"})), "does not exist"),
    ],
)
def test_a_wrong_key_or_model_is_one_clear_error(behaviour, words):
    with pytest.raises(AccessError, match=words):
        reply(lambda r: "ok", behaviour=behaviour)


def test_retry_after_is_read():
    with pytest.raises(ThrottledError) as caught:
        reply(lambda r: Raw(429, b"{}", {"retry-after": "2.5"}))
    assert caught.value.retry_after == 2.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'"x"',
    ],
)
def test_bodies_that_are_no_completion_are_transient(body):
    with pytest.raises(TransientError):
        reply(lambda r: Raw(200, body))


def test_a_page_of_html_is_transient():
    with pytest.raises(TransientError):
        reply(lambda r: Raw(200, b"<html>", {"content-type": "text/html"}))


def test_an_error_in_a_good_status():
    with pytest.raises(ThrottledError):
        reply(lambda r: Raw(200, b'{"error": {"message": "slow", "code": 429}}'))


def test_redirects_are_not_followed():
    with LoopbackServer(lambda r: "stolen") as thief:
        there = {"location": f"{thief.url}/chat/completions"}
        with pytest.raises(AccessError, match="307"):
            reply(lambda r: Raw(307, b"", there))
        assert thief.counts.requests == 0


def test_nothing_of_openais_account_reaches_another_host(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gate: sesame\nAuthorization: Bearer sk-openai")
    seen = []
    reply(lambda r: seen.append(dict(r.headers)) or "ok")
    said = json.dumps(seen)
    assert not [w for w in ("sk-openai", "sk-admin", "org-1", "proj-1", "sesame") if w in said]


def test_a_key_goes_to_the_host_it_was_set_for(monkeypatch):
    monkeypatch.setenv("PARROT_API_KEY_127_0_0_1", "local-key")
    behaviour = Behaviour(api_key="local-key")
    assert reply(lambda r: "in", behaviour=behaviour).text == "in"


def test_proxies_of_the_environment_do_not_swallow_loopback(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert reply(lambda r: "ok").text == "ok"


def test_log_probabilities_come_back():
    teacher = lambda r: Answer("A", odds={"A": 0.7, "B": 0.2, "Tie": 0.1})  # noqa: E731
    got = reply(teacher, ask(sampling=Sampling(top_logprobs=3)))
    assert [t for t, _ in got.logprobs[0].top] == ["A", "B", "Tie"]
    assert reply(teacher).logprobs is None


def critique(words=200):
    return (
        "# Detailed Judgement\n1. Faith:\n## Justification: a\n## Score: 2\n"
        f"2. Text Rendering:\n## Justification: b\n## Score: 3.5\n# Summary: {'word ' * words}"
    )


REWARD = ask(until=Until.SCORES, last_score="Text Rendering")


def test_a_reward_ask_stops_when_the_last_score_is_out():
    with LoopbackServer(lambda r: critique(2000), Behaviour(token_s=0.001)) as server:
        model = open_model(server.target())

        async def asked():
            got = await model.reply(REWARD)
            while server.counts.in_flight:  # noqa: ASYNC110 - it lives on another thread
                await asyncio.sleep(0.002)
            sent = server.counts.tokens_sent
            again = await model.reply(ask("next"))
            await model.aclose()
            return got, sent, again

        got, sent, again = asyncio.run(asked())
    assert got.text.endswith("## Score: 3.5\n")
    assert got.finish is Finish.SCORES
    assert got.usage.prompt > 0
    assert 0 < got.usage.completion < 100
    assert sent < 500  # the rest was never generated
    assert again.finish is Finish.END


def test_a_stream_without_a_last_score_is_heard_to_its_end():
    got = reply(lambda r: "no scores here\n" * 5, REWARD)
    assert (got.text, got.finish) == ("no scores here\n" * 5, Finish.END)
    assert reply(lambda r: Answer("cut\n", finish="length"), REWARD).finish is Finish.LENGTH


def test_log_probabilities_of_a_stopped_stream_cover_what_is_kept():
    one = ask(until=Until.SCORES, last_score="Text Rendering", sampling=Sampling(top_logprobs=1))
    got = reply(lambda r: critique(), one)
    assert "".join(t.token for t in got.logprobs).startswith(got.text.rstrip())


def test_streaming_can_be_turned_off():
    seen = []
    got = reply(lambda r: seen.append(r.body.get("stream")) or critique(), REWARD, stream=False)
    assert (got.finish, seen) == (Finish.END, [None])


def test_faults_of_a_stream_are_errors_too():
    for fault in ("throttled", "server_error", "hang_up", "cut_body", "wrong_json"):
        with pytest.raises(ModelError):
            reply(lambda r: critique(), REWARD, behaviour=Behaviour(faults=Faults(**{fault: 1.0})))


def test_a_cancelled_ask_leaves_the_model_usable():
    with LoopbackServer(lambda r: r.text, Behaviour(latency_s=0.2)) as server:
        model = open_model(server.target())

        async def cancelled_then_asked():
            task = asyncio.create_task(model.reply(ask("first")))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            try:
                return await model.reply(ask("second"))
            finally:
                await model.aclose()
                await model.aclose()

        assert asyncio.run(cancelled_then_asked()).text == "second"


def test_a_model_lives_on_one_loop_and_may_move_when_that_is_over():
    with LoopbackServer(lambda r: "ok") as server:
        model = open_model(server.target())
        assert replies(model, ask())[0].text == "ok"
        assert replies(model, ask())[0].text == "ok"


def test_asking_from_two_living_loops_is_said_to_be_wrong():
    with LoopbackServer(lambda r: "ok") as server:
        model = open_model(server.target())

        async def from_another_loop():
            await model.reply(ask())
            with pytest.raises(ConfigError, match="one event loop"):
                await asyncio.to_thread(lambda: asyncio.run(model.reply(ask())))
            await model.aclose()

        asyncio.run(from_another_loop())


def test_ids_name_model_tag_and_what_changes_every_request():
    at = "m@http://localhost:1/v1"
    ids = [
        open_model(at).id,
        open_model(at, tag="bf16").id,
        open_model(at, omit=("temperature",)).id,
        open_model(at, extra_body={"top_k": 5}).id,
        open_model(at, tag="bf16", extra_body={"top_k": 5}).id,
    ]
    assert ids[:2] == ["openai:m", "openai:m#bf16"]
    assert len(set(ids)) == 5
    assert open_model("m@http://127.0.0.1:2/v1").id == "openai:m"
    assert open_named("openai:m@http://localhost:1/v1").id == "openai:m"


def test_the_plain_transport_serves_where_aiohttp_is_absent(monkeypatch):
    def absent(**_):
        raise RuntimeError("no aiohttp")

    monkeypatch.setattr(openai, "DefaultAioHttpClient", absent)
    assert reply(lambda r: "ok").text == "ok"
    with pytest.raises(TransientError):
        reply(lambda r: "ok" * 99, behaviour=Behaviour(faults=Faults(cut_body=1.0)))
    with pytest.raises(TimedOutError):
        reply(lambda r: "late", behaviour=Behaviour(latency_s=5.0), timeout=0.1)


def test_a_missing_sdk_says_what_to_install():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['openai'] = None\n"
        "from parrot.core.registry import open_model\n"
        "try: open_model('openai:m@http://localhost:1/v1')\n"
        "except Exception as e: print(type(e).__name__, e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(MissingExtraError.__name__)
    assert 'pip install "parrot-rewards[openai]"' in done.stdout


def test_what_the_profile_lacks_is_rejected_unsent():
    with pytest.raises(RejectedError, match="log-probabilities"):
        reply(lambda r: "ok", ask(sampling=Sampling(top_logprobs=1)), logprobs=False)


def test_base64_is_whole():
    out = io.BytesIO()
    Pillow.effect_noise((200, 200), 90).save(out, "PNG")
    seen = []

    def teacher(request):
        seen.append(request.body["messages"][0]["content"][0]["image_url"]["url"])
        return "ok"

    reply(teacher, ask(image_from_bytes(out.getvalue())))
    assert base64.b64decode(seen[0].partition(",")[2]) == out.getvalue()
