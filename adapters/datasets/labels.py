"""Words for a preference, as tables of other people spell them.

Letter case, blanks, `_` and `-` do not matter. The words here mean one thing in every table whose
A and B columns are mapped the obvious way (left is A, first is A). Numbers do not: 0 is A here and
B there, so they need a `--labels 0=A,1=B` of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from parrot.adapters.datasets.cells import plain
from parrot.core.errors import ConfigError, RecordError
from parrot.core.values import Both, Label

Meaning = tuple[Label, Both | None]

_WORDS: dict[Meaning, str] = {
    (Label.A, None): "a|left|first|image a|model a|response a|option a|candidate a|a>b|[[a>b]]"
    "|left vote|leftvote|left>right|a is better|left is better|model a is better",
    (Label.B, None): "b|right|second|image b|model b|response b|option b|candidate b|b>a|[[b>a]]"
    "|right vote|rightvote|right>left|b is better|right is better|model b is better",
    (Label.TIE, None): "tie|ties|tied|draw|equal|same|a=b|[[a=b]]|it's a tie|no preference",
    (Label.TIE, Both.GOOD): "tie good|both good|bothgood|a=b=good|[[a=b=good]]|tie vote|tievote"
    "|both are good|good tie",
    (Label.TIE, Both.BAD): "tie bad|both bad|bothbad|a=b=bad|[[a=b=bad]]|bothbad vote|both bad vote"
    "|both are bad|bad tie",
}
KNOWN: dict[str, Meaning] = {
    word: meaning for meaning, words in _WORDS.items() for word in words.split("|")
}
_MEANINGS: dict[str, Meaning] = {
    "A": (Label.A, None),
    "B": (Label.B, None),
    "TIE": (Label.TIE, None),
    "TIE:GOOD": (Label.TIE, Both.GOOD),
    "TIE:BAD": (Label.TIE, Both.BAD),
}
_WHOLE = re.compile(r"^(-?\d+)\.0*$")
_GAPS = re.compile(r"[\s_\-]+")


def folded(value: Any) -> str:
    """The spelling under which a value is looked up: 1, 1.0, "1" and "1.0" are one."""
    text = str(plain(value)).strip().casefold()
    return _GAPS.sub(" ", _WHOLE.sub(r"\1", text))


def parse_labels(labels: Mapping[Any, str] | str) -> dict[str, Meaning]:
    """`VALUE=A,VALUE=TIE:BAD,...`, or a mapping of the same, as a table. Raises ConfigError."""
    if isinstance(labels, str):
        parts = [part.rpartition("=") for part in labels.split(",")] if labels else []
        said = [(value, meaning) for value, _, meaning in parts]
    else:
        said = [(value, str(meaning)) for value, meaning in labels.items()]
    table: dict[str, Meaning] = {}
    for value, meaning in said:
        key, known = folded(value), _MEANINGS.get(meaning.strip().upper())
        if not key or known is None:
            listed = ", ".join(_MEANINGS)
            raise ConfigError(f"labels are VALUE=MEANING with {listed}, not {value!r}={meaning!r}")
        if key in table:
            raise ConfigError(f"labels name {key!r} twice")
        table[key] = known
    return table


def meaning_of(value: Any, own: Mapping[str, Meaning]) -> Meaning:
    """What a label value means, the user's own table first. Raises RecordError."""
    key = folded(value)
    if key in own:
        return own[key]
    if own or key not in KNOWN:
        numeric = key.replace(".", "", 1).lstrip("-").isdigit() or key in {"true", "false"}
        cure = f"say what it means, such as `--labels {str(plain(value)).strip()}=A`"
        why = "means A in one table and B in another" if numeric else "is no label that is known"
        raise RecordError(f"{value!r} {why}; {cure}", field="label")
    return KNOWN[key]
