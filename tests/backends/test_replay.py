"""Recordings: what was answered once is answered again, word for word, and nothing else is."""

import asyncio
import gzip
import json

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parrot.backends.replay import Recorder, open_model, write_recording
from parrot.core.asks import Ask, Failed, FailureKind, Finish, Reply, Sampling, Turn, Until
from parrot.core.errors import (
    ConfigError,
    ModelError,
    RecordError,
    RefusedError,
    RejectedError,
    TransientError,
)
from parrot.core.interfaces import Record
from parrot.core.keys import key_of
from parrot.core.registry import open_model as open_named
from parrot.core.testing import strategies as values
from parrot.core.testing.fakes import ScriptedModel


def ask(text="hi", **options):
    return Ask((Turn("user", (text,)),), **options)


def said(model, *asks):
    async def all_of():
        got = [(await asyncio.gather(model.reply(a), return_exceptions=True))[0] for a in asks]
        await model.aclose()
        return got

    return asyncio.run(all_of())


@given(pairs=st.lists(st.tuples(values.asks(), values.replies()), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_every_reply_comes_back_as_it_was(name, pairs, tmp_path):
    path = tmp_path / name
    path.unlink(missing_ok=True)
    by_key = {key_of(a, "fake:scripted"): (a, r) for a, r in pairs}
    answers = {key: r for key, (_, r) in by_key.items()}
    model = ScriptedModel(lambda a: answers[key_of(a, "fake:scripted")])
    asks = [a for a, _ in by_key.values()]
    first = said(Recorder(model, path), *asks)
    replayed = open_model(str(path))
    assert replayed.id == "fake:scripted"
    again = said(replayed, *asks)
    for one, before, now in zip(asks, first, again, strict=True):
        unasked = one.sampling.top_logprobs is None
        kept = now == (evolve(before, logprobs=None) if unasked else before)
        short = isinstance(now, RejectedError) and before.finish in {Finish.LENGTH, Finish.SCORES}
        assert kept or (short and one.until is Until.END)


def test_what_was_never_asked_is_rejected(tmp_path):
    path = tmp_path / "r.jsonl"
    said(Recorder(ScriptedModel(), path), ask())
    ((unknown, hotter, other_sample)) = said(
        open_model(str(path)),
        ask("other"),
        ask(sampling=Sampling(temperature=1.5)),
        ask(sample=1),
    )
    for got in (unknown, hotter, other_sample):
        assert type(got) is RejectedError
        assert "no recorded answer" in str(got)


def test_a_cut_answer_is_no_answer_to_an_ask_for_more(tmp_path):
    path = tmp_path / "r.jsonl"
    model = ScriptedModel(lambda a: Reply("half", Finish.LENGTH))
    said(Recorder(model, path), ask(sampling=Sampling(max_tokens=10)))
    same, more = said(
        open_model(str(path)),
        ask(sampling=Sampling(max_tokens=10)),
        ask(sampling=Sampling(max_tokens=11)),
    )
    assert same.text == "half"
    assert "too short" in str(more)


def test_a_later_whole_answer_takes_the_place_of_a_cut_one(tmp_path):
    path = tmp_path / "r.jsonl"
    said(Recorder(ScriptedModel(lambda a: Reply("half", Finish.LENGTH)), path), ask())
    said(Recorder(ScriptedModel(lambda a: "whole"), path), ask())
    assert said(open_model(str(path)), ask())[0].text == "whole"
    assert path.read_text().count('"model"') == 1


def test_refusals_are_recorded_and_troubles_of_the_moment_are_not(tmp_path):
    path = tmp_path / "r.jsonl"
    errors = {
        "bad": RefusedError("no"),
        "odd": RejectedError("what"),
        "net": TransientError("later"),
    }
    asks = [ask(word) for word in errors]
    got = said(Recorder(ScriptedModel(lambda a: errors[a.turns[0].parts[0]]), path), *asks)
    assert [type(g) for g in got] == [RefusedError, RejectedError, TransientError]
    refused, rejected, unknown = said(open_model(str(path)), *asks)
    assert (type(refused), str(refused)) == (RefusedError, "no")
    assert (type(rejected), str(rejected)) == (RejectedError, "what")
    assert "no recorded answer" in str(unknown)


def test_a_recording_of_another_model_is_not_carried_on(tmp_path):
    path = tmp_path / "r.jsonl"
    said(Recorder(ScriptedModel(), path), ask())
    (got,) = said(Recorder(ScriptedModel(id="fake:other"), path), ask())
    assert isinstance(got, ConfigError)


def test_a_recorder_killed_amid_a_line_can_go_on(tmp_path):
    path = tmp_path / "r.jsonl"
    said(Recorder(ScriptedModel(), path), ask("one"))
    with path.open("a") as out:
        out.write('{"key": "00')
    assert said(open_model(str(path)), ask("one"))[0].text == "one"
    said(Recorder(ScriptedModel(), path), ask("two"))
    assert [g.text for g in said(open_model(str(path)), ask("one"), ask("two"))] == ["one", "two"]


def test_a_store_is_written_as_a_recording(tmp_path):
    path = tmp_path / "r.jsonl"
    mine = Record(key_of(ask(), "m"), Reply("hi"), "m", 5)
    others = Record(b"0" * 16, Reply("x"), "other", 5)
    failed = Record(b"1" * 16, Failed(FailureKind.TIMEOUT, "late"), "m", 5)
    assert write_recording(path, "m", [mine, others, failed]) == 1
    assert said(open_named(f"replay:{path}"), ask())[0] == Reply("hi")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with"),
        ("{}\n", "begins with"),
        ('{"schema": 2, "model": "m"}\n', "later version"),
        ('{"schema": 1, "model": "m"}\nnonsense\n', r"r\.jsonl:2: no JSON"),
        ('{"schema": 1, "model": "m"}\n[1]\n', "r.jsonl:2: not a JSON object"),
        ('{"schema": 1, "model": "m"}\n\n{"key": "0"}\n', "r.jsonl:3: field 'key'"),
        ('{"schema": 1, "model": "m"}\n{"key": "' + "0" * 32 + '"}\n', "field 'text'"),
        ('{"schema": 1, "model": "m"}\n{"key": "' + "0" * 32 + '", "text": 5}\n', "field 'text'"),
    ],
)
def test_a_wrong_recording_is_said_with_file_line_and_field(text, words, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(RecordError, match=words):
        open_model(str(path))


def test_a_file_that_is_no_gzip(tmp_path):
    (tmp_path / "r.jsonl.gz").write_bytes(b'{"schema": 1}')
    with pytest.raises(ConfigError, match="cannot be read"):
        open_model(str(tmp_path / "r.jsonl.gz"))


record_lines = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "text", "finish", "usage", "logprobs", "failed", "max_tokens"]),
            inner | st.just("0" * 32),
        )
    ),
    max_leaves=8,
)


@given(line=record_lines)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_line_raises_anything_but_our_errors(tmp_path, line):
    path = tmp_path / "r.jsonl"
    path.write_text('{"schema": 1, "model": "m"}\n' + json.dumps(line) + "\n")
    try:
        model = open_model(str(path))
    except RecordError:
        return
    assert all(isinstance(g, Reply | ModelError) for g in said(model, ask()))


def test_a_recording_that_is_not_there_is_named_without_an_error_number(tmp_path):
    for name in ("gone.jsonl", "gone.jsonl.gz"):
        with pytest.raises(ConfigError, match=r"there is no recording '.*gone\.jsonl") as caught:
            open_model(str(tmp_path / name))
        assert "Errno" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory$"):
        open_model(str(tmp_path))


@pytest.mark.parametrize("cut", [8, 9, 12])
def test_a_recorder_of_an_archive_that_was_killed_can_be_replayed_and_go_on(tmp_path, cut):
    path = tmp_path / "r.jsonl.gz"
    recorder = Recorder(ScriptedModel(lambda a: Reply(a.turns[0].parts[0])), path)

    async def work():
        for n in range(3):
            await recorder.reply(ask(str(n)))

    asyncio.run(work())
    flushed = path.read_bytes()
    said(recorder)
    path.write_bytes(flushed)  # the archive has no end: the process was killed
    assert len(open_model(str(path)).records) == 3
    path.write_bytes(flushed[:-cut])  # and amid a line
    assert len(open_model(str(path)).records) == 2
    said(Recorder(ScriptedModel(lambda a: Reply("more")), path), ask("more"))
    whole = open_model(str(path))
    assert [r.outcome.text for r in whole.records.values()] == ["0", "1", "more"]
    assert gzip.decompress(path.read_bytes()).endswith(b"\n")


def test_a_damaged_archive_is_said(tmp_path):
    path = tmp_path / "r.jsonl.gz"
    data = bytearray(gzip.compress(b'{"schema": 1, "model": "m"}\n' * 50))
    data[20:24] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with pytest.raises((ConfigError, RecordError), match=r"r\.jsonl\.gz"):
        open_model(str(path))


def test_nothing_is_asked_that_could_not_be_recorded(tmp_path):
    path = tmp_path / "r.jsonl"
    write_recording(path, "another", [])
    model = ScriptedModel(lambda _: Reply("paid for"))
    (error,) = said(Recorder(model, path), ask())
    assert isinstance(error, ConfigError)
    assert not model.asked
