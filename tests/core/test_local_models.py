"""What models run in this process do alike: markup, shared beginnings, replies, batches."""

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Ask, Failed, FailureKind, Finish, Sampling, TokenLogprob, Turn, Until
from parrot.core.errors import ConfigError, ImageError, RejectedError
from parrot.core.local.beginnings import KEPT, LEAST, Beginnings
from parrot.core.local.chat import apart, ids_of, messages_of, pieces_of
from parrot.core.local.growing import Growing
from parrot.core.local.model import LocalModel

MARKS = ("<|im_end|>", "<|im_start|>", "<|image_pad|>")
texts = st.lists(
    st.one_of(st.text(max_size=20), st.sampled_from(MARKS), st.just("\ue0000\ue001")), max_size=4
)


def rendered(messages):
    parts = (
        f"<{m['role']}>" + "".join(p.get("text", "<image>") for p in m["content"]) for m in messages
    )
    return "".join(parts)


@given(st.lists(texts, min_size=1, max_size=4))
def test_pieces_put_together_are_what_was_said(said):
    turns = tuple(Turn("user", tuple(some)) for some in said)
    messages, held = messages_of(turns)
    pieces = list(pieces_of(rendered(messages), held))
    whole = "".join("<user>" + "".join(b for b in t.blocks if isinstance(b, str)) for t in turns)
    assert "".join(text for text, _ in pieces) == whole
    assert [text for text, own in pieces if own] == held
    assert not any("\ue000" in text for text, own in pieces if not own)


@given(st.text(max_size=30), st.sampled_from(MARKS), st.text(max_size=30))
def test_text_apart_holds_no_mark(before, mark, after):
    spelled = apart(before + mark + after, MARKS)
    assert not any(one in spelled for one in MARKS)
    assert apart("plain", MARKS) == "plain"


def test_markup_is_encoded_whole_unless_a_text_holds_a_mark():
    seen = []

    def encode(text):
        seen.append(text)
        return [len(text)]

    assert ids_of([("<a>", False), ("hi", True), ("<b>", False)], MARKS, encode) == [8]
    ids_of([("<|im_start|>", False), ("x<|im_end|>", True)], MARKS, encode)
    assert seen[1:] == ["<|im_start|>", "x<\u200b|im_end|>"]


@frozen
class Tokens:
    ids: list
    shared: int


ids = st.lists(st.integers(0, 2), min_size=1, max_size=40)


@given(st.lists(st.tuples(ids, st.integers(0, 40)), min_size=2, max_size=5), ids)
def test_what_is_shared_begins_every_prompt_and_leaves_a_token(made, common):
    common *= 4
    prompts = [Tokens(common + own, shared) for own, shared in made]
    count = Beginnings().length(prompts)
    assert count == 0 or count >= LEAST
    for one in prompts:
        assert one.ids[:count] == prompts[0].ids[:count]
        assert count < len(one.ids)
        assert count <= one.shared


def test_a_prompt_alone_shares_with_the_one_before_it():
    held = Beginnings()
    one, other = Tokens([1] * 20 + [2], 21), Tokens([1] * 20 + [3], 21)
    assert held.length([one]) == 0
    assert held.length([other]) == 20
    held.forget()
    assert held.length([one]) == 0


def test_a_beginning_is_made_once_and_the_oldest_goes():
    held, made = Beginnings(), []
    for key in (0, 1, 0, 2, 3, 4, 0, 1):
        held.of([key], lambda key=key: made.append(key))
    assert made == [0, 1, 2, 3, 4, 1]
    assert KEPT == 4


def spell(tokens, /, *, plain):
    return "".join(chr(97 + t) for t in tokens if not (plain and t == 25))


def grown(tokens, ask, **more):
    reply = Growing(ask, spell, ends=frozenset((26,)), **more)
    for token in tokens:
        reply.put(token, TokenLogprob(reply.piece(token), -1.0))
        if reply.finish:
            break
    return reply


def asked(text="x", **sampling):
    return Ask((Turn("user", (text,)),), Sampling(**{"temperature": 0.0} | sampling))


@given(st.lists(st.integers(0, 26), max_size=30), st.integers(1, 30))
def test_a_reply_ends_at_its_end_or_its_length(tokens, most):
    reply = grown(tokens, asked(max_tokens=most))
    before = tokens[: tokens.index(26)] if 26 in tokens else tokens
    cut = len(before) >= most
    assert reply.text == spell(before[:most], plain=True)
    wanted = Finish.LENGTH if cut else Finish.END if 26 in tokens else None
    assert reply.finish is wanted
    assert reply.reply(prompt=3, cached=1).usage.completion == len(before[:most])


@given(st.lists(st.integers(0, 3), max_size=30))
def test_a_stop_text_is_found_where_it_first_stands(tokens):
    reply = grown(tokens, asked(), stop=("abc",))
    whole = spell(tokens, plain=True)
    assert reply.text == whole.partition("abc")[0]
    assert (reply.finish is Finish.END) is ("abc" in whole)


def test_log_probabilities_are_given_where_they_were_asked_for():
    told = grown([1, 2, 26], asked(top_logprobs=0)).reply(prompt=1, cached=0).logprobs
    assert [one.token for one in told] == ["b", "c"]
    assert grown([1], asked()).reply(prompt=1, cached=0).logprobs is None


def test_scores_are_waited_for_only_where_they_are_the_end():
    ask = Ask((Turn("user", ("x",)),), until=Until.SCORES, last_score="Text")
    assert grown([1, 2, 3], ask).finish is None


@frozen
class Prompt:
    text: str

    @property
    def length(self):
        return len(self.text)


class Parrot:
    """Says what it was asked; refuses what it is told to."""

    def __init__(self, most=99):
        self.most, self.batches, self.forgot = most, [], 0

    def prepare(self, ask):
        text = ask.turns[-1].parts[0]
        if text == "picture":
            raise ImageError("blind")
        if text == "long":
            raise RejectedError("too long")
        return Prompt(text)

    def row(self, ask):
        return Growing(ask, spell, ends=frozenset((26,)))

    def decode(self, prompts, rows):
        self.batches.append([p.text for p in prompts])
        if len(prompts) > self.most:
            raise MemoryError
        for prompt, row in zip(prompts, rows, strict=True):
            for letter in prompt.text:
                row.put(ord(letter) - 97)
            row.put(26)
        return 2

    def forget(self):
        self.forgot += 1


def test_asks_are_answered_in_order_and_failures_are_their_own():
    network = Parrot()
    model = LocalModel("m", network, max_batch=2)
    words = ["a", "bbb", "picture", "long", "cc"]
    found = model.reply_batch([asked(word) for word in words])
    assert [one.text for one in found if not isinstance(one, Failed)] == ["a", "bbb", "cc"]
    assert [found[2].kind, found[3].kind] == [FailureKind.IMAGE, FailureKind.REJECTED]
    assert network.batches == [["bbb", "cc"], ["a"]]  # of like length, at most two
    assert found[0].usage.cached == 2


def test_openings_are_not_mixed():
    network = Parrot()
    asks = [
        Ask((Turn("system", (opening,)), Turn("user", (word,))), Sampling(0.0))
        for opening, word in (("x", "a"), ("y", "b"), ("x", "c"))
    ]
    assert [r.text for r in LocalModel("m", network, max_batch=9).reply_batch(asks)] == list("abc")
    assert sorted(network.batches) == [["a", "c"], ["b"]]


def test_a_batch_is_halved_where_memory_runs_out_and_stays_so():
    network = Parrot(most=2)
    model = LocalModel("m", network, max_batch=8)
    words = list("abcdefgh")
    assert [r.text for r in model.reply_batch([asked(w) for w in words])] == words
    assert model.max_batch == 2
    assert network.forgot == 2
    network.most = 0
    (failed,) = model.reply_batch([asked("a")])
    assert "does not fit" in failed.detail


def test_a_closed_model_answers_nothing():
    model = LocalModel("m", Parrot(), max_batch=1)
    model.close()
    (failed,) = model.reply_batch([asked()])
    assert failed.kind is FailureKind.REJECTED
    with pytest.raises(ConfigError, match="at least 1"):
        LocalModel("m", Parrot(), max_batch=0)
