"""Equal asks have equal keys; any change of meaning changes them; lengths do not."""

from attrs import evolve
from hypothesis import given

from parrot.core.asks import Ask, Finish, Reply, Sampling, Turn, Until
from parrot.core.interfaces import Record
from parrot.core.keys import answers, key_of
from parrot.core.testing.strategies import asks
from parrot.core.values import Image

IMAGE = Image("ab" * 32, "image/png", b"")
ASK = Ask((Turn("system", ("judge",)), Turn("user", ("look", IMAGE, "well"))), Sampling())


def test_the_key_of_a_known_ask_never_changes():
    assert key_of(ASK, "m:1").hex() == "25e6e316715df8fdf0e8b0bb5b1fdfd4"


def test_half_a_character_has_a_key_in_the_first_part_too():
    asked = {key_of(Ask((Turn("user", (text,)),), Sampling()), "m:1") for text in ("\ud83d", "?")}
    assert len(asked) == 2


def test_every_change_of_meaning_changes_the_key():
    other = Image("cd" * 32, "image/png", b"")
    changed = [
        evolve(ASK, sample=1),
        evolve(ASK, schema={"type": "object"}),
        evolve(ASK, image_policy="max_side=512"),
        evolve(ASK, sampling=Sampling(temperature=0.1)),
        evolve(ASK, sampling=Sampling(top_p=0.5)),
        evolve(ASK, sampling=Sampling(seed=1)),
        evolve(ASK, turns=(*ASK.turns[:1], Turn("user", ("look", other, "well")))),
        evolve(ASK, turns=(*ASK.turns[:1], Turn("user", ("lookw", IMAGE, "ell")))),
        evolve(ASK, turns=(*ASK.turns[:1], Turn("assistant", ASK.turns[1].parts))),
        evolve(ASK, turns=(Turn("system", ("judge", "look")), Turn("user", (IMAGE, "well")))),
    ]
    keys = {key_of(one, "m:1") for one in (ASK, *changed)} | {key_of(ASK, "m:2")}
    assert len(keys) == len(changed) + 2


def test_limits_of_length_are_not_in_the_key():
    longer = evolve(ASK, sampling=Sampling(max_tokens=9), until=Until.SCORES)
    assert key_of(longer, "m:1") == key_of(ASK, "m:1")


@given(asks())
def test_equal_asks_have_equal_keys(ask):
    assert key_of(evolve(ask), "m") == key_of(ask, "m")


def test_numbers_that_are_equal_are_written_alike():
    def key(temperature, top_p):
        return key_of(evolve(ASK, sampling=Sampling(temperature, top_p)), "m")

    assert len({key(0, 1), key(0.0, 1.0), key(-0.0, 1)}) == 1


def record(finish, max_tokens=100, top=None):
    return Record(b"k", Reply("x", finish), "m", max_tokens, top_logprobs=top)


def wants(max_tokens=100, until=Until.END, top=None):
    sampling = Sampling(max_tokens=max_tokens, top_logprobs=top)
    return evolve(ASK, sampling=sampling, until=until)


def test_a_full_reply_answers_an_ask_for_scores_and_never_the_reverse():
    assert answers(record(Finish.END), wants(until=Until.SCORES))
    assert not answers(record(Finish.SCORES), wants())
    assert answers(record(Finish.SCORES), wants(until=Until.SCORES))


def test_a_cut_reply_answers_only_who_allows_no_more():
    assert answers(record(Finish.LENGTH, 100), wants(100))
    assert not answers(record(Finish.LENGTH, 100), wants(101))


def test_log_probabilities_must_have_been_asked_for():
    assert not answers(record(Finish.END), wants(top=5))
    assert answers(record(Finish.END, top=5), wants(top=2))
