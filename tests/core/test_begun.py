"""What goes on is what was begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot.core.begun import refuse_another
from parrot.core.errors import ConfigError

FACTS = st.dictionaries(
    st.sampled_from("abcd"),
    st.none() | st.integers() | st.text(max_size=3) | st.tuples(st.integers(), st.booleans()),
)
HERE = Path("out")


@given(FACTS)
def test_what_was_written_agrees_with_itself(facts: dict[str, Any]) -> None:
    refuse_another(HERE, json.loads(json.dumps(facts)), facts)


@given(FACTS, FACTS)
def test_a_fact_of_either_side_that_differs_is_named(
    began: dict[str, Any], asked: dict[str, Any]
) -> None:
    plain = json.loads(json.dumps(asked))
    began = json.loads(json.dumps(began))
    other = {n for n in {*began, *plain} if began.get(n) != plain.get(n)}
    if not other:
        refuse_another(HERE, began, asked)
        return
    with pytest.raises(ConfigError) as refused:
        refuse_another(HERE, began, asked)
    for name in "abcd":
        assert (f"{name}: " in _without_values(str(refused.value), began, plain)) == (name in other)


def _without_values(text: str, *facts: dict[str, Any]) -> str:
    for value in (value for some in facts for value in some.values()):
        text = text.replace(f": {value!r}", ": ").replace(f"not {value!r}", "not ")
    return text


def test_facts_that_need_not_agree_are_not_looked_at() -> None:
    refuse_another(HERE, {"a": 1, "b": 1}, {"a": 1, "b": 2}, names=["a"])
    with pytest.raises(ConfigError, match=r"out holds another study \(b: 1, not 2\)"):
        refuse_another(HERE, {"a": 1, "b": 1}, {"a": 1, "b": 2}, what="study")
