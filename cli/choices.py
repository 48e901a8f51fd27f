"""From option texts to values of core: prompts, filters, selects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from parrot.core.candidates import Candidate, Filter, Gatherer, Order, Select, filter_name
from parrot.core.errors import ConfigError, UnknownNameError
from parrot.core.filters import FILTERS, filter_named, needs_of
from parrot.core.formats import format_named
from parrot.core.gatherers import gatherers
from parrot.core.pipelines.rationalizing import BOTH_ORDERS
from parrot.core.prompts.judging import Layout, Prompt
from parrot.core.prompts.wording import OURS, Wording, wording_from_dict
from parrot.core.select import keep_all

Member = TypeVar("Member", bound=StrEnum)
SETS: dict[str, tuple[str, ...]] = {
    "free": ("well-formed", "scores-agree", "leak-free"),
    "paper": ("well-formed", "predictive-text"),
    "default": ("well-formed", "scores-agree", "leak-free", "predictive-masked", "grounded"),
    "all": tuple(FILTERS),
}
_SETS = ", ".join(SETS)
_ORDERS = {"both": BOTH_ORDERS, "ab": (Order.AB,), "ba": (Order.BA,)}


def chosen_filters(text: str) -> tuple[Filter, ...]:
    """The filters of names and sets with commas between them, each once. Raises ConfigError."""
    given = [name.strip() for name in text.split(",") if name.strip()]
    if not given:
        raise ConfigError(f"--filters names no filter: {', '.join(FILTERS)}, or a set: {_SETS}")
    named = chain.from_iterable(SETS.get(name, (name,)) for name in given)
    return tuple(map(_filter, dict.fromkeys(named)))


def _filter(name: str) -> Filter:
    if name not in FILTERS:
        raise UnknownNameError("filter", name, (*FILTERS, *SETS))
    return filter_named(name)


def names_of(filters: tuple[Filter, ...]) -> list[str]:
    return [filter_name(f) for f in filters]


def evidence_for(
    filters: Sequence[Filter], *, probabilities: bool, choice: Select = keep_all
) -> Mapping[str, Gatherer[Candidate, Any]]:
    """What gathers evidence, with log-probabilities if wanted or if without them nothing can be told."""
    sure = {"specific" for one in filters if "specific" in needs_of(one)} | set(needs_of(choice))
    weighing = gatherers(logprobs=True)
    return gatherers(logprobs=probabilities) | {name: weighing[name] for name in sure}


def chosen_orders(text: str) -> tuple[Order, ...]:
    """`both`, `ab` or `ba`."""
    if text.lower() not in _ORDERS:
        raise UnknownNameError("order", text, _ORDERS)
    return _ORDERS[text.lower()]


def chosen_member(kind: type[Member], what: str, name: str) -> Member:
    """The member of that value. Raises UnknownNameError naming `what` and all values."""
    if name not in list(kind):
        raise UnknownNameError(what, name, [one.value for one in kind])
    return kind(name)


def chosen_members(kind: type[Member], what: str, text: str) -> tuple[Member, ...]:
    """The members of values with commas between them. Raises UnknownNameError."""
    return tuple(chosen_member(kind, what, name.strip()) for name in text.split(","))


def chosen_prompt(layout: str, reply_format: str, wording: Path | None) -> Prompt:
    """The prompt of three options. Raises ConfigError naming the one at fault."""
    placed = chosen_member(Layout, "prompt layout", layout)
    return Prompt(placed, format_named(reply_format), _wording(wording))


def chosen_values(parts: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` each; a value that reads as JSON is what it reads as, another is text."""
    found: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not (equals and key.strip().isidentifier()):
            raise ConfigError(f"an option of the generator reads KEY=VALUE, not {part!r}")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            found[key.strip()] = value
    return found


def _wording(path: Path | None) -> Wording:
    if path is None:
        return OURS
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"wording file {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"wording file {path} is not JSON in UTF-8: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"wording file {path} must hold one JSON object")
    return wording_from_dict(data)
