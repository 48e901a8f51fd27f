"""The reference page says of each protocol what the code does."""

from __future__ import annotations

from pathlib import Path

from parrot.core.evaluation import EVALUATION_PROTOCOLS
from parrot.core.formats import Choice
from parrot.core.judgements import Judged, Judgement
from parrot.core.records.judgements import _Record
from parrot.core.values import Both, Label

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "protocols.md"
WORTH = {None: "left out", 0.0: "wrong", 0.5: "half"}


def told(protocol):
    tie = Judged(Judgement("p", Label.A), Label.TIE, Both.GOOD, group_size=protocol.group_size)
    won = Judged(Judgement("p", Label.TIE), Label.A, group_size=protocol.group_size)
    cells = (
        f"`{protocol.name}`",
        protocol.definition,
        "a label" if protocol.counts(tie) else "skipped",
        WORTH[protocol.credit(won, Choice(Label.TIE))],
        protocol.unreadable.value.replace("-", " "),
        protocol.missing.value.replace("-", " "),
        protocol.source,
    )
    return f"| {' | '.join(cells)} |"


def test_each_protocol_has_its_true_row_and_no_other_is_there():
    rows = [
        line
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| `") and line.count(" | ") == 6
    ]
    assert rows == [told(one) for one in EVALUATION_PROTOCOLS.values()]


def test_each_field_of_a_record_is_told():
    text = PAGE.read_text("utf-8").split("## Records")[1]
    for name in (*_Record.model_fields, "schema"):
        assert f"`{name}`" in text
