"""Asks as bodies and bodies as replies, without a server."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot.backends.openai.wire import Wire, body_of, reply_of
from parrot.core.asks import Ask, Finish, Sampling, Turn, Usage
from parrot.core.errors import ModelError, RefusedError, RejectedError, TransientError
from parrot.core.interfaces import Profile
from parrot.core.testing.strategies import asks
from parrot.core.values import Image

ALL = Profile(logprobs=True, schema=True, images=True, seed=True)
WIRE = Wire("m")
PICTURE = Image("a" * 64, "image/png", b"")


def url_of(image):
    return f"data:{image.sha256}"


def ask(*parts, **options):
    return Ask((Turn("user", parts),), **options)


def completion(**message):
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def test_texts_and_images_keep_their_order_and_words():
    messages = body_of(ask("one ", "two", PICTURE, "<image>{x}", PICTURE), WIRE, ALL, url_of)[
        "messages"
    ]
    image = {"type": "image_url", "image_url": {"url": url_of(PICTURE)}}
    assert messages[0]["content"] == [
        {"type": "text", "text": "one \ntwo"},
        image,
        {"type": "text", "text": "<image>{x}"},
        image,
    ]


def test_a_turn_of_text_alone_is_a_plain_string():
    # Many servers take lists of parts for users only.
    turns = (Turn("system", ("shared", "rubric")), Turn("user", ("hi",)))
    messages = body_of(Ask(turns), WIRE, ALL, url_of)["messages"]
    assert messages == [
        {"role": "system", "content": "shared\nrubric"},
        {"role": "user", "content": "hi"},
    ]


def test_asks_that_share_a_system_text_share_their_first_bytes():
    bodies = [
        json.dumps(
            body_of(
                Ask((Turn("system", ("rubric " * 50,)), Turn("user", (t, PICTURE)))),
                WIRE,
                ALL,
                url_of,
            )
        )
        for t in ("a red cube", "zwei Hunde")
    ]
    shared = len("".join(a for a, b in zip(*bodies, strict=False) if a == b))
    assert bodies[0][: bodies[0].index("a red cube")] == bodies[1][: bodies[1].index("zwei Hunde")]
    assert shared > 350


def test_sampling_is_sent_in_full():
    sampling = Sampling(temperature=0.3, top_p=0.9, seed=7, max_tokens=55, top_logprobs=5)
    body = body_of(ask("x", sampling=sampling, sample=2), WIRE, ALL, url_of)
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.3, 0.9, 55)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
    assert body["seed"] == 9  # equal seeds would give equal samples
    bare = body_of(ask("x"), WIRE, ALL, url_of)
    assert not {"seed", "logprobs", "top_logprobs", "response_format"} & set(bare)


def test_a_schema_is_demanded_where_the_server_can():
    schema = {"type": "object"}
    body = body_of(ask("x", schema=schema), WIRE, ALL, url_of)
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert body["response_format"]["json_schema"]["strict"] is True
    assert "response_format" not in body_of(ask("x", schema=schema), WIRE, Profile(), url_of)


def test_what_a_server_wants_otherwise():
    wire = Wire("m", "max_completion_tokens", frozenset({"temperature"}), {"think": False})
    body = body_of(ask("x"), wire, ALL, url_of)
    assert body["max_completion_tokens"] == 2048
    assert body["think"] is False
    assert not {"max_tokens", "temperature"} & set(body)


@pytest.mark.parametrize(
    ("unable", "needs"),
    [
        (Profile(images=False), ask("x", PICTURE)),
        (Profile(), ask("x", sampling=Sampling(top_logprobs=0))),
        (Profile(), ask("x", sampling=Sampling(seed=0))),
    ],
)
def test_what_the_model_lacks_is_refused_before_it_is_sent(unable, needs):
    ALL.refuse_unable(needs)
    with pytest.raises(RejectedError, match="profile has no"):
        unable.refuse_unable(needs)


@given(asks())
@settings(max_examples=60)
def test_every_ask_has_a_json_body_with_all_its_words_in_order(one):
    body = json.loads(json.dumps(body_of(one, WIRE, ALL, url_of)))
    flat = [
        part.get("text", part.get("image_url", {}).get("url"))
        for message in body["messages"]
        for part in (
            [{"text": message["content"]}]
            if isinstance(message["content"], str)
            else message["content"]
        )
    ]
    blocks = [b if isinstance(b, str) else url_of(b) for t in one.turns for b in t.blocks]
    assert [f for f in flat if f] == [b for b in blocks if b]


@pytest.mark.parametrize(
    ("content", "text"),
    [("hi", "hi"), (None, ""), ("", ""), ([{"type": "text", "text": "a"}, {"text": "b"}], "ab")],
)
def test_content_in_any_shape_is_text(content, text):
    assert reply_of(completion(content=content)).text == text


def test_half_characters_are_rejected_on_the_way_out_and_marked_on_the_way_in():
    with pytest.raises(RejectedError, match="surrogate"):
        body_of(ask("x\ud800"), WIRE, ALL, url_of)
    assert reply_of(completion(content="a\ud83d b 🦜\udc00")).text == "a\ufffd b 🦜\ufffd"


def test_reasoning_stays_out_of_the_text():
    assert reply_of(completion(content="so", reasoning_content="hm", reasoning="hm")).text == "so"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", Finish.END),
        ("length", Finish.LENGTH),
        ("max_tokens", Finish.LENGTH),
        ("content_filter", Finish.FILTERED),
        (None, Finish.END),
        ("eos", Finish.END),
    ],
)
def test_why_it_ended(reason, finish):
    body = completion(content="x")
    body["choices"][0]["finish_reason"] = reason
    assert reply_of(body).finish is finish


def test_a_reply_that_the_server_broke_off_is_tried_again():
    body = completion(content="x")
    body["choices"][0]["finish_reason"] = "abort"
    with pytest.raises(TransientError, match="abort"):
        reply_of(body)


def test_a_refusal_is_no_reply():
    with pytest.raises(RefusedError, match="cannot help"):
        reply_of(completion(content=None, refusal="I cannot help with that"))


def test_usage_with_cached_tokens():
    details = {"cached_tokens": 40}
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": details}
    assert reply_of(completion(content="x") | {"usage": usage}).usage == Usage(50, 40, 7)
    assert reply_of(completion(content="x") | {"usage": None}).usage == Usage()
    odd = {"prompt_tokens": -1, "completion_tokens": None, "prompt_tokens_details": None}
    assert reply_of(completion(content="x") | {"usage": odd}).usage == Usage()


def test_log_probabilities():
    token = {"token": "A", "logprob": -0.1, "top_logprobs": [{"token": "B", "logprob": -2}]}
    body = completion(content="A")
    body["choices"][0]["logprobs"] = {"content": [token]}
    (read,) = reply_of(body).logprobs
    assert (read.token, read.logprob, read.top) == ("A", -0.1, (("B", -2.0),))
    body["choices"][0]["logprobs"] = {"content": [{"token": "A"}]}
    with pytest.raises(TransientError, match="log-prob"):
        reply_of(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "refusal", "usage", "text", "logprobs"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=300)
def test_no_json_body_raises_anything_but_our_errors(body):
    with suppress(ModelError):
        reply_of(body)


@given(json_values)
def test_no_message_raises_anything_but_our_errors(message):
    with suppress(ModelError):
        reply_of({"choices": [{"message": message, "logprobs": message}], "usage": message})
