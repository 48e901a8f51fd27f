"""Every way a server, the SDK or the wire can fail, as one of our errors."""

import email.utils
import inspect
import json

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.backends.openai.failures import failure_of, judged, mapped, retry_after_of, told
from parrot.core.errors import (
    AccessError,
    ConfigError,
    ModelError,
    RefusedError,
    RejectedError,
    ThrottledError,
    TimedOutError,
    TransientError,
)

EXPORTED = sorted(
    (
        thing
        for name in dir(openai)
        if inspect.isclass(thing := getattr(openai, name)) and issubclass(thing, Exception)
    ),
    key=lambda thing: thing.__name__,
)


def status_error(status, body, headers=None):
    """The exception that the SDK itself would raise for an HTTP answer."""
    client = openai.OpenAI(api_key="k", base_url="http://localhost/v1")
    response_type = type(client._client.build_request("GET", "http://h")).__module__.partition(".")[
        0
    ]
    http = __import__(response_type)
    request = http.Request("POST", "http://localhost/v1/chat/completions")
    response = http.Response(status, json=body, headers=headers or {}, request=request)
    return client._make_status_error_from_response(response)


def error(message="no", **fields):
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize("thing", EXPORTED, ids=lambda thing: thing.__name__)
def test_every_exception_that_the_sdk_exports_is_mapped(thing):
    # The SDK may grow: whatever it exports must come out as ours, however it was made.
    raised = thing.__new__(thing)
    raised.args = ("gone wrong",)
    for name, value in {
        "message": "gone wrong",
        "body": None,
        "code": None,
        "type": None,
        "param": None,
        "status_code": 418,
        "response": type("Response", (), {"headers": {}})(),
    }.items():
        setattr(raised, name, value)
    with pytest.raises(ModelError), mapped("key", "KEY"):
        raise raised


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("bad"), RejectedError),
        (400, error("x", code="content_filter"), RefusedError),
        (400, error("blocked by our content management policy"), RefusedError),
        (400, error("API key not valid", code="invalid_api_key"), AccessError),
        (401, error("who are you"), AccessError),
        (402, error("pay"), AccessError),
        (403, error("not you"), AccessError),
        (403, error("flagged by moderation"), RefusedError),
        (404, error("The model `x` does not exist", code="model_not_found"), AccessError),
        (404, {"detail": "Not Found"}, AccessError),
        (307, {}, AccessError),
        (408, {}, TimedOutError),
        (409, {}, TransientError),
        (413, error("too large"), RejectedError),
        (422, {"detail": [{"msg": "field required"}]}, RejectedError),
        (429, error("slow down"), ThrottledError),
        (429, error("You exceeded your quota", code="insufficient_quota"), AccessError),
        (429, error("content moderation is busy"), ThrottledError),
        (500, error("boom"), TransientError),
        (502, "<html>Bad gateway</html>", TransientError),
        (503, error("loading"), TransientError),
        (529, error("overloaded"), ThrottledError),
    ],
)
def test_what_a_status_means(status, body, kind):
    assert type(failure_of(status_error(status, body))) is kind


def test_the_servers_words_reach_the_user():
    said = str(failure_of(status_error(400, error("image too small", param="messages"))))
    assert said == "400: messages: image too small"


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("'response_format' of type json_schema is not supported", "schema=False"),
        ("top_logprobs is not supported", "logprobs=False"),
        ("Unsupported value: 'temperature' does not support 0.7", "omit=('temperature',)"),
        ("Use 'max_completion_tokens' instead", "token_limit='max_completion_tokens'"),
    ],
)
def test_what_a_server_cannot_do_is_rejected_with_the_option_that_helps(message, cure):
    failure = failure_of(status_error(400, error(message)))
    assert type(failure) is RejectedError
    assert cure in str(failure)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": email.utils.formatdate(1030, usegmt=True)}, 30.0),
        ({"retry-after": email.utils.formatdate(900, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers, seconds):
    assert retry_after_of(headers, now=1000.0) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_none_or_a_wait(text):
    seconds = retry_after_of({"retry-after": text}, now=0.0)
    assert seconds is None or 0.0 <= seconds < float("inf")


def test_retry_after_reaches_the_error():
    failure = failure_of(status_error(429, error(), {"retry-after": "7"}))
    assert failure.retry_after == 7.0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"message": "slow down", "code": 429}, ThrottledError),
        ({"message": "busy", "code": "502"}, TransientError),
        ({"message": "out of credit", "code": 402}, AccessError),
        ({"message": "stop", "type": "server_error"}, TransientError),
        ({"message": "x", "code": "model_not_found"}, AccessError),
        ("just words", TransientError),
        ({}, TransientError),
    ],
)
def test_errors_told_in_a_good_status(body, kind):
    # Some gateways answer 200 and put the error into the body.
    assert type(told(body)) is kind


@given(st.integers(300, 599), st.text(max_size=30), st.none() | st.text(max_size=10))
def test_every_status_means_something(status, message, code):
    assert isinstance(judged(status, message, code=code), ModelError)


def test_time_outs_are_told_from_dropped_connections():
    import aiohttp

    request = status_error(500, {}).request
    for cause, kind in (
        (aiohttp.ServerDisconnectedError(), TransientError),
        (aiohttp.ServerTimeoutError(), TimedOutError),
        (TimeoutError(), TimedOutError),
    ):
        raised = openai.APITimeoutError(request=request)
        raised.__cause__ = cause
        assert type(failure_of(raised)) is kind


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ConnectionResetError("reset"), TransientError),
        (TimeoutError(), TimedOutError),
        (json.JSONDecodeError("Expecting value", "", 0), TransientError),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), TransientError),
        (EOFError(), TransientError),
    ],
)
def test_what_comes_from_below_the_sdk(raised, kind):
    with pytest.raises(kind) as caught, mapped("key", "KEY"):
        raise raised
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "bug", [TypeError("ours"), KeyError("ours"), ConfigError("ours"), ValueError("x")]
)
def test_our_own_mistakes_are_not_dressed_up(bug):
    with pytest.raises(type(bug)) as caught, mapped("key", "KEY"):
        raise bug
    assert caught.value is bug


def test_a_key_that_the_server_echoes_is_taken_out():
    key = "sk-very-secret-key"
    with pytest.raises(AccessError) as caught, mapped(key, "OPENAI_API_KEY"):
        raise status_error(401, error(f"Incorrect API key provided: {key}"))
    assert key not in str(caught.value)
    assert "OPENAI_API_KEY" in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_long_messages_are_cut():
    with pytest.raises(RejectedError) as caught, mapped("k", "K"):
        raise status_error(400, error("x" * 5000))
    assert len(str(caught.value)) < 500
