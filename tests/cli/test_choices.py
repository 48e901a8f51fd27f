"""What option texts stand for: a list of filters is never empty by accident."""

import pytest

from parrot.cli.choices import SETS, chosen_filters, names_of
from parrot.core.errors import ConfigError, UnknownNameError


@pytest.mark.parametrize("text", ["", ",", " , ,"])
def test_a_list_without_a_name_is_refused(text):
    with pytest.raises(ConfigError, match="names no filter"):
        chosen_filters(text)


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_its_filters(name):
    assert tuple(names_of(chosen_filters(name))) == SETS[name]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("free,grounded", [*SETS["free"], "grounded"]),
        ("grounded, free ", ["grounded", *SETS["free"]]),
        ("free,paper", [*SETS["free"], "predictive-text"]),
        ("leak-free,leak-free,", ["leak-free"]),
    ],
)
def test_sets_stand_beside_names_and_each_filter_is_taken_once(text, names):
    assert names_of(chosen_filters(text)) == names


def test_an_unknown_name_tells_of_sets_too():
    with pytest.raises(UnknownNameError, match="Did you mean 'free'"):
        chosen_filters("well-formed,fre")


@pytest.mark.parametrize("command", ["rationalize", "filter"])
def test_both_commands_refuse_an_empty_list_before_anything_is_made(command, tmp_path, parrot):
    pairs = tmp_path / "pairs.jsonl"
    row = '{"id": "1", "prompt": "a", "image_a": "a.png", "image_b": "b.png", "label": "A"}\n'
    pairs.write_text(row)
    more = ("--teacher", "miniature:teacher") if command == "rationalize" else ()
    out = tmp_path / "run"
    status, _, told = parrot(command, pairs, *more, "--out", out, "--filters", ",")
    assert (status, len(told)) == (2, 1)
    assert "names no filter" in told[0]
    assert not out.exists()
