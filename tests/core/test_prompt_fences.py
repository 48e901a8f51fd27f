"""User text is only text: whatever a request holds, it stands verbatim and closes nothing."""

from hypothesis import given
from hypothesis import strategies as st

from parrot.core.asks import Sampling
from parrot.core.prompts.fences import fenced, unfenced
from parrot.core.prompts.judging import HINT, Layout, Prompt
from parrot.core.rubric import TEXT_TO_IMAGE
from parrot.core.values import Image, Label, PreferencePair, Request

A, B = (Image(c * 64, "image/png", b"") for c in "ab")
HOSTILE = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            [
                "=====",
                "======",
                "<image>",
                "{label}",
                "# Detailed Judgement",
                HINT + "B",
                "Request:",
                "\n",
            ]
        )
    ).map("\n".join),
)


@given(HOSTILE)
def test_what_is_fenced_comes_back_whole(text):
    assert unfenced("Request:", fenced("Request:", text)) == text


def pair(prompt):
    return PreferencePair("1", Request(prompt), A, B, Label.A)


@given(HOSTILE)
def test_images_and_parts_do_not_depend_on_what_the_request_says(prompt):
    for layout in Layout:
        ask = Prompt(layout).compare(
            pair(prompt), TEXT_TO_IMAGE, anchored=True, sampling=Sampling()
        )
        assert ask.images == (A, B)
        assert fenced("Request:", prompt) in ask.turns[-1].parts
        assert ask.turns[-1].parts[-1] == HINT + "A"


def test_what_asks_of_one_rubric_share_stands_first_and_equal():
    prompt = Prompt()
    asks = [
        prompt.compare(pair(p), TEXT_TO_IMAGE, anchored=True, sampling=Sampling())
        for p in ("x", "y")
    ]
    assert asks[0].turns[0] == asks[1].turns[0]
    assert asks[0].turns[1].parts[0] != asks[1].turns[1].parts[0]


def test_a_blind_ask_holds_no_hint():
    ask = Prompt().compare(pair("x"), TEXT_TO_IMAGE, anchored=False, sampling=Sampling())
    text = "\n".join(p for t in ask.turns for p in t.parts if isinstance(p, str))
    assert "preference" not in text
    assert "preferred" not in text
