"""Which server a target names, and that a key goes nowhere but to its own host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.backends.openai.endpoint import NO_KEY, OFFICIAL_URL, endpoint, split_target
from parrot.core.errors import ConfigError

KEY = {"OPENAI_API_KEY": "sk-secret-of-openai"}


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("gpt-5", ("gpt-5", None)),
        ("Qwen/Qwen3-VL@http://h:8000/v1", ("Qwen/Qwen3-VL", "http://h:8000/v1")),
        ("org@team/m@https://h/v1", ("org@team/m", "https://h/v1")),
        ("m@http://a/v1@http://b/v1", ("m@http://a/v1", "http://b/v1")),
        ("model@2024", ("model@2024", None)),
        ("m@HTTP://h/v1", ("m", "HTTP://h/v1")),
    ],
)
def test_targets_split_at_the_last_url(target, parts):
    assert split_target(target) == parts


@given(st.text(st.characters(exclude_characters="@ \n"), min_size=1).map(str.strip).filter(bool))
def test_any_model_name_survives_a_url(name):
    assert split_target(f"{name}@http://localhost:1/v1") == (name, "http://localhost:1/v1")


def test_openais_key_goes_to_openai_and_nowhere_else():
    at = endpoint("gpt-5", KEY)
    assert (at.url, at.key, at.official) == (OFFICIAL_URL, KEY["OPENAI_API_KEY"], True)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/v1",
        "https://evil.example/v1",
        "https://api.openai.com.evil.example/v1",
    ],
)
def test_openais_key_stays_away_from_other_hosts(url):
    assert endpoint(f"m@{url}", KEY).key == NO_KEY


@pytest.mark.parametrize("url", ["http://api.openai.com/v1", "https://api.openai.com:8443/v1"])
def test_openais_key_is_not_sent_in_the_clear_or_to_another_port(url):
    with pytest.raises(ConfigError, match="set PARROT_API_KEY_API_OPENAI_COM"):
        endpoint(f"m@{url}", KEY)


@pytest.mark.parametrize(
    "target",
    ["Qwen3-VL-32B@localhost:8000/v1", "m@localhost", "m@10.0.0.7:8000", "m@gate.example/v1"],
)
def test_a_server_without_its_scheme_is_no_part_of_a_models_name(target):
    with pytest.raises(ConfigError, match="must begin with http"):
        endpoint(target, KEY)


@pytest.mark.parametrize("model", ["claude-3-5-sonnet@20240620", "org/model@v1.2", "m@latest"])
def test_a_version_behind_an_at_is_part_of_a_models_name(model):
    assert endpoint(model, KEY).model == model


def test_a_base_url_takes_the_key_with_it():
    environment = {**KEY, "OPENAI_BASE_URL": "https://gate.example/v1"}
    assert endpoint("m", environment).key == KEY["OPENAI_API_KEY"]
    assert endpoint("m", environment).url == "https://gate.example/v1"
    assert endpoint("m@https://gate.example/other", environment).key == KEY["OPENAI_API_KEY"]
    with pytest.raises(ConfigError, match="no key"):
        endpoint(f"m@{OFFICIAL_URL}", environment)


def test_other_hosts_have_keys_named_after_them():
    environment = {
        **KEY,
        "PARROT_API_KEY_OPENROUTER_AI": "or-1",
        "PARROT_API_KEY_GPU_7_8000": "g-8000",
        "PARROT_API_KEY_GPU_7": "g",
    }
    assert endpoint("m@https://openrouter.ai/api/v1", environment).key == "or-1"
    assert endpoint("m@http://gpu-7:8000/v1", environment).key == "g-8000"
    assert endpoint("m@http://gpu-7:9000/v1", environment).key == "g"
    unknown = endpoint("m@http://elsewhere/v1", environment)
    assert unknown.key == NO_KEY
    assert unknown.key_variable == "PARROT_API_KEY_ELSEWHERE"


def test_no_key_for_openai_is_said_before_the_run():
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY"):
        endpoint("gpt-5", {})


@pytest.mark.parametrize(
    "target",
    [
        "",
        "@http://h/v1",
        "m@http://",
        "m@http://user:pw@h/v1",
        "m@http://h/v1?key=abc",
        "m@http://h:99999/v1",
        "m@http://[::1/v1",
    ],
)
def test_what_is_no_endpoint_is_the_callers_mistake_and_shows_no_secret(target):
    with pytest.raises(ConfigError) as caught:
        endpoint(target, KEY)
    assert "pw" not in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("gpu", False),
    ],
)
def test_loopback_is_known(host, loopback):
    assert endpoint(f"m@http://{host}:8000/v1", {}).loopback is loopback


def test_no_repr_shows_a_key():
    assert "secret" not in repr(endpoint("gpt-5", KEY))
